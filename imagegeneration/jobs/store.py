"""The collection `jobs`: the documents of jobs, and their changes by compare-and-set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from pydantic.alias_generators import to_camel
from pymongo import ASCENDING, DESCENDING, IndexModel, UpdateOne

from imagegeneration.core.roles import Reach
from imagegeneration.jobs.event import events_of, numbered_after
from imagegeneration.jobs.event_store import EventStore
from imagegeneration.jobs.job import Approval, ImageState, Job, JobImage, JobSummary, Status
from imagegeneration.jobs.link import Link
from imagegeneration.mongo.collection import Collection
from imagegeneration.mongo.connection import Connection
from imagegeneration.mongo.errors import translated
from imagegeneration.mongo.schema import Document
from imagegeneration.mongo.transaction import Session

ALIVE: Sequence[Status] = ("QUEUED", "RUNNING")
_OPEN: Sequence[ImageState] = ("GENERATED", "UNKNOWN")
"""The states in which an image may need a user."""

SET_ASIDE = {"images.attempts.outcome": "set_aside"}

_NO_ID = {"_id": False}

EVERYBODY = Reach(user_id=None)
"""The reach of the studio itself, which acts for no user."""

_LINKED = {"links": {"$exists": True}}
"""The filter for jobs that have links. Other jobs are not in the indexes of links."""

_NEWEST = [("createdAt", DESCENDING), ("jobId", DESCENDING)]
_OF_A_LINK = [("links.type", ASCENDING), ("links.id", ASCENDING), *_NEWEST]
_TURNS = [(name, ASCENDING) for name in ("status", "userId", "runAt", "request.model", "request.provider")]
_UNFINISHED = {"status": {"$in": list(ALIVE)}}
_INDEXES = (
    IndexModel("jobId", unique=True),
    IndexModel([("userId", ASCENDING), *_NEWEST], name="newest"),
    IndexModel([("userId", ASCENDING), ("status", ASCENDING), *_NEWEST], name="newest_by_status"),
    IndexModel(_NEWEST, name="newest_of_all"),
    IndexModel([("status", ASCENDING), *_NEWEST], name="newest_of_all_by_status"),
    IndexModel(_TURNS, name="turns", partialFilterExpression=_UNFINISHED),
    IndexModel(_TURNS, name="alternates", partialFilterExpression=_UNFINISHED | {"alternates": {"$exists": True}}),
    IndexModel(
        [("images.state", ASCENDING), ("createdAt", ASCENDING)],
        name="open",
        partialFilterExpression={"images.state": {"$in": list(_OPEN)}},
    ),
    IndexModel(
        [("images.attempts.outcome", ASCENDING), ("createdAt", ASCENDING)],
        name="set_aside",
        partialFilterExpression=SET_ASIDE,
    ),
    IndexModel([("request.model", ASCENDING), ("completedAt", DESCENDING)], name="history"),
    IndexModel([("userId", ASCENDING), *_OF_A_LINK], name="newest_linked", partialFilterExpression=_LINKED),
    IndexModel(_OF_A_LINK, name="newest_linked_of_all", partialFilterExpression=_LINKED),
)

_SUMMARY = _NO_ID | {to_camel(name): True for name in JobSummary.model_fields}

Place = tuple[datetime, str]
"""The position of a page's end: the createdAt and the jobId of its last job."""


@dataclass(frozen=True)
class ImageChange:
    """A change of images: `new` replaces `old`, if the old images are still as they were read.

    `guard` is a further condition on the job, `fields` are written with the images, and `approval` is appended to
    `retries`.
    """

    old: Sequence[JobImage]
    new: Sequence[JobImage]
    guard: Mapping[str, Any] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)
    approval: Approval | None = None


def job_collection(connection: Connection) -> Collection[Job]:
    """Return the collection that the stores of jobs share."""
    return Collection(connection, "jobs", Job, indexes=_INDEXES)


@translated
class JobStore:
    """The store of jobs, changed by compare-and-set. The events of a change are written in its transaction."""

    def __init__(self, jobs: Collection[Job], events: EventStore) -> None:
        self._events = events
        self._collection = jobs
        self._jobs = jobs.raw

    def insert(self, job: Job, *, session: Session) -> None:
        """Add a job, inside the transaction that also holds its money."""
        events = events_of(job, (), job.images, {}, job.created_at)
        self._collection.insert(job.model_copy(update={"last_event": len(events)}), session=session)
        self._events.append(events, session=session)  # guard: event-transaction-approval

    def get(self, job_id: str, reach: Reach = EVERYBODY) -> Job | None:
        """Return the job, or None if there is none within the reach."""
        return self._collection.get({"jobId": job_id, **_within(reach)})

    def get_many(self, job_ids: Sequence[str], *, session: Session | None = None) -> list[Job]:
        """Return those of these jobs that exist."""
        return self._collection.find({"jobId": {"$in": list(job_ids)}}, session=session)

    def ids(self) -> list[str]:
        """Return the id of every job."""
        return [str(found.get("jobId")) for found in self._jobs.find({}, {"_id": False, "jobId": True})]

    def stored(self, job_id: str, *, session: Session) -> list[Job | None]:
        """Return the stored job in a list, None for a document that is no valid job; empty if there is none."""
        try:
            found = self._collection.get({"jobId": job_id}, session=session)
        except ValidationError:
            return [None]
        return [] if found is None else [found]

    def page(
        self, reach: Reach, limit: int, after: Place | None, status: Status | None, owner: str | None = None
    ) -> list[Job]:
        """Return up to `limit` jobs within the reach, newest first, those before `after`; with `owner`, that user's."""
        return [Job.model_validate(found) for found in self._page(_NO_ID, reach, limit, after, status, owner)]

    def summaries(
        self,
        reach: Reach,
        limit: int,
        after: Place | None,
        status: Status | None,
        owner: str | None = None,
        link: Link | None = None,
    ) -> list[JobSummary]:
        """Return a page as `page` does, with only the fields of a list. With `link`, return only jobs that have it."""
        found = self._page(_SUMMARY, reach, limit, after, status, owner, link)
        return [JobSummary.model_validate(summary) for summary in found]

    def owners(self, reach: Reach) -> list[str]:
        """Return the users who have jobs within the reach. It reads one key of an index for each."""
        own = [] if reach.user_id is None else [reach.user_id]
        if own and not reach.done_of_all:
            return own
        query: Document = {"userId": {"$gt": ""}}  # names the first field of an index to scan it by skipping
        found: list[str] = self._jobs.distinct("userId", query | ({"status": "DONE"} if reach.done_of_all else {}))
        return [*found, *(one for one in own if one not in found)]

    def of_attempt(self, attempt_id: str) -> Job | None:
        """Return the job that waits for the result of the attempt, or None if there is none."""
        of_it: Document = {"images.attempts.attemptId": attempt_id}
        alive = of_it | {"status": {"$in": list(ALIVE)}}
        found = self._jobs.find_one(alive, hint="turns")
        still_open = of_it | {"images.state": {"$in": list(_OPEN)}}
        return self._collection.parse(found or self._jobs.find_one(still_open, hint="open"))

    def generated_of(self, attempt_ids: Sequence[str]) -> list[Job]:
        """Return the jobs that wait for the bytes of one of the attempts."""
        query = {"images.state": "GENERATED", "images.attempts.attemptId": {"$in": list(attempt_ids)}}
        return [Job.model_validate(job) for job in self._jobs.find(query, _NO_ID, hint="open")]

    def change(self, job: Job, change: ImageChange, now: datetime, *, session: Session) -> bool:
        """Compare and set: write the change and its events if every old image is still there and the guard holds.

        An image carries its state, its attempts and their ids, so that one comparison guards them all. Return False,
        and write nothing, if the comparison or the guard fails.
        """
        expected = {f"images.{old.index}": old.document() for old in change.old}
        images = {f"images.{new.index}": new.document() for new in change.new}
        query = {
            "jobId": job.job_id,
            **expected,  # guard: swap-images-as-read
            **change.guard,
        }
        events = events_of(job, change.old, change.new, change.fields, now)
        update = _update({**images, **change.fields}, len(events))
        if change.approval is not None:
            update["$push"] = {"retries": change.approval.document()}
        before = self._jobs.find_one_and_update(query, update, projection={"lastEvent": True}, session=session)
        if before is None:
            return False
        # Other images of the job may have changed since it was read, so that it has more events by now.
        renumbered = numbered_after(before["lastEvent"], events)  # guard: event-number-in-transaction
        self._events.append(renumbered, session=session)  # guard: event-transaction-change
        return True

    def conclude(self, ends: Sequence[tuple[Job, Mapping[str, Any]]], now: datetime, *, session: Session) -> None:
        """Write fields to each job, with their events, inside the transaction in which the jobs were read."""
        events = [events_of(job, (), (), fields, now) for job, fields in ends]
        changes = [
            UpdateOne({"jobId": job.job_id}, _update(fields, len(told)))
            for (job, fields), told in zip(ends, events, strict=True)
        ]
        if changes:
            self._jobs.bulk_write(changes, session=session)
        self._events.append([event for told in events for event in told], session=session)

    def _page(
        self,
        projection: Mapping[str, bool],
        reach: Reach,
        limit: int,
        after: Place | None,
        status: Status | None,
        owner: str | None = None,
        link: Link | None = None,
    ) -> list[Document]:
        conditions: list[Document] = [_within(reach) if owner is None else _of_owner(owner, reach)]
        if link is not None:
            conditions += [_LINKED, {"links": {"$elemMatch": link.document()}}]
        if status is not None:
            conditions.append({"status": status})
        if after is not None:
            created_at, job_id = after
            conditions.append({"createdAt": {"$lte": created_at}})
            conditions.append({"$or": [{"createdAt": {"$lt": created_at}}, {"jobId": {"$lt": job_id}}]})
        query = {"$and": conditions}
        return self._jobs.find(query, projection).sort(_NEWEST).limit(limit).to_list()


def _update(fields: Mapping[str, Any], events: int) -> Document:
    """Return the update that writes the fields and counts the events."""
    return {
        "$set": dict(fields),
        "$currentDate": {"updatedAt": True},
        "$inc": {"lastEvent": events},  # guard: event-counter
    }


def _within(reach: Reach) -> Document:
    if reach.user_id is None:
        return {}
    own: Document = {"userId": reach.user_id}
    return {"$or": [own, {"status": "DONE"}]} if reach.done_of_all else own


def _of_owner(owner: str, reach: Reach) -> Document:
    """Return the filter for one user's jobs within the reach, in a form that uses an index."""
    if reach.user_id in (None, owner):
        return {"userId": owner}
    return {"userId": owner, "status": "DONE"} if reach.done_of_all else {"userId": {"$in": []}}
