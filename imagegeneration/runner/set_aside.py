"""Answers that are set aside: kept on the disk and in the bucket until a user decides."""

from __future__ import annotations

import logging

from imagegeneration.assets.asset import aside_key
from imagegeneration.assets.bucket import Storage
from imagegeneration.core.errors import DatabaseDown
from imagegeneration.jobs.lifecycle import set_aside
from imagegeneration.jobs.store import JobStore
from imagegeneration.jobs.transitions import ImageTransitions
from imagegeneration.providers.generation import Answer
from imagegeneration.runner.bills import Bills
from imagegeneration.runner.spool import Damaged, Spool, SpoolEntry
from imagegeneration.runner.task import ImageTask

log = logging.getLogger(__name__)


class SetAside:
    """The keeper of answers that cannot be taken in. Their images end, charged."""

    def __init__(
        self, jobs: JobStore, transitions: ImageTransitions, spool: Spool, storage: Storage, bills: Bills
    ) -> None:
        self._jobs = jobs
        self._transitions = transitions
        self._spool = spool
        self._storage = storage
        self._bills = bills

    def keep(self, entry: SpoolEntry, answer: Answer, why: str) -> None:
        """Set an answer aside, and end its image. Raises DatabaseDown."""
        log.error("%s image %d: the answer %s is set aside: %s", entry.job_id, entry.index, entry.attempt_id, why)
        try:
            self._end(entry, answer, why)
        except DatabaseDown:
            raise
        except Exception:  # any error: the facts of the answer must not keep it from being set aside
            log.exception("%s: what its provider says of it is left out", entry.attempt_id)
            self._end(entry, Answer(answer.content, usage=None, provider_request_id=None), why)
        self._spool.set_aside(entry.attempt_id)
        self._copy(entry, answer.content)

    def keep_damaged(self, job_id: str, task: ImageTask, damaged: Damaged) -> None:
        """Set a damaged answer of the spool aside. Raises DatabaseDown."""
        entry = damaged.entry or SpoolEntry.of(job_id, task, Answer(damaged.content, None, None))
        self.keep(entry, entry.answer(damaged.content), str(damaged))

    def keep_orphan(self, attempt_id: str, damaged: Damaged) -> None:
        """Set a damaged answer aside, and find its image by the attempt, since its own details cannot be trusted.

        Raises DatabaseDown.
        """
        job = self._jobs.of_attempt(attempt_id)
        if job is None:
            log.error("The answer %s is damaged, and no job waits for it: put away", attempt_id)
            self._spool.reject(attempt_id)
            return
        index = next(image.index for image in job.images if image.attempt_of(attempt_id) is not None)
        self.keep_damaged(job.job_id, ImageTask(index, attempt_id), damaged)

    def keep_undelivered(self, attempt_id: str, why: str) -> None:
        """Set an answer aside that cannot be delivered, though neither bucket nor database is down.

        Raises DatabaseDown.
        """
        try:
            spooled = self._spool.read(attempt_id)
        except Damaged as damaged:
            self.keep_orphan(attempt_id, damaged)
            return
        if spooled is not None:
            entry, content = spooled
            self.keep(entry, entry.answer(content), why)

    def take_back(self) -> None:
        """Move the answers that a user wants tried again back into the spool. Raises DatabaseDown."""
        aside = self._spool.aside()
        if not aside:
            return
        for job in self._jobs.generated_of(aside):
            for image in job.images:
                if image.state == "GENERATED" and image.attempt.attempt_id in aside:
                    self._spool.take_back(image.attempt.attempt_id)

    def _end(self, entry: SpoolEntry, answer: Answer, why: str) -> None:
        attempt_id = entry.attempt_id
        host = self._spool.host if self._spool.has(attempt_id) else None
        self._transitions.apply(
            entry.job_id,
            entry.index,
            lambda image, now: set_aside(
                image, attempt_id, answer, self._bills.cost(image, attempt_id, answer), why, host, now
            ),
        )

    def _copy(self, entry: SpoolEntry, content: bytes) -> None:
        """Copy the bytes to the bucket, if it accepts them. The spool has them in any case."""
        try:
            job = self._jobs.get(entry.job_id)
            if job is not None:
                key = aside_key(job.user_id, job.created_at, job.job_id, entry.index, entry.attempt_id)
                self._storage.put(key, content, "application/octet-stream", compare=False)
        except Exception:  # the copy is a second one: the answer stays in the spool
            log.exception("The bucket has no copy of %s, which was set aside", entry.attempt_id)
