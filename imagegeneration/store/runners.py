"""The collection `runners`: the runner processes that are alive."""

from __future__ import annotations

from datetime import datetime, timedelta

from pymongo import IndexModel

from imagegeneration.domain.runner import RunnerInfo
from imagegeneration.store.connection import Connection, translated
from imagegeneration.store.schema import validator

KEPT_SECONDS = 24 * 3600


@translated
class RunnerStore:
    """Keeps one document a runner, renewed with its heartbeat."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._runners = connection.collection("runners")

    def prepare(self) -> None:
        """Create the collection, its validator and its indexes; a silent runner is forgotten after a day."""
        indexes = [IndexModel("runnerId", unique=True), IndexModel("seenAt", expireAfterSeconds=KEPT_SECONDS)]
        self._connection.prepare("runners", validator(RunnerInfo), indexes)

    def seen(self, runner: RunnerInfo) -> None:
        """Record that the runner is alive."""
        self._runners.replace_one({"runnerId": runner.runner_id}, runner.document(), upsert=True)

    def gone(self, runner_id: str) -> None:
        """Forget a runner that stopped in order."""
        self._runners.delete_one({"runnerId": runner_id})

    def alive(self, now: datetime, within_seconds: float) -> list[RunnerInfo]:
        """The runners that were seen within the last `within_seconds`, by the server's clock."""
        since = now - timedelta(seconds=within_seconds)
        return [
            RunnerInfo.model_validate(found)
            for found in self._runners.find({"seenAt": {"$gte": since}}, {"_id": False})
        ]
