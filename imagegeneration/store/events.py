"""The collection `events`: what has happened to jobs, append-only, for a week."""

from __future__ import annotations

from collections.abc import Sequence

from pymongo import ASCENDING, IndexModel

from imagegeneration.domain.event import Event
from imagegeneration.store.connection import Connection, Session, translated
from imagegeneration.store.schema import validator

KEPT_SECONDS = 7 * 24 * 3600


@translated
class EventStore:
    """Appends events and reads them; there is no way to change one."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._events = connection.collection("events")

    def prepare(self) -> None:
        """Create the collection, its validator and its indexes; events expire after a week."""
        indexes = [
            IndexModel([("jobId", ASCENDING), ("eventId", ASCENDING)], unique=True),
            IndexModel("createdAt", expireAfterSeconds=KEPT_SECONDS),
        ]
        self._connection.prepare("events", validator(Event), indexes)

    def append(self, events: Sequence[Event], *, session: Session) -> None:
        """Add events, inside the transaction that makes the changes they tell of."""
        if events:
            self._events.insert_many([event.document() for event in events], session=session)

    def since(self, job_id: str, after: int) -> list[Event]:
        """The events of the job that are numbered above `after`, in order."""
        found = self._events.find({"jobId": job_id, "eventId": {"$gt": after}}, {"_id": False})
        return [Event.model_validate(event) for event in found.sort("eventId", ASCENDING)]
