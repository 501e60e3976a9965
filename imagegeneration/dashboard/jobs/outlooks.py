"""The places of queued jobs, each asked for once in a while for all who look at it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from imagegeneration.jobs.job import Job
from imagegeneration.jobs.outlook import Outlook

SECONDS = 5.0
"""How old a place may be."""

MOST = 1000
"""How many are remembered. Beyond that all are forgotten, which costs a question each."""


class Outlooks:
    """What `ask` said of each job; twenty pages of twenty queued jobs are asked for as one."""

    def __init__(self, ask: Callable[[Job], Outlook | None]) -> None:
        self._ask = ask
        self._known: dict[tuple[str, datetime | None], tuple[float, Outlook | None]] = {}

    def of(self, job: Job) -> Outlook | None:
        """The place of a queued job; None for any other job."""
        if job.status != "QUEUED":
            return None
        now, key = time.monotonic(), (job.job_id, job.run_at)
        found = self._known.get(key)
        if found is None or now - found[0] >= SECONDS:
            if len(self._known) >= MOST:
                self._known.clear()
            found = self._known[key] = (now, self._ask(job))
        return found[1]
