"""Late answers: paid results, fetched after a call whose charge is unclear, from a provider that keeps them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta

from imagegeneration.core.errors import StudioError
from imagegeneration.jobs.job import Job, JobImage
from imagegeneration.jobs.lifecycle import failed
from imagegeneration.jobs.report_store import ReportStore
from imagegeneration.jobs.transitions import ImageTransitions
from imagegeneration.mongo.connection import Connection
from imagegeneration.providers.generation import CallDetached, CallFailed
from imagegeneration.runner.calls import Calls
from imagegeneration.runner.delivery import Delivery
from imagegeneration.runner.intake import Intake
from imagegeneration.runner.task import ImageTask

ANSWERS_KEPT = timedelta(hours=1)
"""How long Fal and Replicate keep results."""

ASK_AGAIN_SECONDS = 5.0
"""How long each question waits for a late answer, in seconds."""

ASKED_AGAIN = 100
"""Maximum number of jobs in a round, the latest first."""

log = logging.getLogger(__name__)


class LateAnswers:
    """The rounds that fetch late answers."""

    def __init__(
        self,
        connection: Connection,
        reports: ReportStore,
        transitions: ImageTransitions,
        calls: Calls,
        intake: Intake,
        delivery: Delivery,
    ) -> None:
        self._connection = connection
        self._reports = reports
        self._transitions = transitions
        self._calls = calls
        self._intake = intake
        self._delivery = delivery

    def run(self) -> None:
        """Make one round over the images with an unclear charge. Every runner does so, and an answer counts once."""
        try:
            doubtful = self._in_doubt()
        except StudioError as error:
            log.warning("No provider can be asked again now: %s", error)
            return
        for job, image in doubtful:
            try:
                self._ask_again(job, image)
            except CallDetached:  # this runner stops; another one asks again
                return
            except StudioError as error:
                log.warning("%s image %d: its late answer is kept for later: %s", job.job_id, image.index, error)
            except Exception:  # the other images must not wait for it
                log.exception("%s image %d could not be asked for again", job.job_id, image.index)

    def _in_doubt(self) -> Sequence[tuple[Job, JobImage]]:
        """Return the images with a recent unclear charge whose providers may still have the answers."""
        since = self._connection.now() - ANSWERS_KEPT
        jobs = self._reports.in_doubt_since(since, ASKED_AGAIN)
        images = ((job, image) for job in jobs for image in job.images if image.state == "UNKNOWN")
        return [
            (job, image)
            for job, image in images
            if image.attempt.finished_at is not None
            and image.attempt.finished_at >= since
            and self._calls.can_resume(job, image)
        ]

    def _ask_again(self, job: Job, image: JobImage) -> None:
        """Ask briefly for the answer of a call with an unclear charge, without sending anything again.

        The answer is a late result like any other. Raises CallDetached, StorageFailed and DatabaseDown.
        """
        attempt_id, handle = image.attempt.attempt_id, image.attempt.handle
        if attempt_id is None or handle is None:
            return
        task = ImageTask(image.index, attempt_id, handle)
        try:
            answer = self._calls.make(job, task, at_most_seconds=ASK_AGAIN_SECONDS)
        except CallFailed as failure:
            self._close(job, task, failure)
            return
        log.info("%s image %d: the answer of %s has come after all", job.job_id, image.index, attempt_id)
        stored = self._intake.receive(job, task, answer)
        if stored is not None:
            self._delivery.deliver(stored)

    def _close(self, job: Job, task: ImageTask, failure: CallFailed) -> None:
        """Record what has become known about the charge, if anything has."""
        if failure.certainty != "unknown":
            self._transitions.apply(
                job.job_id,
                task.index,
                lambda found, now: failed(found, task.attempt_id, failure, now, again_since=None),
            )
