"""The database of the rate counters, apart from the jobs': the only module that knows the library `limits`.

Its sliding-window counter decides, in one command of the database and by the database's clock. What it gets
wrong is mended here: a counter that nobody used for two windows is moved on by one window with each use, and
forgets the uses meanwhile, until the server's sweep removes it; so an ended one is removed first.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from limits import RateLimitItem, RateLimitItemPerSecond
from limits.storage import MongoDBStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from pymongo.errors import PyMongoError

from imagegeneration.domain.rate import Rate, Standing, Window, standing
from imagegeneration.store.connection import studio_error

TIMEOUT_MS = 2000

_LEFT = {"$subtract": ["$expireAt", "$$NOW"]}
"""A counter is kept for one more window after its own."""


@dataclass(frozen=True)
class Counter:
    """A rate, and whose uses are counted."""

    rate: Rate
    whose: str

    @property
    def item(self) -> RateLimitItem:
        """The rate as the library has it."""
        return RateLimitItemPerSecond(self.rate.amount, self.rate.seconds)

    @property
    def key(self) -> str:
        """Where the library keeps the count."""
        return self.item.key_for(self.rate.what, self.whose)


@dataclass(frozen=True)
class Taken:
    """Whether all counters let the use pass, and where the tightest of them stands now, or the one that did not."""

    passed: bool
    standing: Standing


class _Storage(MongoDBStorage):
    def __del__(self) -> None:
        """The library's would connect in order to close what was never opened."""


class RateStore:
    """Counts uses. It connects with the first one, so that nothing is there where nobody is counted."""

    def __init__(self, uri: str, database: str) -> None:
        # Two seconds for everything; a count that a failover loses is no harm, so no write waits for a majority.
        self._storage = _Storage(
            uri,
            database_name=database,
            timeoutMS=TIMEOUT_MS,
            serverSelectionTimeoutMS=TIMEOUT_MS,
            connectTimeoutMS=TIMEOUT_MS,
            w=1,
            journal=False,
            retryWrites=False,
        )
        self._limiter = SlidingWindowCounterRateLimiter(self._storage)
        self._opening = threading.Lock()
        self._is_open = False

    def take(self, counters: Sequence[Counter]) -> Taken:
        """Count one use on each, until one of them refuses. Raises DatabaseDown within two seconds a command."""
        try:
            windows = self._windows(counters)
            for counter, window in zip(counters, windows, strict=True):
                before = standing(counter.rate, window)
                if before.remaining == 0 or not self._limiter.hit(counter.item, counter.rate.what, counter.whose):
                    return Taken(False, before.model_copy(update={"remaining": 0}))
        except PyMongoError as error:
            raise studio_error(error) from error
        used = [window.model_copy(update={"current": window.current + 1}) for window in windows]
        return Taken(True, tightest([standing(counter.rate, now) for counter, now in zip(counters, used, strict=True)]))

    def standings(self, counters: Sequence[Counter]) -> list[Standing]:
        """Where each counter stands; nothing is counted. Raises DatabaseDown."""
        try:
            windows = self._windows(counters)
        except PyMongoError as error:
            raise studio_error(error) from error
        return [standing(counter.rate, window) for counter, window in zip(counters, windows, strict=True)]

    def close(self) -> None:
        """Give the connections back."""
        if self._is_open:
            self._storage.storage.close()

    def _windows(self, counters: Sequence[Counter]) -> list[Window]:
        self._open()
        keys = [counter.key for counter in counters]
        stages: list[dict[str, Any]] = [
            {"$match": {"_id": {"$in": keys}}},
            {"$project": {"previousCount": True, "currentCount": True, "left": _LEFT}},
        ]
        found = {counter["_id"]: counter for counter in self._storage.windows.aggregate(stages)}
        ended = [key for key, counter in found.items() if counter["left"] <= 0]
        if ended:
            self._storage.windows.delete_many({"_id": {"$in": ended}, "$expr": {"$lte": [_LEFT, 0]}})
        return [_window(found.get(counter.key), counter.rate.seconds) for counter in counters]

    def _open(self) -> None:
        if not self._is_open:
            with self._opening:
                self._is_open = self._storage.storage is not None


def tightest(standings: Sequence[Standing]) -> Standing:
    """The one that lets the fewest more through, and of those the one that stays so longest."""
    return min(standings, key=lambda known: (known.remaining, -known.resets_in))


def _window(found: dict[str, Any] | None, seconds: int) -> Window:
    if found is None:
        return Window(ends_in=seconds)
    stored = Window(
        previous=found["previousCount"], current=found["currentCount"], ends_in=found["left"] / 1000 - seconds
    )
    return stored.moved_to_now(seconds)
