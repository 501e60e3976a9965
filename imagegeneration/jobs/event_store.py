"""The collection `events`: the events of jobs, append-only, kept for a week."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from threading import Event

from pymongo import ASCENDING, IndexModel
from pymongo.errors import PyMongoError

from imagegeneration.jobs.event import JobEvent
from imagegeneration.mongo.collection import Collection
from imagegeneration.mongo.connection import Connection
from imagegeneration.mongo.errors import studio_error
from imagegeneration.mongo.schema import Document
from imagegeneration.mongo.transaction import Session

KEPT_SECONDS = 7 * 24 * 3600
"""How long an event is kept, in seconds."""

_INDEXES = (
    IndexModel([("jobId", ASCENDING), ("eventId", ASCENDING)], unique=True),  # guard: one-event-per-number
    IndexModel("createdAt", expireAfterSeconds=KEPT_SECONDS),
)


class EventStore:
    """The append-only store of events.

    The events of a job are in the order of their numbers. All events are in the order in which they were committed,
    which the change stream keeps (docs/adr/0036-events.md).
    """

    def __init__(self, connection: Connection) -> None:
        self._events = Collection(connection, "events", JobEvent, indexes=_INDEXES)

    def append(self, events: Sequence[JobEvent], *, session: Session) -> None:
        """Append events, inside the transaction that makes the changes they describe."""
        self._events.append(events, session=session)

    def of_job(self, job_id: str, after: int, last: int) -> list[JobEvent]:
        """Return the events of the job that are numbered above `after` and up to `last`, in order."""
        numbers = {"$gt": after, "$lte": last}
        return self._events.find({"jobId": job_id, "eventId": numbers}, sort=[("eventId", ASCENDING)])

    def changed_jobs(self, stop: Event) -> Iterator[str]:
        """Yield the job of each event, in the order of commit, from now until soon after `stop` is set.

        Raises DatabaseDown when the change stream breaks.
        """
        stages: list[Document] = [
            {"$match": {"operationType": "insert"}},
            {"$project": {"fullDocument.jobId": True}},
        ]
        try:
            with self._events.raw.watch(stages, max_await_time_ms=500) as stream:
                while not stop.is_set():
                    change = stream.try_next()
                    if change is not None:
                        yield change["fullDocument"]["jobId"]
        except PyMongoError as error:
            raise studio_error(error) from error
