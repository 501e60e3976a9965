"""The collection `processes`: the settings of running processes, as fingerprints."""

from __future__ import annotations

from datetime import datetime, timedelta

from pymongo import IndexModel

from imagegeneration.mongo.collection import Collection
from imagegeneration.mongo.connection import Connection
from imagegeneration.mongo.errors import translated
from imagegeneration.processes.process import ProcessInfo

KEPT_SECONDS = 24 * 3600
"""How long a silent process is kept."""

_INDEXES = (IndexModel("processId", unique=True), IndexModel("seenAt", expireAfterSeconds=KEPT_SECONDS))


@translated
class ProcessStore:
    """The store of running processes, one document each, renewed while the process runs."""

    def __init__(self, connection: Connection) -> None:
        self._processes = Collection(connection, "processes", ProcessInfo, indexes=_INDEXES)

    def seen(self, process: ProcessInfo) -> None:
        """Record that the process runs."""
        self._processes.raw.replace_one({"processId": process.process_id}, process.document(), upsert=True)

    def gone(self, process_id: str) -> None:
        """Delete a process that stopped in order."""
        self._processes.raw.delete_one({"processId": process_id})

    def others(self, process_id: str, now: datetime, within_seconds: float) -> list[ProcessInfo]:
        """Return the other processes seen within the last `within_seconds` of the server's clock."""
        seen = {"seenAt": {"$gte": now - timedelta(seconds=within_seconds)}, "processId": {"$ne": process_id}}
        return self._processes.find(seen, sort=[("processId", 1)])
