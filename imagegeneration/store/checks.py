"""The collection `provider_checks`: what was found when each provider was asked last."""

from __future__ import annotations

from datetime import UTC, datetime

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from imagegeneration.domain.generation import ProviderName
from imagegeneration.domain.health import Checked, ProviderHealth
from imagegeneration.store.connection import Connection, Document, translated
from imagegeneration.store.schema import validator

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@translated
class CheckStore:
    """One document a provider. Whose claim it is may check; all times are the server's."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._checks = connection.collection("provider_checks")

    def prepare(self) -> None:
        """Create the collection and its validator; `_id` is the provider."""
        self._connection.prepare("provider_checks", validator(ProviderHealth, key="provider"), [])

    def all(self) -> list[ProviderHealth]:
        """What is known of each provider that was ever checked."""
        return [_health(found) for found in self._checks.find().sort("_id")]

    def claim(
        self, provider: ProviderName, claim_id: str, fingerprint: str, older_than_seconds: float
    ) -> ProviderHealth | None:
        """Begin a check, unless one with the same credentials began less than so many seconds ago.

        What was known before; None where there is nothing to do, because another process has done or is doing it.
        """
        self._ensure(provider)
        ago = {
            "$dateSubtract": {"startDate": "$$NOW", "unit": "millisecond", "amount": round(older_than_seconds * 1000)}
        }
        due: Document = {"$or": [{"fingerprint": {"$ne": fingerprint}}, {"$expr": {"$lte": ["$claimedAt", ago]}}]}
        found = self._checks.find_one_and_update(
            {"_id": provider, **due},
            [{"$set": {"claimId": claim_id, "claimedAt": "$$NOW", "fingerprint": fingerprint}}],
            return_document=ReturnDocument.BEFORE,
        )
        return None if found is None else _health(found)

    def record(self, provider: ProviderName, claim_id: str, checked: Checked) -> bool:
        """Write down what the check has found, unless another was begun meanwhile."""
        facts = {name: {"$literal": value} for name, value in checked.document().items()}
        stages: list[Document] = [{"$set": facts | {"checkedAt": "$$NOW"}}]
        return self._checks.update_one({"_id": provider, "claimId": claim_id}, stages).matched_count == 1

    def _ensure(self, provider: ProviderName) -> None:
        fresh = ProviderHealth(provider=provider, claim_id="", claimed_at=_LONG_AGO, fingerprint="").document()
        key = fresh.pop("provider")
        try:
            self._checks.update_one({"_id": key}, {"$setOnInsert": fresh}, upsert=True)
        except DuplicateKeyError:
            return  # two were first at once: it exists


def _health(found: Document) -> ProviderHealth:
    return ProviderHealth.model_validate({"provider": found.pop("_id"), **found})
