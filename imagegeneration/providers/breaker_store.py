"""The collection `breakers`: what is paused, and how many calls failed in a row."""

from __future__ import annotations

from datetime import datetime

from imagegeneration.mongo.collection import Collection
from imagegeneration.mongo.connection import Connection
from imagegeneration.mongo.schema import Document
from imagegeneration.mongo.transaction import Session
from imagegeneration.providers.breaker import TESTED, Breaker, Pause


class BreakerStore:
    """One document a scope, changed by compare-and-set."""

    def __init__(self, connection: Connection) -> None:
        self._breakers = Collection(connection, "breakers", Breaker, key="scope")

    def all(self) -> list[Breaker]:
        """Return every breaker, by scope."""
        return self._breakers.find({}, sort=[("_id", 1)])

    def ensure(self, scope: str) -> None:
        """Make sure that the scope has a document, so that all else only updates."""
        self._breakers.ensure(Breaker(scope=scope))

    def pause(self, scope: str, pause: Pause, *, session: Session) -> bool:
        """Pause the scope. Return False if it was paused already.

        A pause that calls test gives way to one that they do not, and one for failures to one for the account.
        """
        gives_way = {"failures": [], "credentials": ["failures"]}.get(pause.cause, list(TESTED))
        free: list[Document] = [{"pause": None}, {"pause.cause": {"$in": gives_way}}]
        return self._breakers.compare_and_set(
            {"_id": scope, "$or": free}, {"$set": {"pause": pause.document()}}, session=session
        )

    def resume(self, scope: str, pause: Pause, resumed_at: datetime | None, *, session: Session) -> bool:
        """End this pause. Return False if it was ended or replaced meanwhile. `resumed_at` is when a person did."""
        by_person = {} if resumed_at is None else {"resumedAt": resumed_at}
        return self._breakers.compare_and_set(
            {"_id": scope, "pause.pausedAt": pause.paused_at, "pause.cause": pause.cause},
            {"$set": {"pause": None, "failures": 0, **by_person}},
            session=session,
        )

    def prolong(
        self, scope: str, pause: Pause, probe_at: datetime, seconds: float, *, session: Session | None = None
    ) -> bool:
        """Move the time of the next probe. Return False if another process has moved it: one takes each probe."""
        return self._breakers.compare_and_set(
            {"_id": scope, "pause.probeAt": pause.probe_at, "pause.cause": pause.cause},
            {"$set": {"pause.probeAt": probe_at, "pause.seconds": seconds}},
            session=session,
        )

    def failed(self, scope: str, message: str) -> Breaker | None:
        """Count one more failure in a row. Return the breaker afterwards, or None if there is none."""
        return self._breakers.update({"_id": scope}, {"$inc": {"failures": 1}, "$set": {"lastFailure": message}})

    def succeeded(self, scope: str) -> Breaker | None:
        """Reset the failures in a row. Return the breaker, or None, and write nothing, if there was none to reset."""
        troubled = {"_id": scope, "$or": [{"failures": {"$gt": 0}}, {"pause": {"$ne": None}}]}
        return self._breakers.update(troubled, {"$set": {"failures": 0}})
