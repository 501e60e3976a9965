"""Whether the parts that everything needs answer. Probes share one check, which keeps no request waiting for long."""

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
"""How long the outcome of a check counts."""

PATIENCE_SECONDS = 3.0
"""A part that has not answered for so long is down, for whoever asks."""

Found = TypeVar("Found")


class Health:
    """Asks the database and the bucket, each in a thread of its own."""

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
    """A part that is asked by one thread at a time, however many want to know."""

    def __init__(self, check: Callable[[], Found], too_late: StudioError) -> None:
        self._check = check
        self._too_late = too_late
        self._lock = threading.Lock()
        self._asked: Future[Found | StudioError] | None = None
        self._asked_at = self._told_at = 0.0

    async def look(self) -> Found | StudioError:
        """Return what the part said lately, or says within PATIENCE_SECONDS; else that it is too late."""
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
        except Exception as error:  # noqa: BLE001  # the next probe asks anew; this one must not wait for ever
            asked.set_exception(error)
            return
        self._told_at = time.monotonic()
        asked.set_result(outcome)
