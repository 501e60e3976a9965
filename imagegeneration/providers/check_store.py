"""The collection `provider_checks`: the latest check of each provider."""

from __future__ import annotations

from datetime import UTC, datetime

from imagegeneration.core.ids import ProviderName
from imagegeneration.mongo.collection import Collection
from imagegeneration.mongo.connection import Connection
from imagegeneration.mongo.schema import Document
from imagegeneration.providers.health import Checked, ProviderHealth

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class CheckStore:
    """The store of checks, one document for each provider.

    The holder of the latest claim may record. All times are the server's.
    """

    def __init__(self, connection: Connection) -> None:
        self._checks = Collection(connection, "provider_checks", ProviderHealth, key="provider")

    def all(self) -> list[ProviderHealth]:
        """Return the latest check of each provider that was ever checked."""
        return self._checks.find({}, sort=[("_id", 1)])

    def claim(
        self, provider: ProviderName, claim_id: str, fingerprint: str, older_than_seconds: float
    ) -> ProviderHealth | None:
        """Claim a check, unless one with the same credentials began less than `older_than_seconds` ago.

        Return the previous result, or None if another process has done the check or is doing it.
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
        """Record the result of the check. Return False if another was begun meanwhile."""
        facts = {name: {"$literal": value} for name, value in checked.document().items()}
        stages: list[Document] = [{"$set": facts | {"checkedAt": "$$NOW"}}]
        own = {
            "_id": provider,
            "claimId": claim_id,  # guard: check-own-claim
        }
        return self._checks.compare_and_set(own, stages)
