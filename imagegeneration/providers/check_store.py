"""The collection `provider_checks`: what was found when each provider was asked last."""

from __future__ import annotations

from datetime import UTC, datetime

from imagegeneration.core.ids import ProviderName
from imagegeneration.mongo.collection import Collection
from imagegeneration.mongo.connection import Connection
from imagegeneration.mongo.schema import Document
from imagegeneration.providers.health import Checked, ProviderHealth

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class CheckStore:
    """One document a provider. Whose claim it is may check; all times are the server's."""

    def __init__(self, connection: Connection) -> None:
        self._checks = Collection(connection, "provider_checks", ProviderHealth, key="provider")

    def all(self) -> list[ProviderHealth]:
        """Return what is known of each provider that was ever checked."""
        return self._checks.find({}, sort=[("_id", 1)])

    def claim(
        self, provider: ProviderName, claim_id: str, fingerprint: str, older_than_seconds: float
    ) -> ProviderHealth | None:
        """Begin a check, unless one with the same credentials began less than so many seconds ago.

        What was known before; None where there is nothing to do, because another process has done or is doing it.
        """
        self._checks.ensure(ProviderHealth(provider=provider, claim_id="", claimed_at=_LONG_AGO, fingerprint=""))
        ago = {
            "$dateSubtract": {"startDate": "$$NOW", "unit": "millisecond", "amount": round(older_than_seconds * 1000)}
        }
        due: list[Document] = [
            {"fingerprint": {"$ne": fingerprint}},  # guard: check-new-credentials
            {"$expr": {"$lte": ["$claimedAt", ago]}},
        ]
        return self._checks.update(
            {
                "_id": provider,
                "$or": due,  # guard: check-claimed-once
            },
            [{"$set": {"claimId": claim_id, "claimedAt": "$$NOW", "fingerprint": fingerprint}}],
            after=False,
        )

    def record(self, provider: ProviderName, claim_id: str, checked: Checked) -> bool:
        """Write down what the check has found, unless another was begun meanwhile."""
        facts = {name: {"$literal": value} for name, value in checked.document().items()}
        stages: list[Document] = [{"$set": facts | {"checkedAt": "$$NOW"}}]
        own = {
            "_id": provider,
            "claimId": claim_id,  # guard: check-own-claim
        }
        return self._checks.compare_and_set(own, stages)
