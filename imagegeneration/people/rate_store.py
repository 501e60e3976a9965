"""The database of the rate counters, apart from that of the jobs. The only module that knows the library `limits`.

The library's sliding-window counter decides in one command, by the database's clock. Two things are added to that
command. First, a counter that has ended is deleted: the library would move it on by one window with each use, and allow
too many until the server removes it. Second, the command returns where the counter stands: the library would ask in a
second command, which writes and goes by the client's clock.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pymongo
from limits import RateLimitItem, RateLimitItemPerSecond
from limits.storage import MongoDBStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from pymongo.errors import PyMongoError

from imagegeneration.mongo.errors import studio_error
from imagegeneration.mongo.schema import Document
from imagegeneration.people.rate import Rate, Standing, Window, standing

TIMEOUT_SECONDS = 2

SWEEP_SECONDS = 60.0
"""How often the counters in memory are checked for those that have ended."""

_FORGET_ENDED = {"$replaceWith": {"$cond": [{"$lte": ["$expireAt", "$$NOW"]}, {"_id": "$_id"}, "$$ROOT"]}}
_LEFT = {"$subtract": ["$expireAt", "$$NOW"]}
"""The time left, in milliseconds. A counter is kept for one more window after its own."""


@dataclass(frozen=True)
class Counter:
    """A rate, and the user, key or address whose uses are counted."""

    rate: Rate
    whose: str

    @property
    def item(self) -> RateLimitItem:
        """Return the rate in the library's form."""
        return RateLimitItemPerSecond(self.rate.amount, self.rate.seconds)

    @property
    def key(self) -> str:
        """Return the key under which the library keeps the count."""
        return self.item.key_for(self.rate.what, self.whose)


@dataclass(frozen=True)
class Taken:
    """Whether all counters allowed the use, and where the tightest stands, or the one that refused."""

    passed: bool
    standing: Standing


class _Windows:
    """The library's collection of counters; `told` keeps the last counter that this thread has updated."""

    def __init__(self, windows: Any, told: threading.local) -> None:
        self._windows = windows
        self._told = told

    def __getattr__(self, name: str) -> Any:
        return getattr(self._windows, name)

    def find_one_and_update(self, query: Document, stages: Sequence[Document], **options: Any) -> Document:
        """Run the library's command with the added stages."""
        extended = [_FORGET_ENDED, *stages, {"$set": {"left": _LEFT}}]
        found: Document = self._windows.find_one_and_update(query, extended, **options)
        self._told.counter = found
        return found


class _Storage(MongoDBStorage):
    """The library's storage, with this collection."""

    def __init__(self, uri: str, **options: Any) -> None:
        super().__init__(uri, **options)
        self.told = threading.local()

    def __del__(self) -> None:
        """Do nothing: the library's version would open a connection only to close it."""

    @property
    def windows(self) -> Any:
        """Return the counters."""
        return _Windows(super().windows, self.told)

    def close(self) -> None:
        """Close the connections, if any were opened."""
        if self._storage is not None:
            self._storage.close()


class RateStore:
    """The store of counters. It connects with the first use, so that an installation without rates needs none."""

    def __init__(self, uri: str, database: str) -> None:
        # Losing a count in a failover does no harm, so no write waits for a majority.
        self._storage = _Storage(uri, database_name=database, w=1, journal=False, retryWrites=False)
        self._limiter = SlidingWindowCounterRateLimiter(self._storage)
        self._opening = threading.Lock()
        self._is_open = False

    def open(self) -> None:
        """Create what is needed. Raises DatabaseDown within two seconds."""
        with self._in_time():
            pass

    def take(self, counters: Sequence[Counter]) -> Taken:
        """Count one use on each counter until one refuses. The shortest windows come first.

        Raises DatabaseDown within two seconds.
        """
        found = []
        with self._in_time():
            for counter in counters:
                passed = self._limiter.hit(counter.item, counter.rate.what, counter.whose)
                found.append(_standing(counter.rate, self._storage.told.counter))
                if not passed:
                    return Taken(False, found[-1].model_copy(update={"remaining": 0}))
        return Taken(True, tightest(found))

    def standings(self, counters: Sequence[Counter]) -> list[Standing]:
        """Return where each counter stands, without counting. Raises DatabaseDown within two seconds."""
        query = {"_id": {"$in": [counter.key for counter in counters]}}
        with self._in_time():
            found = self._storage.windows.find(query, {"previousCount": True, "currentCount": True, "left": _LEFT})
            known = {counter["_id"]: counter for counter in found}
        return [_standing(counter.rate, known.get(counter.key)) for counter in counters]

    def close(self) -> None:
        """Close the connections."""
        self._storage.close()

    @contextmanager
    def _in_time(self) -> Iterator[None]:
        try:
            with pymongo.timeout(TIMEOUT_SECONDS):
                self._open()
                yield
        except PyMongoError as error:
            raise studio_error(error) from error

    def _open(self) -> None:
        if self._is_open:
            return
        with self._opening:
            windows = self._storage.windows
        windows.create_index("expireAt", expireAfterSeconds=0)  # the library tries this once only, even if it fails
        self._is_open = True


class MemoryRates:
    """Counters in the memory of this process, for requests that must not write. Each process allows the whole rate.

    The windows are those of the database, on the monotonic clock. The library's memory uses the wall clock, and setting
    that back would block users for the same time.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[Counter, tuple[float, Window]] = {}
        self._swept_at = time.monotonic()

    def take(self, counter: Counter) -> Taken:
        """Count one use."""
        with self._lock:
            self._sweep()
            window = self._window(counter)
            passed = standing(counter.rate, window).remaining > 0
            if passed:
                window = window.model_copy(update={"current": window.current + 1})
                self._kept[counter] = (time.monotonic(), window)
        return Taken(passed, standing(counter.rate, window))

    def standing(self, counter: Counter) -> Standing:
        """Return where the counter stands, without counting."""
        with self._lock:
            return standing(counter.rate, self._window(counter))

    def _window(self, counter: Counter) -> Window:
        seconds = counter.rate.seconds
        written_at, window = self._kept.get(counter, (time.monotonic(), Window(ends_in=seconds)))
        passed = time.monotonic() - written_at
        return window.model_copy(update={"ends_in": window.ends_in - passed}).moved_to_now(seconds)

    def _sweep(self) -> None:
        """Delete ended counters, once every SWEEP_SECONDS."""
        if time.monotonic() - self._swept_at >= SWEEP_SECONDS:
            self._swept_at = time.monotonic()
            windows = {counter: self._window(counter) for counter in self._kept}
            self._kept = {one: self._kept[one] for one, window in windows.items() if window.previous or window.current}


def tightest(standings: Sequence[Standing]) -> Standing:
    """Return the standing that allows the fewest uses, and among equals the one that lasts longest."""
    return min(standings, key=lambda known: (known.remaining, -known.resets_in))


def _standing(rate: Rate, found: Document | None) -> Standing:
    if found is None:
        return standing(rate, Window(ends_in=rate.seconds))
    ends_in = found["left"] / 1000 - rate.seconds
    return standing(rate, Window(previous=found["previousCount"], current=found["currentCount"], ends_in=ends_in))
