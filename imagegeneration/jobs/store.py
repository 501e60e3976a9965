"""The collection `jobs`: the queue, and the record of everything that was approved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from threading import Event
from typing import Any

from pydantic import ValidationError
from pydantic.alias_generators import to_camel
from pymongo import ASCENDING, DESCENDING, IndexModel, ReturnDocument, UpdateOne
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from imagegeneration.core.errors import WrongState
from imagegeneration.core.ids import ProviderName
from imagegeneration.core.roles import Reach
from imagegeneration.jobs.event import News, numbered
from imagegeneration.jobs.event_store import EventStore
from imagegeneration.jobs.job import ImageState, Job, JobImage, JobSummary, Lease, Status
from imagegeneration.jobs.link import Link
from imagegeneration.jobs.news import end_of, news_of
from imagegeneration.jobs.outlook import Waiting
from imagegeneration.mongo.collection import Collection
from imagegeneration.mongo.connection import Connection
from imagegeneration.mongo.errors import studio_error, translated
from imagegeneration.mongo.schema import Document
from imagegeneration.mongo.transaction import Session
from imagegeneration.providers.breaker import Barred

_ALIVE: Sequence[Status] = ("QUEUED", "RUNNING")
_OVER: Sequence[Status] = ("DONE", "FAILED")
_OPEN: Sequence[ImageState] = ("GENERATED", "UNKNOWN")
"""States in which an image may need a person."""

_SET_ASIDE = {"images.attempts.outcome": "set_aside"}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NO_ID = {"_id": False}
_PLACE = {"runAt": True}

EVERYBODY = Reach(user_id=None)
"""What the studio itself sees, on nobody's behalf."""

_LINKED = {"links": {"$exists": True}}
"""Jobs that are linked to something of their caller's: the others cost their indexes nothing."""

_NEWEST = [("createdAt", DESCENDING), ("jobId", DESCENDING)]
_OF_A_LINK = [("links.type", ASCENDING), ("links.id", ASCENDING), *_NEWEST]
_TURNS = [(name, ASCENDING) for name in ("status", "userId", "runAt", "request.model", "request.provider")]
_UNFINISHED = {"status": {"$in": list(_ALIVE)}}
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
        partialFilterExpression=_SET_ASIDE,
    ),
    IndexModel([("request.model", ASCENDING), ("completedAt", DESCENDING)], name="history"),
    IndexModel([("userId", ASCENDING), *_OF_A_LINK], name="newest_linked", partialFilterExpression=_LINKED),
    IndexModel(_OF_A_LINK, name="newest_linked_of_all", partialFilterExpression=_LINKED),
)

_TOLD = {"_id": False, "jobId": True, "userId": True, "lastEvent": True, "news": True}
_SUMMARY = _NO_ID | {to_camel(name): True for name in JobSummary.model_fields}

Place = tuple[datetime, str]
"""Where a page ends: the createdAt and the jobId of its last job."""

Change = tuple[JobImage, JobImage]
"""An image as it was read, and as it shall be."""

Queued = tuple[Document, str]
"""A query for jobs that wait, and the index that it goes by."""


@translated
class JobStore:
    """Reads jobs, claims them, and changes their images by compare-and-set.

    The events of a change are written with it: inside a transaction into `events`, and by a single write onto the job's
    own document, from where the next transaction takes them along.
    """

    def __init__(self, connection: Connection, events: EventStore) -> None:
        self._events = events
        self._collection = Collection(connection, "jobs", Job, indexes=_INDEXES)
        self._jobs = self._collection.raw
        # A claim that a failover takes back is no harm: the fence of the one-way door, a majority write, is then wrong.
        self._claims = self._jobs.with_options(write_concern=WriteConcern(w=1), read_concern=ReadConcern("local"))

    def insert(self, job: Job, *, session: Session) -> None:
        """Add a job, inside the transaction that also holds its money."""
        news = news_of((), job.images, job.created_at)
        self._jobs.insert_one(job.model_copy(update={"last_event": len(news)}).document(), session=session)
        events = numbered(news, 1, job.job_id, job.user_id)
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
        """Return the job as it is stored, at most one: None for a document that is no job any more."""
        try:
            found = self._collection.get({"jobId": job_id}, session=session)
        except ValidationError:
            return [None]
        return [] if found is None else [found]

    def page(
        self, reach: Reach, limit: int, after: Place | None, status: Status | None, owner: str | None = None
    ) -> list[Job]:
        """Up to `limit` jobs within the reach, newest first, those before `after`; with `owner`, that user's only."""
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
        """As `page`, but only what a list needs: a fifth of the work. With `link`, only jobs that have it."""
        found = self._page(_SUMMARY, reach, limit, after, status, owner, link)
        return [JobSummary.model_validate(summary) for summary in found]

    def owners(self, reach: Reach) -> list[str]:
        """Return the users who have jobs within the reach; one key of an index is read for each."""
        own = [] if reach.user_id is None else [reach.user_id]
        if own and not reach.done_of_all:
            return own
        query: Document = {"userId": {"$gt": ""}}  # names the index's first field, so that it is skipped through
        found: list[str] = self._jobs.distinct("userId", query | ({"status": "DONE"} if reach.done_of_all else {}))
        return [*found, *(one for one in own if one not in found)]

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

    def queued(self, at_most: int, *, session: Session | None = None) -> int:
        """How many jobs wait, counted up to `at_most`."""
        return self._jobs.count_documents({"status": "QUEUED"}, limit=at_most, hint="turns", session=session)

    def open_of(self, user_id: str, at_most: int, *, session: Session) -> int:
        """How many of the user's jobs are queued or running, counted up to `at_most`."""
        alive = {"userId": user_id, "status": {"$in": list(_ALIVE)}}
        return self._jobs.count_documents(alive, limit=at_most, hint="turns", session=session)

    def latest_completed(self, model: str, at_most: int) -> list[Job]:
        """Return the last jobs of `model` that made an image, the latest first."""
        completed = {"request.model": model, "completedAt": {"$ne": None}, "cdnUrls.0": {"$exists": True}}
        return self._collection.find(completed, sort=[("completedAt", DESCENDING)], limit=at_most)

    def waiting_users(self) -> list[str]:
        """The users who have queued jobs."""
        found: list[str] = self._jobs.distinct("userId", {"status": "QUEUED"})
        return found

    def claim(
        self,
        user_id: str,
        lease: Lease,
        lease_seconds: float,
        barred: Barred,
        provider: ProviderName | None = None,
    ) -> Job | None:
        """Lease the user's job that waits longest; None if none waits. All times are the server's.

        With `provider` it is one that asks for that provider first.
        """
        queries = _queued(user_id, barred) if provider is None else [_queued_for(user_id, barred, provider)]
        for query, index in self._oldest_first(queries):
            found = self._claims.find_one_and_update(
                query,
                [{"$set": _leased(lease, lease_seconds)}],
                projection=_NO_ID,
                sort=[("runAt", ASCENDING)],
                hint=index,
                return_document=ReturnDocument.AFTER,
            )
            if found is not None:
                return Job.model_validate(found)
        return None

    def claim_many(self, user_id: str, lease: Lease, lease_seconds: float, barred: Barred, at_most: int) -> list[Job]:
        """As `claim`, for several jobs in three round trips. Jobs that others claim meanwhile are theirs."""
        waiting = [
            found
            for query, index in _queued(user_id, barred)
            for found in self._claims.find(query, _PLACE, hint=index).sort("runAt", ASCENDING).limit(at_most)
        ]
        waiting.sort(key=_due)
        chosen = {"_id": {"$in": [found["_id"] for found in waiting[:at_most]]}}
        if not chosen["_id"]["$in"]:
            return []
        still_due: Document = {
            **chosen,
            **_due_of(user_id),  # guard: claim-many-due
        }
        self._claims.update_many(still_due, [{"$set": _leased(lease, lease_seconds)}])
        leased: Document = {
            **chosen,
            "lease.fence": lease.fence,  # guard: claim-many-fence
        }
        claimed = self._claims.find(leased, _NO_ID).sort("jobId", ASCENDING)
        return [Job.model_validate(found) for found in claimed]

    def _oldest_first(self, queries: Sequence[Queued]) -> Sequence[Queued]:
        """The queries in the order of the first job that each would find; one alone is not asked."""
        if len(queries) == 1:
            return queries
        firsts = [
            (found, query)
            for query in queries
            for found in self._claims.find(query[0], _PLACE, hint=query[1]).sort("runAt", ASCENDING).limit(1)
        ]
        return [query for _, query in sorted(firsts, key=lambda first: _due(first[0]))]

    def claim_overdue(self, lease: Lease, lease_seconds: float) -> Job | None:
        """Lease the running job that is due longest: its lease expired, or its next attempt is due; None if none is.

        `runAt` is the end of a running job's lease, or the due time of its next attempt. A claim after the
        expired lease of another runner, which has probably died over the job, is counted in `claims`.
        """
        due = {
            "status": "RUNNING",
            "runAt": {"$gt": _EPOCH},
            "$expr": {"$lte": ["$runAt", "$$NOW"]},  # guard: claim-lease-expired
        }
        anothers = {"$and": [{"$ne": ["$lease", None]}, {"$ne": ["$lease.owner", lease.owner]}]}
        counted = {"claims": {"$cond": [anothers, {"$add": ["$claims", 1]}, "$claims"]}}
        found = self._jobs.find_one_and_update(
            due,
            [{"$set": _leased(lease, lease_seconds) | counted}],
            projection=_NO_ID,
            sort=[("runAt", ASCENDING)],
            hint="turns",
            return_document=ReturnDocument.AFTER,
        )
        return _job(found)

    def renew(self, owner: str, fences: Sequence[str], lease_seconds: float) -> int:
        """Prolong the leases that are still `owner`'s, expired or not; the number of them."""
        held = {
            "status": "RUNNING",
            "lease.owner": owner,  # guard: renew-owner
            "lease.fence": {"$in": list(fences)},  # guard: renew-fence
        }
        return self._jobs.update_many(held, [{"$set": {"runAt": _lease_end(lease_seconds)}}]).matched_count

    def release(self, job_id: str, fence: str, run_at: datetime | None) -> bool:
        """Give a lease back; the job is claimable from `run_at` on (None: not by a claim). False if it was lost."""
        held = {
            "jobId": job_id,
            "lease.fence": fence,  # guard: release-fence
            "status": "RUNNING",
        }
        return self._update(held, {"lease": None, "runAt": run_at})

    def start_image(self, job_id: str, fence: str, change: Change) -> bool:
        """The one-way door to a paid call: only with the live lease, no cancel, and the image as it was read."""
        alive = {
            "lease.fence": fence,  # guard: start-fence
            "status": "RUNNING",  # guard: start-running
            "cancelRequestedAt": None,  # guard: start-not-canceled
            "$expr": {"$gt": ["$runAt", "$$NOW"]},  # guard: start-live-lease
        }
        old, new = change
        news = news_of([old], [new], new.attempt.started_at or _EPOCH)
        return self.swap_images(job_id, [change], guard=alive, news=news)

    def swap_images(
        self,
        job_id: str,
        changes: Sequence[Change],
        *,
        guard: Mapping[str, Any] | None = None,
        fields: Mapping[str, Any] | None = None,
        approval: Mapping[str, Any] | None = None,
        news: Sequence[News] = (),
        session: Session | None = None,
    ) -> bool:
        """Compare-and-set: put the new images, and `fields`, if every old one is still there as it was read.

        An image carries its state, its attempts and their ids, so that one comparison guards them all.
        `approval` is appended to `retries`, and `news` to what is told of the job. False, and nothing changed, where
        the comparison or `guard` fails.
        """
        expected = {f"images.{old.index}": old.document() for old, _ in changes}
        images = {f"images.{new.index}": new.document() for _, new in changes}
        pushed: Document = {"retries": approval} if approval else {}
        query = {
            "jobId": job_id,
            **expected,  # guard: swap-images-as-read
            **(guard or {}),
        }
        put = {**images, **(fields or {})}
        if session is not None:
            return self._update_telling(query, put, pushed, news, session)
        more: Document = {}
        if news:
            pushed["news"] = {"$each": [one.document() for one in news]}  # guard: news-with-change
            more["$inc"] = {"lastEvent": len(news)}  # guard: event-counter-with-news
        return self._update(query, put, more | ({"$push": pushed} if pushed else {}))

    def conclude(self, ends: Sequence[tuple[Job, Mapping[str, Any]]], now: datetime, *, session: Session) -> None:
        """Set what follows from the images of each job, inside the transaction in which the jobs were read.

        A job that is over by this gets its time of completion, by the server's clock. Raises WrongState (IMG_011) if
        one is not any more as it was read.
        """
        changes, events = [], []
        for job, fields in ends:
            news = [
                *job.news,  # guard: conclude-news
                *([end_of(fields, now)] if fields.get("status") in _OVER else []),
            ]
            first = job.last_event - len(job.news) + 1
            events += numbered(news, first, job.job_id, job.user_id)
            changes.append(UpdateOne(_as_read(job), _concluded(fields, first + len(news) - 1)))
        if changes and self._jobs.bulk_write(changes, session=session).matched_count < len(changes):
            raise WrongState("A job has changed meanwhile.")
        self._events.append(events, session=session)

    def arrivals(self, stop: Event) -> Iterator[str | None]:
        """The user of each job that becomes claimable, as the change stream tells it; a hint, not the truth.

        Of a job that is queued again the stream does not tell the user: None. Ends soon after `stop` is set.
        Raises DatabaseDown when the stream breaks.
        """
        queued = {"$or": [{"operationType": "insert"}, {"updateDescription.updatedFields.status": "QUEUED"}]}
        stages: list[Document] = [{"$match": queued}, {"$project": {"fullDocument.userId": True}}]
        try:
            with self._jobs.watch(stages, max_await_time_ms=500) as stream:
                while not stop.is_set():
                    event = stream.try_next()
                    if event is not None:
                        yield event.get("fullDocument", {}).get("userId")
        except PyMongoError as error:
            raise studio_error(error) from error

    def key(self, job_id: str) -> str | None:
        """What `changed` calls the job; None without it."""
        found = self._jobs.find_one({"jobId": job_id}, {"_id": True})
        return None if found is None else str(found["_id"])

    def changed(self, stop: Event) -> Iterator[str]:
        """The key of each job of which there is news, as the change stream tells it; a hint, not the truth.

        Ends soon after `stop` is set. Raises DatabaseDown when the stream breaks.
        """
        told = {"updateDescription.updatedFields.lastEvent": {"$exists": True}}
        stages: list[Document] = [{"$match": told}, {"$project": {"documentKey": True}}]
        try:
            with self._jobs.watch(stages, max_await_time_ms=500) as stream:
                while not stop.is_set():
                    event = stream.try_next()
                    if event is not None:
                        yield str(event["documentKey"]["_id"])
        except PyMongoError as error:
            raise studio_error(error) from error

    def running(self) -> int:
        """How many jobs are running."""
        return self._jobs.count_documents({"status": "RUNNING"}, hint="turns")

    def queued_before(self, user_id: str, run_at: datetime | None, at_most: int) -> int:
        """How many of the user's jobs are queued and due before `run_at`; counted up to `at_most`."""
        before = {"runAt": {"$lt": run_at}}
        return self._jobs.count_documents(
            {"status": "QUEUED", "userId": user_id, **before}, limit=at_most, hint="turns"
        )

    def waiting(self) -> list[Waiting]:
        """Of each user who has queued jobs, how many, and since when the oldest waits."""
        by_user: list[Document] = [
            {"$match": {"status": "QUEUED"}},
            {"$group": {"_id": "$userId", "jobs": {"$sum": 1}, "since": {"$min": "$runAt"}}},
        ]
        found = self._jobs.aggregate(by_user, hint="turns")
        return [Waiting(user_id=user["_id"], jobs=user["jobs"], since=user["since"]) for user in found]

    def unknown_micros(self) -> int:
        """What all images that were perhaps charged may have cost."""
        last: Document = {"$arrayElemAt": ["$images.attempts.costMicros", -1]}
        stages: list[Document] = [
            {"$match": {"images.state": "UNKNOWN"}},
            {"$unwind": "$images"},
            {"$match": {"images.state": "UNKNOWN"}},
            {"$group": {"_id": None, "micros": {"$sum": last}}},
        ]
        found = self._jobs.aggregate(stages).to_list()
        return int(found[0]["micros"]) if found else 0

    def in_doubt_since(self, since: datetime, at_most: int) -> list[Job]:
        """Return jobs that have an image UNKNOWN and have changed since then, the latest first."""
        query = {"images.state": "UNKNOWN", "updatedAt": {"$gte": since}}
        return self._collection.find(query, sort=[("updatedAt", DESCENDING)], limit=at_most)

    def with_images(self, state: ImageState, at_most: int) -> list[Job]:
        """Return jobs that have an image GENERATED or UNKNOWN, oldest first."""
        return self._collection.find({"images.state": state}, sort=[("createdAt", ASCENDING)], limit=at_most)

    def set_aside(self, at_most: int) -> list[Job]:
        """Return jobs that have an answer set aside, newest first, also those a person has decided about."""
        return self._collection.find(_SET_ASIDE, sort=[("createdAt", DESCENDING)], limit=at_most)

    def of_attempt(self, attempt_id: str) -> Job | None:
        """The job that waits for the result of the attempt; None if there is none, or none that still waits."""
        of_it: Document = {"images.attempts.attemptId": attempt_id}
        found = self._jobs.find_one(of_it | {"status": {"$in": list(_ALIVE)}}, _NO_ID, hint="turns")
        return _job(found or self._jobs.find_one(of_it | {"images.state": {"$in": list(_OPEN)}}, _NO_ID, hint="open"))

    def generated_of(self, attempt_ids: Sequence[str]) -> list[Job]:
        """The jobs that wait for the bytes of one of the attempts."""
        query = {"images.state": "GENERATED", "images.attempts.attemptId": {"$in": list(attempt_ids)}}
        return [Job.model_validate(job) for job in self._jobs.find(query, _NO_ID, hint="open")]

    def _update_telling(
        self, query: Document, fields: Document, pushed: Document, news: Sequence[News], session: Session
    ) -> bool:
        """As `_update`, inside a transaction, which takes the job's own news along."""
        update: Document = {
            "$set": fields,
            "$currentDate": {"updatedAt": True},
            "$unset": {"news": True},  # guard: news-taken-once
        }
        if pushed:
            update["$push"] = pushed
        if news:
            update["$inc"] = {"lastEvent": len(news)}  # guard: event-counter-in-transaction
        before = self._jobs.find_one_and_update(query, update, projection=_TOLD, session=session)
        if before is None:
            return False
        waiting = [News.model_validate(one) for one in before.get("news", ())]
        first = before.get("lastEvent", 0) - len(waiting) + 1
        told = [
            *waiting,  # guard: news-taken-along
            *news,
        ]
        events = numbered(told, first, before["jobId"], before["userId"])
        self._events.append(events, session=session)  # guard: event-transaction-change
        return True

    def _update(
        self,
        query: Mapping[str, Any],
        fields: Mapping[str, Any],
        more: Mapping[str, Any] | None = None,
    ) -> bool:
        update = {"$set": dict(fields), "$currentDate": {"updatedAt": True}, **(more or {})}
        return self._jobs.update_one(query, update).matched_count == 1


def _within(reach: Reach) -> Document:
    if reach.user_id is None:
        return {}
    own: Document = {"userId": reach.user_id}
    return {"$or": [own, {"status": "DONE"}]} if reach.done_of_all else own


def _of_owner(owner: str, reach: Reach) -> Document:
    """The jobs of one user within the reach, in a form that goes by an index."""
    if reach.user_id in (None, owner):
        return {"userId": owner}
    return {"userId": owner, "status": "DONE"} if reach.done_of_all else {"userId": {"$in": []}}


def _due_of(user_id: str) -> Document:
    return {
        "status": "QUEUED",
        "userId": user_id,
        "$expr": {"$lte": ["$runAt", "$$NOW"]},  # guard: claim-due
    }


def _queued(user_id: str, barred: Barred) -> Sequence[Queued]:
    """What finds the user's jobs that somebody may make who is not barred.

    Two queries, because an `$or` sorts everything it finds; and the second only while something is barred.
    """
    free = _not_barred(barred)
    first: Queued = (_due_of(user_id) | {f"request.{name}": wish for name, wish in free.items()}, "turns")
    if not free:
        return [first]
    barred_first = {"$or": [{f"request.{name}": {"$in": wish["$nin"]}} for name, wish in free.items()]}
    instead = {"alternates": {"$exists": True, "$elemMatch": free}}
    return [first, (_due_of(user_id) | barred_first | instead, "alternates")]


def _queued_for(user_id: str, barred: Barred, provider: ProviderName) -> Queued:
    query, index = _queued(user_id, barred.model_copy(update={"providers": ()}))[0]
    return query | {"request.provider": provider}, index


def _not_barred(barred: Barred) -> Mapping[str, Document]:
    """Conditions on parameters: none of the barred models and providers."""
    names = {"model": barred.models, "provider": barred.providers}
    return {name: {"$nin": list(stopped)} for name, stopped in names.items() if stopped}


def _due(found: Document) -> datetime:
    due: datetime = found["runAt"]
    return due


def _leased(lease: Lease, seconds: float) -> Document:
    return {
        "status": "RUNNING",
        "lease": {"$literal": lease.document()},
        "runAt": _lease_end(seconds),
        "startedAt": {"$ifNull": ["$startedAt", "$$NOW"]},
        "updatedAt": "$$NOW",
    }


def _as_read(job: Job) -> Document:
    states = {f"images.{image.index}.state": image.state for image in job.images}
    return {
        "jobId": job.job_id,
        "lastEvent": job.last_event or None,  # guard: conclude-last-event
        "status": job.status,
        **states,  # guard: conclude-image-states
    }


def _concluded(fields: Mapping[str, Any], last_event: int) -> list[Document]:
    known = {**fields, "lastEvent": last_event}
    stages: list[Document] = [
        {"$set": {name: {"$literal": value} for name, value in known.items()}},
        {"$unset": "news"},  # guard: conclude-news-once
    ]
    if fields.get("status") in _OVER:
        took = {"$dateDiff": {"startDate": "$startedAt", "endDate": "$completedAt", "unit": "millisecond"}}
        stages.append({"$set": {"completedAt": {"$ifNull": ["$completedAt", "$$NOW"]}}})
        stages.append({"$set": {"durationMs": {"$cond": [{"$eq": ["$startedAt", None]}, None, took]}}})
    return [*stages, {"$set": {"updatedAt": "$$NOW"}}]


def _lease_end(seconds: float) -> Document:
    return {"$dateAdd": {"startDate": "$$NOW", "unit": "millisecond", "amount": round(seconds * 1000)}}


def _job(found: Document | None) -> Job | None:
    return None if found is None else Job.model_validate(found)
