"""The runners that are alive."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from imagegeneration.mongo.connection import Connection
from imagegeneration.processes.processes import Processes
from imagegeneration.processes.runner import RunnerInfo
from imagegeneration.processes.runner_store import RunnerStore

ALIVE_SECONDS = 60


class Runners:
    """The registry of runners, and of all processes with the settings that they must share."""

    def __init__(self, connection: Connection, store: RunnerStore, processes: Processes) -> None:
        self.processes = processes
        self._connection = connection
        self._runners = store

    def now(self) -> datetime:
        """Return the server's time."""
        return self._connection.now()

    def seen(self, runner: RunnerInfo) -> None:
        """Record a runner's heartbeat."""
        self._runners.seen(runner)

    def gone(self, runner_id: str) -> None:
        """Delete a runner that stopped in order."""
        self._runners.gone(runner_id)

    def alive(self) -> Sequence[RunnerInfo]:
        """Return the runners that were seen within the last minute."""
        return self._runners.alive(self._connection.now(), ALIVE_SECONDS)
