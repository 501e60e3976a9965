"""The jobs and images that a runner process is at work on."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from imagegeneration.core.ids import ProviderName
from imagegeneration.jobs.job import Job
from imagegeneration.runner.task import ImageTask

UPLOADS_KEPT = 16
"""Maximum number of images in memory on their way to the bucket. Others wait in the spool for the next round."""

Stage = Literal["admitted", "waiting", "calling", "uploading"]
"""The stages of an image.

Not yet looked at; waiting until its provider may be called; in, or just before, its paid call; on its way to the
bucket.
"""


@dataclass
class Run:
    """A claimed job while this process works on it. Its next try is due after `delay`."""

    job: Job
    fence: str
    delay: timedelta = timedelta(0)


@dataclass
class _Image:
    run: Run
    task: ImageTask
    stage: Stage = "admitted"


class InFlight:
    """The registry of jobs and images at work, under one lock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: dict[str, Run] = {}
        self._images: dict[str, _Image] = {}

    @property
    def jobs(self) -> Sequence[str]:
        """Return the ids of the jobs at work."""
        with self._lock:
            return list(self._runs)

    @property
    def fences(self) -> Sequence[str]:
        """Return the fences of the leases of the jobs at work."""
        with self._lock:
            return [run.fence for run in self._runs.values()]

    def count(self, stage: Stage) -> int:
        """Return how many images are in the stage."""
        with self._lock:
            return self._count(stage)

    def is_busy_with(self, attempt_id: str) -> bool:
        """Return whether this process is still at work on the attempt."""
        with self._lock:
            return attempt_id in self._images

    def begin(self, job: Job) -> Run | None:
        """Register a claimed job. Return None if it is already at work; it then goes on under the new lease."""
        fence = job.lease.fence if job.lease else ""
        with self._lock:
            run = self._runs.get(job.job_id)
            if run is not None:  # its lease had run out, and no other process took it
                run.job, run.fence = job, fence
                return None
            self._runs[job.job_id] = run = Run(job, fence)
            return run

    def admit(self, run: Run, tasks: Iterable[ImageTask]) -> None:
        """Register the images of a job that are to be made."""
        with self._lock:
            self._images |= {task.attempt_id: _Image(run, task) for task in tasks}

    def move(self, task: ImageTask, stage: Stage) -> None:
        """Set the stage of an image."""
        with self._lock:
            self._images[task.attempt_id].stage = stage

    def may_upload(self, task: ImageTask) -> bool:
        """Register an upload. Return False if too many wait: then the answer stays in the spool, and not in memory."""
        with self._lock:
            if self._count("uploading") >= UPLOADS_KEPT:
                return False
            self._images[task.attempt_id].stage = "uploading"
            return True

    def leave(self, task: ImageTask) -> Run | None:
        """Remove an image. Return its job if this was its last image, or None."""
        with self._lock:
            run = self._images.pop(task.attempt_id).run
            return None if any(image.run is run for image in self._images.values()) else run

    def postpone(self, run: Run, delay: timedelta) -> None:
        """Set the job's next try to `delay` from now, unless it is due later already."""
        with self._lock:
            run.delay = max(run.delay, delay)

    def end(self, runs: Iterable[Run]) -> None:
        """Remove jobs whose work has ended."""
        with self._lock:
            for run in runs:
                if self._runs.get(run.job.job_id) is run:
                    del self._runs[run.job.job_id]

    def waiting(self) -> Sequence[tuple[Run, ImageTask]]:
        """Return the images that wait until their provider may be called, in the order of arrival."""
        with self._lock:
            return [(image.run, image.task) for image in self._images.values() if image.stage == "waiting"]

    def awaited(self) -> frozenset[ProviderName]:
        """Return the providers that images wait for."""
        return frozenset(run.job.images[task.index].attempt.provider for run, task in self.waiting())

    def _count(self, stage: Stage) -> int:
        return sum(image.stage == stage for image in self._images.values())
