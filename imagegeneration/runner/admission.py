"""The admission of claimed jobs: calls to start, to resume or to recover, and images to drop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from imagegeneration.core.ids import new_id
from imagegeneration.jobs.fallback import route_of
from imagegeneration.jobs.job import POISON_CLAIMS, ErrorCode, Job, JobImage
from imagegeneration.jobs.lifecycle import dropped
from imagegeneration.jobs.seals import CHANGED, Seals
from imagegeneration.jobs.store import JobStore
from imagegeneration.jobs.transitions import ImageTransitions
from imagegeneration.runner.calls import Calls
from imagegeneration.runner.recovery import Recovery
from imagegeneration.runner.routing import Routing
from imagegeneration.runner.task import ImageTask

Refusal = tuple[ErrorCode, str]
"""The error code for an image that is not started, and the reason in words."""


class Admission:
    """The checks of claimed jobs, and the recovery of calls whose runner is gone."""

    def __init__(
        self,
        jobs: JobStore,
        transitions: ImageTransitions,
        seals: Seals,
        routing: Routing,
        calls: Calls,
        recovery: Recovery,
    ) -> None:
        self._jobs = jobs
        self._transitions = transitions
        self._seals = seals
        self._routing = routing
        self._calls = calls
        self._recovery = recovery

    def tasks(self, job: Job, is_busy_with: Callable[[str], bool]) -> Sequence[ImageTask]:
        """Recover, check and drop images of a claimed job. Return the images to make now.

        `is_busy_with` tells whether this process is still at work on an attempt. Raises StorageFailed and DatabaseDown.
        """
        left = list(_calls_left(job, is_busy_with))
        resumed = [task for task in left if self._calls.can_resume(job, job.images[task.index])]
        lost = [task for task in left if task not in resumed]
        for task in lost:
            self._recovery.recover(job, task)
        current = (self._jobs.get(job.job_id) if lost else None) or job
        return [*resumed, *self._to_start(current, [image for image in job.images if image.state == "HELD"])]

    def _to_start(self, job: Job, waiting: Sequence[JobImage]) -> Iterator[ImageTask]:
        """Yield the tasks of the images that may be started, and drop the others."""
        tampered = self._seals.tampered(job) if waiting else None  # guard: start-approved
        for image in waiting:
            refusal = self._refusal(job, image) if tampered is None else ("TAMPERED", tampered)
            if refusal is None:
                yield ImageTask(image.index, new_id("att"))
            else:
                self._drop(job, image, refusal)

    def _drop(self, job: Job, image: JobImage, refusal: Refusal) -> None:
        self._transitions.apply(job.job_id, image.index, lambda found, now: dropped(found, *refusal, now))

    def _refusal(self, job: Job, image: JobImage) -> Refusal | None:
        """Return why this image of the job may not be started, or None if it may."""
        route = route_of(job, image.attempt)
        if route is None:
            return "TAMPERED", CHANGED
        is_gone = self._routing.endpoint(route.parameters.provider) is None
        gives_way = is_gone and self._routing.following(job, image, "", waits=True) is not None
        if (
            not self._routing.is_as_approved(route)  # guard: start-approved-endpoint
            and not gives_way
        ):
            return (
                "PROVIDER_CHANGED",
                "The job was approved for another provider than the one in use now. Nothing was sent.",
            )
        # guard: poison-limit
        if job.claims >= POISON_CLAIMS and not any(image.state == "GENERATED" for image in job.images):
            return (
                "POISON",
                f"{job.claims} runners in a row stopped while they worked on this job, so it was set aside.",
            )
        if job.cancel_requested_at is not None:
            return "CANCELED", "Canceled before it was started."
        return None


def _calls_left(job: Job, is_busy_with: Callable[[str], bool]) -> Iterator[ImageTask]:
    """Yield the job's open calls that this process is not at work on."""
    for image in job.images:
        attempt_id = image.attempt.attempt_id
        if (
            image.state == "CALLING"
            and attempt_id is not None
            and not is_busy_with(attempt_id)  # guard: recover-not-in-flight
        ):
            yield ImageTask(image.index, attempt_id, image.attempt.handle)
