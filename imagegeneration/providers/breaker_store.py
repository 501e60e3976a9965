"""The collection `breakers`: pauses, and the number of failed calls in a row."""

from __future__ import annotations

from datetime import datetime

from imagegeneration.mongo.collection import Collection
from imagegeneration.mongo.connection import Connection
from imagegeneration.mongo.schema import Document
from imagegeneration.mongo.transaction import Session
from imagegeneration.providers.breaker import TESTED, Breaker, Pause


class BreakerStore:
    """The store of breakers, one document for each scope, changed by compare-and-set."""

    def __init__(self, connection: Connection) -> None:
        self._breakers = Collection(connection, "breakers", Breaker, key="scope")

    def all(self) -> list[Breaker]:
        """Return every breaker, by scope."""
        return self._breakers.find({}, sort=[("_id", 1)])

    def ensure(self, scope: str) -> None:
        """Create the scope's document if it is missing, so that all other writes are updates."""
        self._breakers.ensure(Breaker(scope=scope))

    def pause(self, scope: str, pause: Pause, *, session: Session) -> bool:
        """Pause the scope. Return False if it was paused already.

        A pause that no call tests replaces one that calls test, and a pause for the account replaces one for failures.
        """
        gives_way = {"failures": [], "credentials": ["failures"]}.get(pause.cause, list(TESTED))
        free: list[Document] = [{"pause": None}, {"pause.cause": {"$in": gives_way}}]
        return self._breakers.compare_and_set(
            {"_id": scope, "$or": free}, {"$set": {"pause": pause.document()}}, session=session
        )

    def resume(self, scope: str, pause: Pause, resumed_at: datetime | None, *, session: Session) -> bool:
        """End this pause. Return False if it has ended or was replaced.

        `resumed_at` is when a user resumed it, or None.
        """
        by_person = {} if resumed_at is None else {"resumedAt": resumed_at}
        return self._breakers.compare_and_set(
            {"_id": scope, "pause.pausedAt": pause.paused_at, "pause.cause": pause.cause},
            {"$set": {"pause": None, "failures": 0, **by_person}},
            session=session,
        )

    def prolong(
        self, scope: str, pause: Pause, probe_at: datetime, seconds: float, *, session: Session | None = None
    ) -> bool:
        """Move the time of the next probe. Return False if another process has moved it: only one takes each probe."""
        return self._breakers.compare_and_set(
            {"_id": scope, "pause.probeAt": pause.probe_at, "pause.cause": pause.cause},
            {"$set": {"pause.probeAt": probe_at, "pause.seconds": seconds}},
            session=session,
        )

    def failed(self, scope: str, message: str) -> Breaker | None:
        """Count one more failure in a row. Return the updated breaker, or None if it does not exist."""
        return self._breakers.update({"_id": scope}, {"$inc": {"failures": 1}, "$set": {"lastFailure": message}})

    def succeeded(self, scope: str) -> Breaker | None:
        """Reset the failures in a row. Return the breaker, or None without a write if there was none to reset."""
        troubled = {"_id": scope, "$or": [{"failures": {"$gt": 0}}, {"pause": {"$ne": None}}]}
        return self._breakers.update(troubled, {"$set": {"failures": 0}})
