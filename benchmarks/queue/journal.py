"""The file in which the jobs record when they start and end."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

NANOSECONDS = 1e9
_LOOK_EVERY = 0.005


class Journal:
    """The starts and ends of every job, in seconds since the epoch."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.starts: dict[str, list[float]] = {}
        self.ends: dict[str, list[float]] = {}
        self._read = 0

    def wait_until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Follow the file until `condition` holds; return False if it does not within `seconds`."""
        deadline = time.monotonic() + seconds
        while True:
            self._follow()
            if condition():
                return True
            if time.monotonic() > deadline:
                return False
            time.sleep(_LOOK_EVERY)

    def wait_for_ends(self, jobs: list[str], seconds: float) -> None:
        """Follow the file until all of `jobs` have ended. Raises TimeoutError."""
        if not self.wait_until(lambda: all(job in self.ends for job in jobs), seconds):
            missing = sum(job not in self.ends for job in jobs)
            raise TimeoutError(f"{missing} of {len(jobs)} jobs had not ended after {seconds:.0f} s")

    def _follow(self) -> None:
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self._read)
            complete, end, _ = file.read().rpartition(b"\n")
        self._read += len(complete) + len(end)
        for line in complete.decode().splitlines():
            event, job, at = line.split()
            moments = self.starts if event == "start" else self.ends
            moments.setdefault(job, []).append(int(at) / NANOSECONDS)
