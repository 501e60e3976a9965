"""The making of one image: its inputs, the one-way door, the call, and the answer on this disk."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from threading import Event

from imagegeneration.assets.reference import InputImage
from imagegeneration.jobs.job import Job
from imagegeneration.providers.generation import CallDetached, CallFailed
from imagegeneration.providers.throttle import Pacing
from imagegeneration.runner.calls import Calls
from imagegeneration.runner.door import Door
from imagegeneration.runner.failures import Failures
from imagegeneration.runner.intake import Intake, StoredAnswer
from imagegeneration.runner.routing import Routing
from imagegeneration.runner.task import ImageTask

RETRY_SOON = timedelta(seconds=5)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Made:
    """The outcome of an image: an answer for the bucket, or the delay before its next try, or neither."""

    answer: StoredAnswer | None = None
    retry_after: timedelta | None = None


class ImageMaker:
    """The maker of images, one paid call each. It starts nothing once `stopping` is set."""

    def __init__(
        self,
        routing: Routing,
        door: Door,
        calls: Calls,
        failures: Failures,
        intake: Intake,
        pacing: Pacing,
        stopping: Event,
    ) -> None:
        self._routing = routing
        self._door = door
        self._calls = calls
        self._failures = failures
        self._intake = intake
        self._pacing = pacing
        self._stopping = stopping

    def make(self, job: Job, task: ImageTask) -> Made:
        """Make an image of a leased job. Raises StorageFailed and DatabaseDown."""
        if self._stopping.is_set():
            return Made()
        if task.handle is not None:
            return self._call(job, task)
        # Read first, because a runner that has passed the door must make the call.
        inputs = self._door.inputs(job, task.index)  # guard: reference-before-start
        if inputs is None:
            return Made()
        routed = self._routing.routed(job, task.index)
        if routed is None:
            return Made(retry_after=RETRY_SOON)
        if not self._has_pace(job, routed, task):
            return Made(retry_after=timedelta(0))  # after the next claim it waits for the alternate
        return self._call(routed, task, inputs) if self._door.enter(routed, task) else Made()

    def _has_pace(self, job: Job, routed: Job, task: ImageTask) -> bool:
        """Return whether the provider may be called now. It may, unless an alternate that has taken over must wait."""
        provider = routed.images[task.index].attempt.provider
        # The alternate that took over has a throttle of its own.
        if provider != job.images[task.index].attempt.provider:  # guard: pace-alternate
            self._pacing.end(task.attempt_id)
            return self._pacing.begin(provider, task.attempt_id)
        return True

    def _call(self, job: Job, task: ImageTask, inputs: Sequence[InputImage] = ()) -> Made:
        try:
            answer = self._calls.make(job, task, inputs)
        except CallDetached as detached:
            log.info("%s image %d: %s The next runner waits for it.", job.job_id, task.index, detached)
            return Made()
        except CallFailed as failure:
            log.warning("%s image %d: %s (%s)", job.job_id, task.index, failure.message, failure.certainty)
            return Made(retry_after=self._failures.record(job, task, failure))
        return Made(self._intake.receive(job, task, answer))
