"""Values that are read again once they are a little old: what is asked for with every call, and changes seldom."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

Read = TypeVar("Read")


class Recent(Generic[Read]):
    """Keeps what `read` gave for `seconds`, or for `none_seconds` where it gave None.

    Errors of `read` pass through, and nothing is kept of them.
    """

    def __init__(self, read: Callable[[], Read], seconds: float, none_seconds: float | None = None) -> None:
        self._read = read
        self._seconds = seconds
        self._none_seconds = seconds if none_seconds is None else none_seconds
        self._found: tuple[float, Read] | None = None
        self._forgotten = 0

    def get(self) -> Read:
        """The value."""
        found = self._found
        if found is None or time.monotonic() - found[0] >= self._kept_seconds(found[1]):
            forgotten, asked_at = self._forgotten, time.monotonic()
            found = (asked_at, self._read())
            if forgotten == self._forgotten:  # else it may be of before the change
                self._found = found
        return found[1]

    def _kept_seconds(self, value: Read) -> float:
        return self._none_seconds if value is None else self._seconds

    def refresh(self) -> None:
        """Read now, so that whoever asks next does not wait for it."""
        self.forget()
        self.get()

    def forget(self) -> None:
        """Read anew next time: this process has changed it."""
        self._forgotten += 1
        self._found = None


class RecentOf(Generic[Read]):
    """What `read` gave for a key, at most `seconds` ago; of the `most` keys that were read last.

    Strangers choose keys too, so there is a bound to what is kept of them.
    """

    def __init__(self, read: Callable[[str], Read], seconds: float, most: int) -> None:
        self._read = read
        self._seconds = seconds
        self._most = most
        self._lock = threading.Lock()
        self._found: OrderedDict[str, tuple[float, Read]] = OrderedDict()
        self._forgotten = 0

    def __len__(self) -> int:
        return len(self._found)

    def get(self, key: str) -> Read:
        """The value of the key."""
        asked_at = time.monotonic()
        with self._lock:
            found, forgotten = self._found.get(key), self._forgotten
        if found is not None and asked_at - found[0] < self._seconds:
            return found[1]
        value = self._read(key)
        with self._lock:
            if forgotten == self._forgotten:  # else it may be of before the change
                self._found[key] = (asked_at, value)
                self._found.move_to_end(key)
                while len(self._found) > self._most:
                    self._found.popitem(last=False)
        return value

    def recall(self, key: str) -> Read | None:
        """The value of the key, if it was read lately enough; None, and nothing is read, if not."""
        with self._lock:
            found = self._found.get(key)
        return found[1] if found is not None and time.monotonic() - found[0] < self._seconds else None

    def clear(self) -> None:
        """Read everything anew: this process has changed something of it."""
        with self._lock:
            self._forgotten += 1
            self._found.clear()
