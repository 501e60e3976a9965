"""The collection `runners`: the runner processes that are alive."""

from __future__ import annotations

from datetime import datetime, timedelta

from pymongo import IndexModel

from imagegeneration.mongo.collection import Collection
from imagegeneration.mongo.connection import Connection
from imagegeneration.mongo.errors import translated
from imagegeneration.processes.runner import RunnerInfo

KEPT_SECONDS = 24 * 3600
"""How long a silent runner is kept."""

_INDEXES = (IndexModel("runnerId", unique=True), IndexModel("seenAt", expireAfterSeconds=KEPT_SECONDS))


@translated
class RunnerStore:
    """The store of runners, one document each, renewed with its heartbeat."""

    def __init__(self, connection: Connection) -> None:
        self._runners = Collection(connection, "runners", RunnerInfo, indexes=_INDEXES)

    def seen(self, runner: RunnerInfo) -> None:
        """Record that the runner is alive."""
        self._runners.raw.replace_one({"runnerId": runner.runner_id}, runner.document(), upsert=True)

    def gone(self, runner_id: str) -> None:
        """Delete a runner that stopped in order."""
        self._runners.raw.delete_one({"runnerId": runner_id})

    def alive(self, now: datetime, within_seconds: float) -> list[RunnerInfo]:
        """Return the runners seen within the last `within_seconds` of the server's clock."""
        return self._runners.find({"seenAt": {"$gte": now - timedelta(seconds=within_seconds)}})
