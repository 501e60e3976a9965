"""The records of an approval: the job, its holds and credits, the key, the draft's job and the audit record."""

from __future__ import annotations

from typing import Literal

from imagegeneration.audit.log import Audit
from imagegeneration.core.actor import Actor
from imagegeneration.jobs.accounting import movements
from imagegeneration.jobs.job import Approval, Job
from imagegeneration.jobs.repeats import RepeatedRequests, RequestKey
from imagegeneration.jobs.room import QueueRoom
from imagegeneration.jobs.store import JobStore
from imagegeneration.money.ledger import Ledger
from imagegeneration.mongo.collection import AlreadyExists
from imagegeneration.mongo.connection import Connection
from imagegeneration.mongo.transaction import Session
from imagegeneration.prompts.draft import Shown
from imagegeneration.prompts.draft_store import DraftStore


class ApprovalRecords:
    """The writer of all records of an approval, in one transaction, so that a refusal consumes nothing."""

    def __init__(
        self,
        connection: Connection,
        jobs: JobStore,
        drafts: DraftStore,
        repeats: RepeatedRequests,
        room: QueueRoom,
        ledger: Ledger,
        audit: Audit,
    ) -> None:
        self._connection = connection
        self._jobs = jobs
        self._drafts = drafts
        self._repeats = repeats
        self._room = room
        self._ledger = ledger
        self._audit = audit

    def insert(self, actor: Actor, job: Job, *, key: RequestKey | None, shown: Shown | None) -> Job:
        """Write a new job. Return it, or the job that another request with the key has made meanwhile.

        Raises Busy (IMG_005), OverBudget (IMG_006), and Elsewhere (IMG_011) if the draft is not as it was shown.
        """
        moved = movements(job, [], job.images)
        self._ledger.prepare(moved)

        def work(session: Session) -> None:
            if key is not None:  # first: a known request must not fail a later check
                self._repeats.insert(key, job, session=session)
            if shown is not None:
                self._drafts.claim(actor.user_id, shown, job.job_id, session=session)
            self._room.require_in_queue(session)
            self._room.require_in_plan(actor, session)
            self._jobs.insert(job, session=session)
            self._ledger.record(moved, job.created_at, session=session)
            self._write("approved", actor, job.job_id, job.approval, session)

        try:
            self._connection.transaction(work)
        except AlreadyExists:
            if key is None:
                raise
            return self._repeats.settled_job_of(key)
        return job

    def retried(self, actor: Actor, job: Job, approval: Approval, session: Session) -> None:
        """Record that the job is queued again, in the transaction that queues it. Raises Busy (IMG_005)."""
        self._room.require_in_queue(session, own=1)
        if actor.user_id == job.user_id:
            self._room.require_in_plan(actor, session, own=1)
        self._write("retried", actor, job.job_id, approval, session)

    def _write(
        self, action: Literal["approved", "retried"], actor: Actor, job_id: str, approval: Approval, session: Session
    ) -> None:
        remark = "" if approval.moderation is None else approval.moderation.remark
        self._audit.write(actor, action, job_id, remark, after=approval, now=approval.approved_at, session=session)
