"""A cache of the places of queued jobs, shared by all readers."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from imagegeneration.jobs.job import Job
from imagegeneration.jobs.outlook import Outlook

SECONDS = 5.0
"""How old a place may be, in seconds."""

MOST = 1000
"""How many places are kept. Above that all are dropped, which costs one query each."""


class Outlooks:
    """A cache of what `ask` returned for each job: twenty open pages with the same jobs cost as much as one."""

    def __init__(self, ask: Callable[[Job], Outlook | None]) -> None:
        self._ask = ask
        self._known: dict[tuple[str, datetime | None], tuple[float, Outlook | None]] = {}

    def of(self, job: Job) -> Outlook | None:
        """Return the place of a queued job, or None for any other job."""
        if job.status != "QUEUED":
            return None
        now, key = time.monotonic(), (job.job_id, job.run_at)
        found = self._known.get(key)
        if found is None or now - found[0] >= SECONDS:
            if len(self._known) >= MOST:
                self._known.clear()
            found = self._known[key] = (now, self._ask(job))
        return found[1]
