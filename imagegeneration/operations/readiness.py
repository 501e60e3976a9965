"""Readiness: whether database and bucket answer. Concurrent probes share one check, which ends within seconds."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Generic, TypeVar

from imagegeneration.assets.bucket import Storage
from imagegeneration.core.errors import DatabaseDown, StorageFailed, StudioError
from imagegeneration.core.ids import ProviderName
from imagegeneration.mongo.connection import Connection
from imagegeneration.processes.runners import Runners

FRESH_SECONDS = 2.0
"""How long the outcome of a check is valid, in seconds."""

PATIENCE_SECONDS = 3.0
"""How long a part may take to answer before it counts as down, in seconds."""

Found = TypeVar("Found")


class Health:
    """The readiness of database and bucket, each checked in a thread of its own."""

    def __init__(
        self, connection: Connection, storage: Storage, runners: Runners, provider: ProviderName | None
    ) -> None:
        self.provider = provider

        def database() -> int:
            connection.ping()
            return len(runners.alive())

        self._database = _Part(database, DatabaseDown("The database does not answer in time."))
        self._storage = _Part(storage.check, StorageFailed("The image storage does not answer in time."))

    async def look(self) -> tuple[int, Mapping[str, StudioError]]:
        """Return how many runners there are, and what is down, by name (`database`, `storage`), with the error."""
        runners, storage = await asyncio.gather(self._database.look(), self._storage.look())
        found = {"database": runners, "storage": storage}
        problems = {name: outcome for name, outcome in found.items() if isinstance(outcome, StudioError)}
        return (runners if isinstance(runners, int) else 0), problems


class _Part(Generic[Found]):
    """A part that one thread at a time checks, however many probes ask."""

    def __init__(self, check: Callable[[], Found], too_late: StudioError) -> None:
        self._check = check
        self._too_late = too_late
        self._lock = threading.Lock()
        self._asked: Future[Found | StudioError] | None = None
        self._asked_at = self._told_at = 0.0

    async def look(self) -> Found | StudioError:
        """Return the latest outcome, or one that arrives within PATIENCE_SECONDS, or the error that it is too late."""
        asked = self._ask()
        left = max(0.0, self._asked_at + PATIENCE_SECONDS - time.monotonic())
        await asyncio.wait([asyncio.wrap_future(asked)], timeout=left)
        return asked.result() if asked.done() else self._too_late

    def _ask(self) -> Future[Found | StudioError]:
        with self._lock:
            if self._asked is None or (self._asked.done() and time.monotonic() - self._told_at >= FRESH_SECONDS):
                self._asked, self._asked_at = Future(), time.monotonic()
                threading.Thread(target=self._answer, args=(self._asked,), name="health", daemon=True).start()
            return self._asked

    def _answer(self, asked: Future[Found | StudioError]) -> None:
        outcome: Found | StudioError
        try:
            outcome = self._check()
        except StudioError as error:
            outcome = error
        except Exception as error:  # noqa: BLE001  # this probe must not wait for ever; the next one asks again
            asked.set_exception(error)
            return
        self._told_at = time.monotonic()
        asked.set_result(outcome)
