"""The one way in which images of a job change: by compare-and-set, with the money that the change moves."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from imagegeneration.jobs.accounting import billed_above_hold, movements
from imagegeneration.jobs.event import News
from imagegeneration.jobs.job import Approval, Job, JobImage, verdict
from imagegeneration.jobs.news import news_of
from imagegeneration.jobs.store import JobStore
from imagegeneration.money.ledger import Ledger
from imagegeneration.money.movement import credits_moved, money_moved
from imagegeneration.mongo.connection import Connection
from imagegeneration.mongo.transaction import Session
from imagegeneration.providers.breakers import Breakers

Transition = Callable[[JobImage, datetime], JobImage]
"""What an event makes of an image at a time; the very same object where it changes nothing."""


class Changes:
    """Changes images, and what follows from them: the ledger, the pause of a model, the end of the job."""

    def __init__(self, connection: Connection, jobs: JobStore, ledger: Ledger, breakers: Breakers) -> None:
        self._connection = connection
        self._jobs = jobs
        self._ledger = ledger
        self._breakers = breakers

    def swap(
        self,
        job: Job,
        old: Sequence[JobImage],
        new: Sequence[JobImage],
        now: datetime,
        *,
        guard: Mapping[str, Any] | None = None,
        fields: Mapping[str, Any] | None = None,
        approval: Approval | None = None,
        also: Callable[[Session], None] | None = None,
    ) -> bool:
        """Put the new images, `fields` and `approval` if every old image is still there and `guard` holds.

        The ledger, the counters, the credits and what `also` writes change in the same transaction. False if nothing
        was changed. Raises OverBudget (IMG_006) where more is held than the limits allow, or more credits are spent
        than are left.
        """
        pairs = list(zip(old, new, strict=True))
        changed: dict[str, Any] = {
            "guard": guard,
            "fields": fields,
            "approval": None if approval is None else approval.document(),
            "news": _news(job, fields or {}, old, new, now),
        }
        moved = movements(job, old, new)
        if not money_moved(moved) and not credits_moved(moved) and also is None:
            return self._jobs.swap_images(job.job_id, pairs, **changed)
        overbilled = [attempt for pair in pairs if (attempt := billed_above_hold(*pair)) is not None]
        for attempt in overbilled:
            self._breakers.prepare_model(attempt.model)
        self._ledger.prepare(moved)  # guard: provider-budget-exists

        def work(session: Session) -> bool:
            if not self._jobs.swap_images(job.job_id, pairs, **changed, session=session):
                return False
            for attempt in overbilled:
                self._breakers.pause_for_bill(
                    attempt.model, attempt.cost_micros, attempt.max_cost_micros, now, session=session
                )
            if also is not None:
                also(session)
            self._ledger.record(moved, now, session=session)
            return True

        swapped = self._connection.transaction(work)
        if overbilled:
            self._breakers.paused_for_bill()
        return swapped

    def apply(self, job_id: str, index: int, transition: Transition) -> JobImage | None:
        """What the event makes of the image, tried again until it holds; None without the job.

        A change is progress: what happened before is no sign of poison any more.
        """
        while (job := self._jobs.get(job_id)) is not None:
            now = self._connection.now()
            old = job.images[index]
            new = transition(old, now)
            if new is old:
                return old
            if self.swap(job, [old], [new], now, fields={"claims": 0}):
                if new.is_over or job.is_over:
                    self.conclude(job_id)
                return new
        return None

    def conclude(self, *job_ids: str) -> Sequence[Job]:
        """Bring what follows from the images up to date: the URLs, and the end of a job once every image is over.

        Several jobs cost the round trips of one. The jobs afterwards, those that exist.
        """
        while True:
            jobs = self._jobs.get_many(job_ids)
            due = [job.job_id for job in jobs if _consequences(job) is not None]
            if not due:
                return jobs
            now = self._connection.now()
            self._connection.transaction(functools.partial(self._conclude, due, now))

    def _conclude(self, job_ids: Sequence[str], now: datetime, session: Session) -> None:
        jobs = self._jobs.get_many(job_ids, session=session)
        ends = [(job, fields) for job in jobs if (fields := _consequences(job)) is not None]
        self._jobs.conclude(ends, now, session=session)


def _news(
    job: Job, fields: Mapping[str, Any], old: Sequence[JobImage], new: Sequence[JobImage], now: datetime
) -> Sequence[News]:
    """What is told of a change: it follows from what is written. A cancel is told once."""
    is_canceled = job.cancel_requested_at is None and fields.get("cancelRequestedAt") is not None
    return (*([News(type="canceled", created_at=now)] if is_canceled else []), *news_of(old, new, now))


def _consequences(job: Job) -> Mapping[str, object] | None:
    """What has to be written about the job, given its images; None if it is up to date."""
    urls = [image.url for image in job.images if image.state == "STORED" and image.url]
    end = verdict(job.images)
    if end is None:
        if job.is_over:  # a late result has come, and waits for the bucket
            return {"cdnUrls": urls, "status": "RUNNING", "error": None, "errorCode": None, "completedAt": None}
        return None if list(job.cdn_urls) == urls else {"cdnUrls": urls}
    known = (list(job.cdn_urls), job.status, job.error_code, job.error)
    if known == (urls, end.status, end.error_code, end.error):
        return None
    return end.document() | {"cdnUrls": urls, "lease": None, "runAt": None}
