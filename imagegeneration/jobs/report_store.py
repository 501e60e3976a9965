"""Counts and reports of the collection `jobs`: queued and running jobs, and images that need a user."""

from __future__ import annotations

from datetime import datetime

from pymongo import ASCENDING, DESCENDING

from imagegeneration.jobs.job import ImageState, Job
from imagegeneration.jobs.outlook import Waiting
from imagegeneration.jobs.store import ALIVE, SET_ASIDE
from imagegeneration.mongo.collection import Collection
from imagegeneration.mongo.errors import translated
from imagegeneration.mongo.schema import Document
from imagegeneration.mongo.transaction import Session


@translated
class ReportStore:
    """The counts and lists of jobs for estimates, limits and operators."""

    def __init__(self, jobs: Collection[Job]) -> None:
        self._collection = jobs
        self._jobs = jobs.raw

    def queued(self, at_most: int, *, session: Session | None = None) -> int:
        """Count the queued jobs, up to `at_most`."""
        return self._jobs.count_documents({"status": "QUEUED"}, limit=at_most, hint="turns", session=session)

    def open_of(self, user_id: str, at_most: int, *, session: Session) -> int:
        """Count the user's jobs that are queued or running, up to `at_most`."""
        alive = {"userId": user_id, "status": {"$in": list(ALIVE)}}
        return self._jobs.count_documents(alive, limit=at_most, hint="turns", session=session)

    def running(self) -> int:
        """Count the running jobs."""
        return self._jobs.count_documents({"status": "RUNNING"}, hint="turns")

    def queued_before(self, user_id: str, run_at: datetime | None, at_most: int) -> int:
        """Count the user's queued jobs that are due before `run_at`, up to `at_most`."""
        before = {"runAt": {"$lt": run_at}}
        return self._jobs.count_documents(
            {"status": "QUEUED", "userId": user_id, **before}, limit=at_most, hint="turns"
        )

    def waiting(self) -> list[Waiting]:
        """Return, for each user with queued jobs, their number and since when the oldest waits."""
        by_user: list[Document] = [
            {"$match": {"status": "QUEUED"}},
            {"$group": {"_id": "$userId", "jobs": {"$sum": 1}, "since": {"$min": "$runAt"}}},
        ]
        found = self._jobs.aggregate(by_user, hint="turns")
        return [Waiting(user_id=user["_id"], jobs=user["jobs"], since=user["since"]) for user in found]

    def latest_completed(self, model: str, at_most: int) -> list[Job]:
        """Return the latest jobs of `model` that made an image, the latest first."""
        completed = {"request.model": model, "completedAt": {"$ne": None}, "cdnUrls.0": {"$exists": True}}
        return self._collection.find(completed, sort=[("completedAt", DESCENDING)], limit=at_most)

    def unknown_micros(self) -> int:
        """Return the micro-dollars that all images with an unclear charge may have cost."""
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
        """Return jobs that have an UNKNOWN image and have changed since then, the latest first."""
        query = {"images.state": "UNKNOWN", "updatedAt": {"$gte": since}}
        return self._collection.find(query, sort=[("updatedAt", DESCENDING)], limit=at_most)

    def with_images(self, state: ImageState, at_most: int) -> list[Job]:
        """Return jobs that have an image in `state` (GENERATED or UNKNOWN), oldest first."""
        return self._collection.find({"images.state": state}, sort=[("createdAt", ASCENDING)], limit=at_most)

    def set_aside(self, at_most: int) -> list[Job]:
        """Return jobs that have an answer set aside, newest first, including those that a user has decided about."""
        return self._collection.find(SET_ASIDE, sort=[("createdAt", DESCENDING)], limit=at_most)
