"""Room for another job: in the queue, and within a user's plan."""

from __future__ import annotations

from imagegeneration.core.actor import Actor
from imagegeneration.core.errors import Busy
from imagegeneration.jobs.report_store import ReportStore
from imagegeneration.mongo.transaction import Session
from imagegeneration.people.plan import PLANS


class QueueRoom:
    """The counts of jobs, made in the transaction that queues another.

    They are exact: concurrent approvals conflict on the day's counters, and the later one counts again.
    """

    def __init__(self, reports: ReportStore, limit: int) -> None:
        self._reports = reports
        self._limit = limit

    def require_in_queue(self, session: Session, *, own: int = 0) -> None:
        """Raise Busy (IMG_005) if the queue is full. `own` jobs of this transaction are already in it."""
        if self._reports.queued(self._limit + own, session=session) - own >= self._limit:
            raise Busy(f"{self._limit} jobs are waiting already.", retry_after=30)

    def require_in_plan(self, actor: Actor, session: Session, *, own: int = 0) -> None:
        """Raise Busy (IMG_005) if the actor's plan allows no further concurrent job."""
        if actor.plan is None:
            return
        plan = PLANS[actor.plan]
        if self._reports.open_of(actor.user_id, plan.jobs_at_once + own, session=session) - own >= plan.jobs_at_once:
            jobs = "1 job" if plan.jobs_at_once == 1 else f"{plan.jobs_at_once} jobs"
            raise Busy(
                f"{jobs} at once with the plan {plan.name}: that many of yours are queued or running.",
                retry_after=10,
                resolution="Wait until one of them is over, or cancel one.",
            )
