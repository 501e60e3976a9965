"""The recovery of calls whose runner is gone."""

from __future__ import annotations

import logging

from imagegeneration.assets.asset import storage_prefix
from imagegeneration.assets.bucket import Storage
from imagegeneration.assets.store import ImageStore
from imagegeneration.jobs.job import Job
from imagegeneration.jobs.lifecycle import interrupted
from imagegeneration.jobs.transitions import ImageTransitions
from imagegeneration.providers.generation import Answer
from imagegeneration.runner.intake import Intake
from imagegeneration.runner.set_aside import SetAside
from imagegeneration.runner.spool import Damaged, Spool, SpoolEntry
from imagegeneration.runner.task import ImageTask

log = logging.getLogger(__name__)


class Recovery:
    """The search for the answers of lost calls."""

    def __init__(
        self,
        images: ImageStore,
        transitions: ImageTransitions,
        spool: Spool,
        storage: Storage,
        intake: Intake,
        set_aside: SetAside,
    ) -> None:
        self._images = images
        self._transitions = transitions
        self._spool = spool
        self._storage = storage
        self._intake = intake
        self._set_aside = set_aside

    def recover(self, job: Job, task: ImageTask) -> None:
        """Settle the answer of a lost call from the spool or the bucket. Without one, the image becomes UNKNOWN.

        Raises StorageFailed if the bucket does not answer. The call then stays open.
        """
        if not self._spool.has(task.attempt_id):
            self._adopt_from_bucket(job, task)
        try:
            spooled = self._spool.read(task.attempt_id)
        except Damaged as damaged:
            self._set_aside.keep_damaged(job.job_id, task, damaged)
            return
        if spooled is not None:
            self._intake.settle(*spooled)
            return
        log.warning("%s image %d: no result of the call %s was found", job.job_id, task.index, task.attempt_id)
        self._transitions.apply(job.job_id, task.index, interrupted)

    def _adopt_from_bucket(self, job: Job, task: ImageTask) -> None:
        """Spool an original of this image that is in the bucket without a record."""
        known = {image.storage_key for image in self._images.of_job(job.job_id)}
        for key in self._storage.keys(storage_prefix(job.user_id, job.created_at, job.job_id, task.index)):
            if key in known or key.endswith(".thumb.webp"):
                continue
            answer = Answer(self._storage.get(key), usage=None, provider_request_id=None, revised_prompt=None)
            self._spool.write(SpoolEntry.of(job.job_id, task, answer), answer)
            return
