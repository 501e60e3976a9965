"""The collection `provider_paces`: the calls in flight and begun, counted in one command by the server's clock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError
from pymongo.write_concern import WriteConcern

from imagegeneration.domain.generation import ProviderName
from imagegeneration.domain.pace import Pace
from imagegeneration.domain.provider import ProviderLimits
from imagegeneration.store.connection import Connection, Document, translated
from imagegeneration.store.schema import validator

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_A_MINUTE_AGO = {"$dateSubtract": {"startDate": "$$NOW", "unit": "minute", "amount": 1}}
_FORGET_ENDED: Document = {
    "$set": {
        "slots": {"$filter": {"input": "$slots", "cond": {"$gt": ["$$this.until", "$$NOW"]}}},
        "starts": {"$filter": {"input": "$starts", "cond": {"$gt": ["$$this", _A_MINUTE_AGO]}}},
        "askedAt": "$$NOW",
    }
}


@translated
class PaceStore:
    """One document a provider that has a rate or a number of calls at once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        # A count that a failover takes back lets a few calls too many pass once: that costs a 429, and no money.
        self._paces = connection.collection("provider_paces").with_options(write_concern=WriteConcern(w=1))

    def prepare(self) -> None:
        """Create the collection and its validator; `_id` is the provider."""
        self._connection.prepare("provider_paces", validator(Pace, key="provider"), [])

    def ensure(self, provider: ProviderName) -> None:
        """Make sure that the provider has a document, so that all else only updates."""
        fresh = Pace(provider=provider, asked_at=_LONG_AGO).document()
        key = fresh.pop("provider")
        try:
            self._paces.update_one({"_id": key}, {"$setOnInsert": fresh}, upsert=True)
        except DuplicateKeyError:
            return  # two were first at once: it exists

    def take(self, limits: ProviderLimits, attempt_id: str, slot_seconds: float) -> Pace | None:
        """Count one more call, in flight for so many seconds, if the limits allow it; the pace afterwards.

        It has the attempt if, and only if, the call may begin. None where the provider has no document.
        """
        may: list[Document] = []
        if limits.concurrency is not None:
            may.append({"$lt": [{"$size": "$slots"}, limits.concurrency]})
        if limits.per_minute is not None:
            may.append({"$lt": [{"$size": "$starts"}, limits.per_minute]})
        slot = {"attemptId": {"$literal": attempt_id}, "until": _in(slot_seconds)}
        counted = {
            "slots": {"$cond": [{"$and": may}, {"$concatArrays": ["$slots", [slot]]}, "$slots"]},
            "starts": {"$cond": [{"$and": may}, {"$concatArrays": ["$starts", ["$$NOW"]]}, "$starts"]},
        }
        found = self._paces.find_one_and_update(
            {"_id": limits.provider}, [_FORGET_ENDED, {"$set": counted}], return_document=ReturnDocument.AFTER
        )
        return None if found is None else _pace(found)

    def end(self, provider: ProviderName, attempt_id: str) -> None:
        """The call is over: it is in flight no more, and counts for the rate."""
        self._paces.update_one({"_id": provider}, {"$pull": {"slots": {"attemptId": attempt_id}}})

    def renew(self, attempt_ids: Sequence[str], slot_seconds: float) -> None:
        """The calls are still in flight."""
        still = {"$in": ["$$this.attemptId", {"$literal": list(attempt_ids)}]}
        prolonged = {"$mergeObjects": ["$$this", {"until": _in(slot_seconds)}]}
        slots = {"$map": {"input": "$slots", "in": {"$cond": [still, prolonged, "$$this"]}}}
        self._paces.update_many({"slots.attemptId": {"$in": list(attempt_ids)}}, [{"$set": {"slots": slots}}])

    def all(self) -> list[Pace]:
        """The pace of every provider that has one, as it was when somebody last asked."""
        return [_pace(found) for found in self._paces.find().sort("_id")]


def _in(seconds: float) -> Document:
    return {"$dateAdd": {"startDate": "$$NOW", "unit": "millisecond", "amount": round(seconds * 1000)}}


def _pace(found: Document) -> Pace:
    return Pace.model_validate({"provider": found.pop("_id"), **found})
