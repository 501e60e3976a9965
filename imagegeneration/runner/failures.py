"""Failed calls: what is recorded, and when the image is tried again."""

from __future__ import annotations

import functools
import logging
import random
from datetime import datetime, timedelta

from imagegeneration.core.errors import OverBudget
from imagegeneration.jobs.job import Job, JobImage
from imagegeneration.jobs.lifecycle import failed
from imagegeneration.jobs.store import JobStore
from imagegeneration.jobs.transitions import ImageTransitions
from imagegeneration.providers.generation import CallFailed
from imagegeneration.runner.reports import Reports
from imagegeneration.runner.routing import Routing
from imagegeneration.runner.task import ImageTask

log = logging.getLogger(__name__)


class Failures:
    """The record of calls that brought no answer."""

    def __init__(self, jobs: JobStore, transitions: ImageTransitions, reports: Reports, routing: Routing) -> None:
        self._jobs = jobs
        self._transitions = transitions
        self._reports = reports
        self._routing = routing

    def record(self, job: Job, task: ImageTask, failure: CallFailed) -> timedelta | None:
        """Record the failure. Return the delay before the next try, or None if there is none.

        If the failure is known not to be charged and the route has no further try, an approved alternate takes over, as
        far as the budget of its provider has room. After a refused account it is an alternate of another provider.
        """
        provider = job.images[task.index].attempt.provider

        def transition(image: JobImage, now: datetime, *, goes_on: bool = True) -> JobImage:
            current = self._jobs.get(job.job_id)
            wanted = current is not None and current.cancel_requested_at is None and not current.is_over
            since = current.latest_approval.approved_at if current and wanted else None
            why = f"{image.attempt.model} of {provider} did not make it, and did not charge: {failure.message}"
            without = provider if failure.credentials else None
            following = self._routing.following(job, image, why, waits=True, without=without) if goes_on else None
            return failed(image, task.attempt_id, failure, now, again_since=since, following=following)

        try:
            image = self._transitions.apply(job.job_id, task.index, transition)
        except OverBudget as full:
            log.warning("%s image %d: no alternate takes over: %s", job.job_id, task.index, full.message)
            # guard: fallback-provider-budget
            image = self._transitions.apply(job.job_id, task.index, functools.partial(transition, goes_on=False))
        self._reports.failed(provider, failure, image, task.attempt_id)
        return _delay(image, failure) if image is not None and image.state == "HELD" else None


def _delay(image: JobImage, failure: CallFailed) -> timedelta:
    """Return the delay: longer with each try, and at least as long as the provider asks for."""
    tries = _tries(image)
    if tries == 0:  # an alternate takes over and need not wait
        return timedelta(0)
    usual = 2 ** min(tries, 6) * random.uniform(0.5, 1.0)
    asked = 0.0 if failure.retry_after is None else failure.retry_after + random.random()
    return timedelta(seconds=max(usual, asked))  # a hint of 0 would use up all attempts at once


def _tries(image: JobImage) -> int:
    """Return how often the current route was not available."""
    return sum(attempt.outcome == "unavailable" and attempt.route == image.attempt.route for attempt in image.attempts)
