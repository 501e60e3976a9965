"""Caches with a time to live, for values that are read often and seldom change."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from cachetools import TLRUCache

Key = TypeVar("Key", bound=Hashable)
Read = TypeVar("Read")


class TTLCache(Generic[Key, Read]):
    """A cache that keeps what `read` returned for `seconds`, or for `none_seconds` if it returned None.

    It keeps at most `most` keys, those used last. Errors of `read` pass through and are not cached.
    """

    def __init__(
        self, read: Callable[[Key], Read], seconds: float, most: int, *, none_seconds: float | None = None
    ) -> None:
        kept_seconds = {True: seconds if none_seconds is None else none_seconds, False: seconds}
        self._read = read
        self._lock = threading.Lock()
        self._kept: TLRUCache[Key, tuple[float, Read]] = TLRUCache(
            most,
            ttu=lambda _key, kept, _now: kept[0] + kept_seconds[kept[1] is None],
            timer=_now,
        )
        self._invalidations = 0

    def __len__(self) -> int:
        with self._lock:
            return len(self._kept)

    def get(self, key: Key) -> Read:
        """Return the key's value, reading it if it is not cached."""
        asked_at = time.monotonic()
        with self._lock:
            kept, invalidations = self._kept.get(key), self._invalidations
        if kept is not None:
            return kept[1]
        value = self._read(key)
        with self._lock:
            if invalidations == self._invalidations:  # else the value may be older than the change
                self._kept[key] = (asked_at, value)
        return value

    def peek(self, key: Key) -> Read | None:
        """Return the cached value of the key without reading, or None if it is not cached."""
        with self._lock:
            kept = self._kept.get(key)
        return None if kept is None else kept[1]

    def invalidate(self) -> None:
        """Drop all cached values, because this process has changed the source."""
        with self._lock:
            self._invalidations += 1
            self._kept.clear()


def _now() -> float:
    return time.monotonic()


class CachedValue(Generic[Read]):
    """A cache of one value that `read` returned, kept for `seconds`."""

    def __init__(self, read: Callable[[], Read], seconds: float) -> None:
        self._values: TTLCache[None, Read] = TTLCache(lambda _: read(), seconds, most=1)

    def get(self) -> Read:
        """Return the value, reading it if it is too old."""
        return self._values.get(None)

    def refresh(self) -> None:
        """Read the value now, so that the next caller does not wait for it."""
        self._values.invalidate()
        self._values.get(None)

    def invalidate(self) -> None:
        """Drop the cached value, because this process has changed the source."""
        self._values.invalidate()
