"""The one way in which images of a job change: by compare-and-set, with the money that the change moves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from imagegeneration.domain.job import Approval, Job, JobImage, verdict
from imagegeneration.domain.lifecycle import billed_above_hold, money_moved
from imagegeneration.services.breakers import Breakers
from imagegeneration.services.spending import Spending
from imagegeneration.store import Session, Stores

Transition = Callable[[JobImage, datetime], JobImage]
"""What an event makes of an image at a time; the very same object where it changes nothing."""


class Changes:
    """Changes images, and what follows from them: the ledger, the pause of a model, the end of the job."""

    def __init__(self, stores: Stores, spending: Spending, breakers: Breakers) -> None:
        self._connection = stores.connection
        self._jobs = stores.jobs
        self._spending = spending
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

        The ledger, the counters and what `also` writes change in the same transaction. False if nothing was
        changed. Raises OverBudget (IMG_006) where more is held than the limits allow.
        """
        pairs = list(zip(old, new, strict=True))
        changed: dict[str, Any] = {
            "guard": guard,
            "fields": fields,
            "approval": None if approval is None else approval.document(),
        }
        if not money_moved(old, new) and also is None:
            return self._jobs.swap_images(job.job_id, pairs, **changed)
        overbilled = [attempt for pair in pairs if (attempt := billed_above_hold(*pair)) is not None]
        for attempt in overbilled:
            self._breakers.prepare_model(attempt.model)

        def work(session: Session) -> bool:
            if not self._jobs.swap_images(job.job_id, pairs, **changed, session=session):
                return False
            for attempt in overbilled:
                self._breakers.pause_for_bill(attempt, now, session=session)
            if also is not None:
                also(session)
            self._spending.record(job, old, new, now, session=session)
            return True

        return self._connection.transaction(work)

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

    def conclude(self, job_id: str) -> Job | None:
        """Bring what follows from the images up to date: the URLs, and the end of the job once every image is over."""
        while (job := self._jobs.get(job_id)) is not None:
            urls = [image.url for image in job.images if image.state == "STORED" and image.url]
            end = verdict(job.images)
            reopened = end is None and job.is_over  # a late result has come, and waits for the bucket
            known = (list(job.cdn_urls), job.status, job.error_code, job.error)
            if not reopened and known == (urls, *((end.status, end.error_code, end.error) if end else known[1:])):
                return job
            fields: dict[str, object] = {"cdnUrls": urls}
            if reopened:
                fields |= {"status": "RUNNING", "error": None, "errorCode": None, "completedAt": None}
            if end is not None:
                now = self._connection.now()
                fields |= end.document() | {
                    "lease": None,
                    "runAt": None,
                    "completedAt": job.completed_at or now,
                    "durationMs": _milliseconds(job.started_at, job.completed_at or now),
                }
            self._jobs.conclude(job, fields)
        return None


def _milliseconds(start: datetime | None, end: datetime) -> int | None:
    return None if start is None else round((end - start).total_seconds() * 1000)
