"""The queue in the collection `jobs`: claims, leases, and arrivals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from threading import Event

from pymongo import ASCENDING, ReturnDocument
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from imagegeneration.core.ids import ProviderName
from imagegeneration.jobs.job import Job, Lease
from imagegeneration.mongo.collection import Collection
from imagegeneration.mongo.errors import studio_error, translated
from imagegeneration.mongo.schema import Document
from imagegeneration.providers.breaker import Barred

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NO_ID = {"_id": False}
_PLACE = {"runAt": True}

Queued = tuple[Document, str]
"""A query for queued jobs, and the index that it uses."""


@translated
class QueueStore:
    """The store of claims and leases. All times are the server's."""

    def __init__(self, jobs: Collection[Job]) -> None:
        self._jobs = jobs.raw
        # A claim that a failover rolls back does no harm: the one-way door, a majority write, then finds a wrong fence.
        self._claims = self._jobs.with_options(write_concern=WriteConcern(w=1), read_concern=ReadConcern("local"))

    def arrivals(self, stop: Event) -> Iterator[str | None]:
        """Yield the user of each job that becomes claimable, from the change stream: a hint, not the truth.

        Yield None for a job that is queued again, because the stream does not name its user. End soon after `stop` is
        set. Raises DatabaseDown when the stream breaks.
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

    def waiting_users(self) -> list[str]:
        """Return the users who have queued jobs."""
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
        """Lease the user's job that has waited longest, and return it, or None if none waits.

        With `provider`, only jobs whose request names that provider count.
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
        """Lease several jobs in three round trips, as `claim` does.

        Jobs that another runner claims meanwhile are left out.
        """
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

    def claim_overdue(self, lease: Lease, lease_seconds: float) -> Job | None:
        """Lease the running job that has been due longest, and return it, or None if none is due.

        `runAt` is the end of a running job's lease, or the due time of its next attempt. A claim after another runner's
        expired lease is counted in `claims`, because the job has probably ended that runner.
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
        return None if found is None else Job.model_validate(found)

    def renew(self, owner: str, fences: Sequence[str], lease_seconds: float) -> int:
        """Extend the leases that are still `owner`'s, expired or not. Return their number."""
        held = {
            "status": "RUNNING",
            "lease.owner": owner,  # guard: renew-owner
            "lease.fence": {"$in": list(fences)},  # guard: renew-fence
        }
        return self._jobs.update_many(held, [{"$set": {"runAt": _lease_end(lease_seconds)}}]).matched_count

    def release(self, job_id: str, fence: str, run_at: datetime | None) -> bool:
        """Return a lease. Return False if it was lost.

        The job is claimable from `run_at` on, or not at all if it is None.
        """
        held = {
            "jobId": job_id,
            "lease.fence": fence,  # guard: release-fence
            "status": "RUNNING",
        }
        given_back = {"$set": {"lease": None, "runAt": run_at}, "$currentDate": {"updatedAt": True}}
        return self._jobs.update_one(held, given_back).matched_count == 1

    def _oldest_first(self, queries: Sequence[Queued]) -> Sequence[Queued]:
        """Return the queries in the order of the first job that each finds. A single query is not sent."""
        if len(queries) == 1:
            return queries
        firsts = [
            (found, query)
            for query in queries
            for found in self._claims.find(query[0], _PLACE, hint=query[1]).sort("runAt", ASCENDING).limit(1)
        ]
        return [query for _, query in sorted(firsts, key=lambda first: _due(first[0]))]


def live_lease(fence: str) -> Mapping[str, object]:
    """Return the condition for starting a call under a lease: the lease is live, and no cancel was requested."""
    return {
        "lease.fence": fence,  # guard: start-fence
        "status": "RUNNING",  # guard: start-running
        "cancelRequestedAt": None,  # guard: start-not-canceled
        "$expr": {"$gt": ["$runAt", "$$NOW"]},  # guard: start-live-lease
    }


def _due_of(user_id: str) -> Document:
    return {
        "status": "QUEUED",
        "userId": user_id,
        "$expr": {"$lte": ["$runAt", "$$NOW"]},  # guard: claim-due
    }


def _queued(user_id: str, barred: Barred) -> Sequence[Queued]:
    """Return the queries for the user's jobs of which the request or an alternate is not paused.

    There are two, because an `$or` sorts everything it finds. The second is needed only while something is paused.
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
    """Return conditions on parameters that exclude the paused models and providers."""
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


def _lease_end(seconds: float) -> Document:
    return {"$dateAdd": {"startDate": "$$NOW", "unit": "millisecond", "amount": round(seconds * 1000)}}
