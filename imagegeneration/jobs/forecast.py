"""Forecasts: how long an image takes by the history of its model, and when a queued job begins."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from imagegeneration.core.cache import CachedValue, TTLCache
from imagegeneration.jobs.job import Job
from imagegeneration.jobs.outlook import Outlook, starts_in
from imagegeneration.jobs.report_store import ReportStore
from imagegeneration.models.catalog import Catalog
from imagegeneration.processes.runners import Runners
from imagegeneration.providers.pauses import Pauses
from imagegeneration.providers.throttle import Pacing

HISTORY_SAMPLE = 20
"""How many of a model's latest jobs its history is computed from."""

HISTORY_SECONDS = 30.0
QUEUE_SECONDS = 2.0
"""Maximum age of what is cached of the queue, in seconds. Also how long a missing history is cached."""

MOST_MODELS = 1_000
"""How many models have a cached history."""

FARTHEST = 10_000
"""The highest position in the queue that is counted."""


@dataclass(frozen=True)
class History:
    """The median seconds of a model's latest images, and the mean number of images of its jobs."""

    seconds_an_image: float
    images_a_job: float


class Forecast:
    """Estimates for jobs. The interface marks each as an estimate."""

    def __init__(
        self, reports: ReportStore, pauses: Pauses, runners: Runners, pacing: Pacing, catalog: Catalog
    ) -> None:
        self._pacing = pacing
        self._catalog = catalog
        self._reports = reports
        self._pauses = pauses
        self._waiting = CachedValue(reports.waiting, QUEUE_SECONDS)
        self._alive = CachedValue(runners.alive, QUEUE_SECONDS)
        # A missing history is cached for less time: a first history appears soon, and a user waits for it.
        self._histories = TTLCache(self._read, HISTORY_SECONDS, MOST_MODELS, none_seconds=QUEUE_SECONDS)

    def seconds_of(self, model: str) -> float:
        """Return about how many seconds an image of the model takes. Every place that shows this uses this figure.

        It is the median of the model's latest images, or the catalog's figure before there are any.
        """
        history = self._histories.get(model)
        if history is not None:
            return history.seconds_an_image
        row = self._catalog.named(model)
        return 0.0 if row is None else row.expected_seconds

    def outlook(self, job: Job) -> Outlook | None:
        """Return a queued job's position and when it begins, or None for any other job.

        Users take turns. Before the job come the owner's earlier jobs and, for each other user, that number of jobs
        plus one.
        """
        if job.status != "QUEUED":
            return None
        own = self._reports.queued_before(job.user_id, job.run_at, FARTHEST)
        others = [waiting.jobs for waiting in self._waiting.get() if waiting.user_id != job.user_id]
        ahead = own + sum(min(jobs, own + 1) for jobs in others)
        hindrance = self._hindrance(job)
        return Outlook(
            position=ahead + 1,
            starts_in_seconds=None if hindrance else self._starts_in(job, ahead),
            hindrance=hindrance,
        )

    def _starts_in(self, job: Job, jobs_ahead: int) -> float | None:
        history = self._histories.get(job.request.model)
        runners = self._alive.get()
        at_once = sum(runner.concurrency for runner in runners)
        if history is None or at_once == 0:
            return None
        in_flight = sum(runner.in_flight for runner in runners)
        return starts_in(jobs_ahead * history.images_a_job, in_flight, at_once, history.seconds_an_image)

    def _hindrance(self, job: Job) -> str | None:
        board = self._pauses.board
        if not board.is_everything_paused and any(board.wait_reason(alternate) is None for alternate in job.alternates):
            return self._nobody_works()
        pause = board.of_provider(job.request.provider)
        if pause is not None:
            return f"Nothing is started at present: {pause.reason}"
        if job.request.model in board.models:
            return f"The model {job.request.model} is paused at present."
        return self._nobody_works() or self._pacing.hindrance(job.request.provider)

    def _nobody_works(self) -> str | None:
        return None if self._alive.get() else "No runner is alive at present; the job waits until one is."

    def _read(self, model: str) -> History | None:
        images = [job.images for job in self._reports.latest_completed(model, HISTORY_SAMPLE)]
        attempts = [attempt for job in images for image in job for attempt in image.attempts]
        took = [
            (attempt.finished_at - attempt.started_at).total_seconds()
            for attempt in attempts
            if attempt.model == model and attempt.outcome == "generated" and attempt.finished_at and attempt.started_at
        ]
        return History(statistics.median(took), statistics.mean(map(len, images))) if took else None
