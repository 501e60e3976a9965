"""The collection `processes`: what running processes have in their settings, as fingerprints."""

from __future__ import annotations

from datetime import datetime, timedelta

from pymongo import IndexModel

from imagegeneration.domain.process import ProcessInfo
from imagegeneration.store.connection import Connection, translated
from imagegeneration.store.schema import validator

KEPT_SECONDS = 24 * 3600


@translated
class ProcessStore:
    """Keeps one document a process, renewed while it runs."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._processes = connection.collection("processes")

    def prepare(self) -> None:
        """Create the collection, its validator and its indexes; a silent process is forgotten after a day."""
        indexes = [IndexModel("processId", unique=True), IndexModel("seenAt", expireAfterSeconds=KEPT_SECONDS)]
        self._connection.prepare("processes", validator(ProcessInfo), indexes)

    def seen(self, process: ProcessInfo) -> None:
        """Record that the process runs."""
        self._processes.replace_one({"processId": process.process_id}, process.document(), upsert=True)

    def gone(self, process_id: str) -> None:
        """Forget a process that stopped in order."""
        self._processes.delete_one({"processId": process_id})

    def others(self, process_id: str, now: datetime, within_seconds: float) -> list[ProcessInfo]:
        """Return the other processes that were seen within so many seconds, by the server's clock."""
        since = now - timedelta(seconds=within_seconds)
        found = self._processes.find({"seenAt": {"$gte": since}, "processId": {"$ne": process_id}}, {"_id": False})
        return [ProcessInfo.model_validate(one) for one in found.sort("processId")]
