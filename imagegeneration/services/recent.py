"""A value that is read again once it is a little old: what is asked for with every call, and changes seldom."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, TypeVar

Read = TypeVar("Read")


class Recent(Generic[Read]):
    """What `read` gave, at most `seconds` ago. Errors of `read` pass through, and nothing is kept of them."""

    def __init__(self, read: Callable[[], Read], seconds: float) -> None:
        self._read = read
        self._seconds = seconds
        self._found: tuple[float, Read] | None = None
        self._forgotten = 0

    def get(self) -> Read:
        """The value."""
        found = self._found
        if found is None or time.monotonic() - found[0] >= self._seconds:
            forgotten, asked_at = self._forgotten, time.monotonic()
            found = (asked_at, self._read())
            if forgotten == self._forgotten:  # else it may be of before the change
                self._found = found
        return found[1]

    def refresh(self) -> None:
        """Read now, so that whoever asks next does not wait for it."""
        self._found = None
        self.get()

    def forget(self) -> None:
        """Read anew next time: this process has changed it."""
        self._forgotten += 1
        self._found = None
