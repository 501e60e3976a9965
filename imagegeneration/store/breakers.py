"""The collection `breakers`: what is paused, and how many calls failed in a row."""

from __future__ import annotations

from datetime import datetime

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from imagegeneration.domain.breaker import TESTED, Breaker, Pause
from imagegeneration.store.connection import Connection, Document, Session, translated
from imagegeneration.store.schema import validator


@translated
class BreakerStore:
    """One document a scope, changed by compare-and-set."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._breakers = connection.collection("breakers")

    def prepare(self) -> None:
        """Create the collection and its validator; `_id` is the scope."""
        self._connection.prepare("breakers", validator(Breaker, key="scope"), [])

    def all(self) -> list[Breaker]:
        """Every breaker, by scope."""
        return [_breaker(found) for found in self._breakers.find().sort("_id")]

    def ensure(self, scope: str) -> None:
        """Make sure that the scope has a document, so that all else only updates."""
        fresh = Breaker(scope=scope).document()
        key = fresh.pop("scope")
        try:
            self._breakers.update_one({"_id": key}, {"$setOnInsert": fresh}, upsert=True)
        except DuplicateKeyError:
            return  # two were first at once: it exists

    def pause(self, scope: str, pause: Pause, *, session: Session) -> bool:
        """Pause the scope unless it is paused; False if it was.

        A pause that calls test gives way to one that they do not, and one for failures to one for the account.
        """
        gives_way = {"failures": [], "credentials": ["failures"]}.get(pause.cause, list(TESTED))
        free: list[Document] = [{"pause": None}, {"pause.cause": {"$in": gives_way}}]
        changed = self._breakers.update_one(
            {"_id": scope, "$or": free}, {"$set": {"pause": pause.document()}}, session=session
        )
        return changed.matched_count == 1

    def resume(self, scope: str, pause: Pause, resumed_at: datetime | None, *, session: Session) -> bool:
        """End exactly this pause; False if it was ended or replaced meanwhile. `resumed_at` is when a person did."""
        by_person = {} if resumed_at is None else {"resumedAt": resumed_at}
        changed = self._breakers.update_one(
            {"_id": scope, "pause.pausedAt": pause.paused_at, "pause.cause": pause.cause},
            {"$set": {"pause": None, "failures": 0, **by_person}},
            session=session,
        )
        return changed.matched_count == 1

    def prolong(
        self, scope: str, pause: Pause, probe_at: datetime, seconds: float, *, session: Session | None = None
    ) -> bool:
        """Move the time of the next probe, if the pause is still as it was read: so only one takes each probe."""
        changed = self._breakers.update_one(
            {"_id": scope, "pause.probeAt": pause.probe_at, "pause.cause": pause.cause},
            {"$set": {"pause.probeAt": probe_at, "pause.seconds": seconds}},
            session=session,
        )
        return changed.matched_count == 1

    def failed(self, scope: str, message: str) -> Breaker | None:
        """Count one more failure in a row; the breaker afterwards."""
        found = self._breakers.find_one_and_update(
            {"_id": scope},
            {"$inc": {"failures": 1}, "$set": {"lastFailure": message}},
            return_document=ReturnDocument.AFTER,
        )
        return None if found is None else _breaker(found)

    def succeeded(self, scope: str) -> Breaker | None:
        """No failures in a row any more; the breaker, or None, and nothing written, if all was well before."""
        troubled = {"_id": scope, "$or": [{"failures": {"$gt": 0}}, {"pause": {"$ne": None}}]}
        found = self._breakers.find_one_and_update(
            troubled, {"$set": {"failures": 0}}, return_document=ReturnDocument.AFTER
        )
        return None if found is None else _breaker(found)


def _breaker(found: Document) -> Breaker:
    return Breaker.model_validate({"scope": found.pop("_id"), **found})
