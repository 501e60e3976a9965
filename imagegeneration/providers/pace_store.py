"""The collection `provider_paces`: calls in flight and starts, counted in one command by the server's clock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from pymongo.write_concern import WriteConcern

from imagegeneration.core.ids import ProviderName
from imagegeneration.money.money import ProviderLimits
from imagegeneration.mongo.collection import Collection
from imagegeneration.mongo.connection import Connection
from imagegeneration.mongo.errors import translated
from imagegeneration.mongo.schema import Document
from imagegeneration.providers.pace import Pace

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_A_MINUTE_AGO = {"$dateSubtract": {"startDate": "$$NOW", "unit": "minute", "amount": 1}}
_FORGET_ENDED: Document = {
    "$set": {
        # guard: pace-slot-expires
        "slots": {"$filter": {"input": "$slots", "cond": {"$gt": ["$$this.until", "$$NOW"]}}},
        "starts": {"$filter": {"input": "$starts", "cond": {"$gt": ["$$this", _A_MINUTE_AGO]}}},
        "askedAt": "$$NOW",
    }
}


@translated
class PaceStore:
    """The store of paces, one document for each provider with a limit of rate or of concurrent calls."""

    def __init__(self, connection: Connection) -> None:
        # A failover may roll a count back and let a few calls too many pass once. That costs a 429, and no money.
        weak = WriteConcern(w=1)
        self._paces = Collection(connection, "provider_paces", Pace, key="provider", write_concern=weak)

    def ensure(self, provider: ProviderName) -> None:
        """Create the provider's document if it is missing, so that all other writes are updates."""
        self._paces.ensure(Pace(provider=provider, asked_at=_LONG_AGO))

    def take(self, limits: ProviderLimits, attempt_id: str, slot_seconds: float) -> Pace | None:
        """Count one more call, in flight for `slot_seconds`, if the limits allow it. Return the updated pace.

        It has the attempt if, and only if, the call may start. Return None if the provider has no document.
        """
        may: list[Document] = []
        if limits.concurrency is not None:
            may.append({"$lt": [{"$size": "$slots"}, limits.concurrency]})  # guard: pace-concurrency
        if limits.per_minute is not None:
            may.append({"$lt": [{"$size": "$starts"}, limits.per_minute]})  # guard: pace-per-minute
        slot = {"attemptId": {"$literal": attempt_id}, "until": _in(slot_seconds)}
        counted = {
            "slots": {"$cond": [{"$and": may}, {"$concatArrays": ["$slots", [slot]]}, "$slots"]},
            # guard: pace-counts-starts
            "starts": {"$cond": [{"$and": may}, {"$concatArrays": ["$starts", ["$$NOW"]]}, "$starts"]},
        }
        return self._paces.update({"_id": limits.provider}, [_FORGET_ENDED, {"$set": counted}])

    def end(self, provider: ProviderName, attempt_id: str) -> None:
        """Record that the call is over: its slot is free, and it still counts for the rate."""
        self._paces.compare_and_set({"_id": provider}, {"$pull": {"slots": {"attemptId": attempt_id}}})

    def renew(self, attempt_ids: Sequence[str], slot_seconds: float) -> None:
        """Renew the calls' slots for `slot_seconds`."""
        still = {"$in": ["$$this.attemptId", {"$literal": list(attempt_ids)}]}
        prolonged = {"$mergeObjects": ["$$this", {"until": _in(slot_seconds)}]}
        slots = {"$map": {"input": "$slots", "in": {"$cond": [still, prolonged, "$$this"]}}}
        self._paces.raw.update_many({"slots.attemptId": {"$in": list(attempt_ids)}}, [{"$set": {"slots": slots}}])

    def all(self) -> list[Pace]:
        """Return every provider's pace, as of its last call."""
        return self._paces.find({}, sort=[("_id", 1)])


def _in(seconds: float) -> Document:
    return {"$dateAdd": {"startDate": "$$NOW", "unit": "millisecond", "amount": round(seconds * 1000)}}
