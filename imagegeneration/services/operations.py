"""What operators look at: who works, what waits and why, what needs a person, and today's money."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from imagegeneration.domain.audit import Action
from imagegeneration.domain.job import Job, JobImage
from imagegeneration.domain.operations import OpenImage, OperationsState, QueueState, WaitingForStorage
from imagegeneration.domain.runner import RunnerInfo
from imagegeneration.services.audit import Audit
from imagegeneration.services.breakers import Breakers
from imagegeneration.services.limits import SpendLimits
from imagegeneration.services.runners import Runners
from imagegeneration.services.spending import Spending
from imagegeneration.services.watch import ProviderWatch
from imagegeneration.store import Stores

WAITING = timedelta(seconds=10)
"""An image that is this long on its way to the bucket counts as waiting for storage."""

LISTED_JOBS = 200
LISTED_DECISIONS = 20
"""How many jobs with an open image, and how many decisions, are listed."""


_DECISIONS: Sequence[Action] = ("image.decided", "limits.changed", "paused", "resumed")


class Operations:
    """Reads; what operators do is done by breakers, limits and decisions."""

    def __init__(
        self,
        stores: Stores,
        spending: Spending,
        limits: SpendLimits,
        breakers: Breakers,
        runners: Runners,
        audit: Audit,
        watch: ProviderWatch,
    ) -> None:
        self._watch = watch
        self._jobs = stores.jobs
        self._spending = spending
        self._limits = limits
        self._breakers = breakers
        self._runners = runners
        self._audit = audit

    def state(self) -> OperationsState:
        """Everything, as it is now."""
        now = self._runners.now()
        runners = self._runners.alive()
        unknown = [
            _open(job, image)
            for job in self._jobs.with_images("UNKNOWN", LISTED_JOBS)
            for image in job.images
            if image.state == "UNKNOWN"
        ]
        return OperationsState(
            at=now,
            runners=tuple(runners),
            queue=self._queue(),
            waiting_for_storage=tuple(self._waiting(runners, now)),
            set_aside=tuple(self._set_aside()),
            perhaps_charged=tuple(unknown),
            perhaps_charged_micros=self._jobs.unknown_micros(),
            breakers=tuple(self._breakers.all()),
            providers=tuple(self._watch.all()),
            spend=self._spending.today_in_all(),
            limits=self._limits.in_force(),
            ceilings=self._limits.ceilings,
            limits_version=self._limits.latest(),
            audit=tuple(self._audit.find(actions=_DECISIONS, limit=LISTED_DECISIONS)),
        )

    def _set_aside(self) -> list[OpenImage]:
        jobs = self._jobs.set_aside(LISTED_JOBS)
        return [_open(job, image) for job in jobs for image in job.images if image.is_set_aside]

    def _queue(self) -> QueueState:
        waiting = self._jobs.waiting()
        return QueueState(
            queued=sum(user.jobs for user in waiting),
            running=self._jobs.running(),
            users_waiting=len(waiting),
            waiting_since=min((user.since for user in waiting), default=None),
        )

    def _waiting(self, runners: Sequence[RunnerInfo], now: datetime) -> list[WaitingForStorage]:
        alive = {runner.host for runner in runners}
        by_host: dict[str, list[OpenImage]] = {}
        for job in self._jobs.with_images("GENERATED", LISTED_JOBS):
            for image in job.images:
                finished_at = image.attempt.finished_at
                if image.state == "GENERATED" and finished_at is not None and now - finished_at >= WAITING:
                    by_host.setdefault(image.spool_host or "", []).append(_open(job, image))
        return [
            WaitingForStorage(host=host, is_alive=host in alive, images=tuple(images))
            for host, images in sorted(by_host.items())
        ]


def _open(job: Job, image: JobImage) -> OpenImage:
    attempt = image.attempt
    return OpenImage(
        job_id=job.job_id,
        index=image.index,
        attempt_id=attempt.attempt_id or "",
        user_id=job.user_id,
        intent=job.intent,
        model=attempt.model,
        since=attempt.finished_at or job.created_at,
        cost_micros=attempt.cost_micros,
        message=attempt.error.message if attempt.error else None,
    )
