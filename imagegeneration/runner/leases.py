"""The leases of this runner's jobs: renewed while it works, and given back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from imagegeneration.jobs.queue_store import QueueStore
from imagegeneration.jobs.transitions import ImageTransitions
from imagegeneration.mongo.connection import Connection


@dataclass(frozen=True)
class FinishedJob:
    """The end of this runner's work on a job that it leased under `fence`. A next try, if any, is due after `delay`."""

    job_id: str
    fence: str
    delay: timedelta


class Leases:
    """The renewal and the end of leases. Each change is guarded by the lease's fence."""

    def __init__(self, connection: Connection, queue: QueueStore, transitions: ImageTransitions) -> None:
        self._connection = connection
        self._queue = queue
        self._transitions = transitions

    def renew(self, owner: str, fences: Sequence[str], lease_seconds: float) -> int:
        """Extend the leases that are still `owner`'s. Return their number."""
        return self._queue.renew(owner, fences, lease_seconds) if fences else 0

    def finish(self, finished: Sequence[FinishedJob]) -> None:
        """Conclude the jobs, or give their leases back until their next images are due."""
        jobs = {job.job_id: job for job in self._transitions.conclude(*(one.job_id for one in finished))}
        for one in finished:
            job = jobs.get(one.job_id)
            if job is None or job.is_over:
                continue
            again = any(image.state in ("HELD", "CALLING") for image in job.images)
            due = self._connection.now() + one.delay if again else None
            self._queue.release(one.job_id, one.fence, due)
