"""The collection `events`: what has happened to jobs, append-only, for a week."""

from __future__ import annotations

from collections.abc import Sequence

from pymongo import ASCENDING, IndexModel

from imagegeneration.jobs.event import Event
from imagegeneration.mongo.collection import Collection
from imagegeneration.mongo.connection import Connection
from imagegeneration.mongo.transaction import Session

KEPT_SECONDS = 7 * 24 * 3600
"""How long an event is kept."""

_INDEXES = (
    IndexModel([("jobId", ASCENDING), ("eventId", ASCENDING)], unique=True),  # guard: one-event-per-number
    IndexModel("createdAt", expireAfterSeconds=KEPT_SECONDS),
)


class EventStore:
    """Appends events and reads them; there is no way to change one."""

    def __init__(self, connection: Connection) -> None:
        self._events = Collection(connection, "events", Event, indexes=_INDEXES)

    def append(self, events: Sequence[Event], *, session: Session) -> None:
        """Add events, inside the transaction that makes the changes they tell of."""
        self._events.append(events, session=session)

    def since(self, job_id: str, after: int) -> list[Event]:
        """Return the events of the job that are numbered above `after`, in order."""
        return self._events.find({"jobId": job_id, "eventId": {"$gt": after}}, sort=[("eventId", ASCENDING)])
