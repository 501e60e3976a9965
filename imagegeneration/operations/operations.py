"""The state of the studio for operators: runners, queue, open images, and today's money."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from imagegeneration.audit.entry import Action
from imagegeneration.audit.log import Audit
from imagegeneration.core.actor import Actor
from imagegeneration.jobs.job import Job, JobImage
from imagegeneration.jobs.report_store import ReportStore
from imagegeneration.money.limits import SpendLimits
from imagegeneration.money.spending import Spending
from imagegeneration.operations.state import OpenImage, OperationsState, QueueState, WaitingForStorage
from imagegeneration.operations.watch import ProviderWatch
from imagegeneration.processes.runner import RunnerInfo
from imagegeneration.processes.runners import Runners
from imagegeneration.prompts.enhancement import Enhancement
from imagegeneration.providers.breaker import Breaker
from imagegeneration.providers.pauses import Pauses

WAITING = timedelta(seconds=10)
"""How long an image is on its way to the bucket before it counts as waiting for storage."""

LISTED_JOBS = 200
LISTED_DECISIONS = 20
"""How many jobs with an open image, and how many decisions, are listed."""


_DECISIONS: Sequence[Action] = ("image.decided", "limits.changed", "paused", "resumed", "tested")


class Operations:
    """The reads of operators. Their changes are made by breakers, limits and decisions."""

    def __init__(
        self,
        reports: ReportStore,
        spending: Spending,
        limits: SpendLimits,
        pauses: Pauses,
        runners: Runners,
        audit: Audit,
        watch: ProviderWatch,
        enhancement: Enhancement,
    ) -> None:
        self._enhancement = enhancement
        self._watch = watch
        self._reports = reports
        self._spending = spending
        self._limits = limits
        self._pauses = pauses
        self._runners = runners
        self._audit = audit

    def breakers(self, actor: Actor) -> Sequence[Breaker]:
        """Return every breaker. Only admins see what a provider said about a user's prompt."""
        found = self._pauses.all()
        if actor.may("administer"):
            return found
        return [breaker.model_copy(update={"last_failure": None}) for breaker in found]

    def state(self, actor: Actor) -> OperationsState:
        """Return the state of everything now. An operator does not see the texts of other users' jobs."""
        now = self._runners.now()
        runners = self._runners.alive()
        unknown = [
            _open(actor, job, image)
            for job in self._reports.with_images("UNKNOWN", LISTED_JOBS)
            for image in job.images
            if image.state == "UNKNOWN"
        ]
        return OperationsState(
            at=now,
            runners=tuple(runners),
            mismatches=tuple(self._runners.processes.mismatches()),
            queue=self._queue(),
            waiting_for_storage=tuple(self._waiting(actor, runners, now)),
            set_aside=tuple(self._set_aside(actor)),
            perhaps_charged=tuple(unknown),
            perhaps_charged_micros=self._reports.unknown_micros(),
            breakers=tuple(self.breakers(actor)),
            providers=tuple(self._watch.all()),
            suggestions=self._enhancement.times,
            spend=self._spending.today_in_all(),
            limits=self._limits.in_force(),
            ceilings=self._limits.ceilings,
            limits_version=self._limits.latest(),
            audit=tuple(self._audit.find(actions=_DECISIONS, limit=LISTED_DECISIONS)),
        )

    def _set_aside(self, actor: Actor) -> list[OpenImage]:
        jobs = self._reports.set_aside(LISTED_JOBS)
        return [_open(actor, job, image) for job in jobs for image in job.images if image.is_set_aside]

    def _queue(self) -> QueueState:
        waiting = self._reports.waiting()
        return QueueState(
            queued=sum(user.jobs for user in waiting),
            running=self._reports.running(),
            users_waiting=len(waiting),
            waiting_since=min((user.since for user in waiting), default=None),
        )

    def _waiting(self, actor: Actor, runners: Sequence[RunnerInfo], now: datetime) -> list[WaitingForStorage]:
        alive = {runner.host for runner in runners}
        by_host: dict[str, list[OpenImage]] = {}
        for job in self._reports.with_images("GENERATED", LISTED_JOBS):
            for image in job.images:
                finished_at = image.attempt.finished_at
                if image.state == "GENERATED" and finished_at is not None and now - finished_at >= WAITING:
                    by_host.setdefault(image.spool_host or "", []).append(_open(actor, job, image))
        return [
            WaitingForStorage(host=host, is_alive=host in alive, images=tuple(images))
            for host, images in sorted(by_host.items())
        ]


def _open(actor: Actor, job: Job, image: JobImage) -> OpenImage:
    attempt, is_readable = image.attempt, actor.may_change(job.user_id)
    return OpenImage(
        job_id=job.job_id,
        index=image.index,
        attempt_id=attempt.attempt_id or "",
        user_id=job.user_id,
        intent=job.intent if is_readable else f"Job {job.job_id[-6:]}",
        model=attempt.model,
        since=attempt.finished_at or job.created_at,
        cost_micros=attempt.cost_micros,
        message=attempt.error.message if attempt.error and is_readable else None,
    )
