"""The one-way door: the reads before a paid call, and the write after which it may be made."""

from __future__ import annotations

from collections.abc import Sequence

from imagegeneration.assets.inputs import References, Unusable
from imagegeneration.assets.reference import InputImage
from imagegeneration.core.errors import StudioError
from imagegeneration.jobs.job import Job
from imagegeneration.jobs.lifecycle import dropped
from imagegeneration.jobs.store import JobStore
from imagegeneration.jobs.transitions import ImageTransitions
from imagegeneration.runner.task import ImageTask


class Door:
    """The door from HELD to CALLING. Each attempt passes it once, and only under the live lease."""

    def __init__(self, jobs: JobStore, transitions: ImageTransitions, references: References) -> None:
        self._jobs = jobs
        self._transitions = transitions
        self._references = references

    def inputs(self, job: Job, index: int) -> Sequence[InputImage] | None:
        """Return the images that the job edits, an empty sequence if it edits none. They are read before the door.

        Return None, and fail the image without a charge, if they are not the approved ones. Raises StorageFailed if the
        bucket does not answer; the image then waits.
        """
        try:
            return self._references.read(job.request.references)
        except Unusable as problem:
            words = str(problem)
            self._transitions.apply(job.job_id, index, lambda image, now: dropped(image, "TAMPERED", words, now))
            return None

    def enter(self, job: Job, task: ImageTask) -> bool:
        """Pass the door to a paid call. Return False if the lease, the image or the job forbids it.

        After a lost reply the attempt is looked up: it is there if, and only if, the door was passed. If the lease was
        lost meanwhile, another runner recovers the image, and nothing is sent.
        """
        image, lease = job.images[task.index], job.lease
        if lease is None or image.state != "HELD":
            return False
        try:
            return self._transitions.start(job, task.index, lease.fence, task.attempt_id)
        except StudioError:
            return self._has_passed(job.job_id, lease.fence, task)

    def _has_passed(self, job_id: str, fence: str, task: ImageTask) -> bool:
        found = self._jobs.get(job_id)
        if found is None:
            return False
        if found.lease is None or found.lease.fence != fence:  # guard: lost-reply-fence
            return False
        image = found.images[task.index]
        return (
            image.state == "CALLING"  # guard: lost-reply-state
            and image.attempt.attempt_id == task.attempt_id
        )
