"""The transitions of a job's images: by compare-and-set only, with their events and the money that moves."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from imagegeneration.jobs.accounting import billed_above_hold, movements
from imagegeneration.jobs.job import Job, JobImage
from imagegeneration.jobs.lifecycle import started
from imagegeneration.jobs.queue_store import live_lease
from imagegeneration.jobs.store import ImageChange, JobStore
from imagegeneration.jobs.verdict import verdict
from imagegeneration.money.ledger import Ledger
from imagegeneration.mongo.connection import Connection
from imagegeneration.mongo.transaction import Session
from imagegeneration.providers.breakers import Breakers

Transition = Callable[[JobImage, datetime], JobImage]
"""A function from an image and a time to the next image. It returns the very same object if nothing changes."""


class ImageTransitions:
    """The changes of images, with their consequences: events, ledger, pause of a model, end of the job."""

    def __init__(self, connection: Connection, jobs: JobStore, ledger: Ledger, breakers: Breakers) -> None:
        self._connection = connection
        self._jobs = jobs
        self._ledger = ledger
        self._breakers = breakers

    def commit(
        self, job: Job, change: ImageChange, now: datetime, *, also: Callable[[Session], None] | None = None
    ) -> bool:
        """Make the change in one transaction, with its events, the money it moves, and what `also` writes.

        Return False, and change nothing, if an old image has changed or the guard fails. Raises OverBudget (IMG_006) if
        the holds exceed the limits or the credits exceed what is left.
        """
        old, new = change.old, change.new
        moved = movements(job, old, new)
        pairs = zip(old, new, strict=True)
        overbilled = [attempt for pair in pairs if (attempt := billed_above_hold(*pair)) is not None]
        for attempt in overbilled:
            self._breakers.prepare_model(attempt.model)
        self._ledger.prepare(moved)  # guard: provider-budget-exists

        def work(session: Session) -> bool:
            if not self._jobs.change(job, change, now, session=session):
                return False
            for attempt in overbilled:
                self._breakers.pause_for_bill(
                    attempt.model, attempt.cost_micros, attempt.max_cost_micros, now, session=session
                )
            if also is not None:
                also(session)
            self._ledger.record(moved, now, session=session)
            return True

        committed = self._connection.transaction(work)
        if overbilled:
            self._breakers.paused_for_bill()
        return committed

    def start(self, job: Job, index: int, fence: str, attempt_id: str) -> bool:
        """Pass the one-way door to a paid call: only under the live lease, without a cancel, with the image as read."""
        now = self._connection.now()
        image = job.images[index]
        change = ImageChange([image], [started(image, attempt_id, now)], guard=live_lease(fence))
        return self.commit(job, change, now)

    def apply(self, job_id: str, index: int, transition: Transition) -> JobImage | None:
        """Apply the transition to the image, and repeat after conflicts. Return the image, or None without the job.

        A change is progress, so it resets the count of claims that reveals a poison job.
        """
        while (job := self._jobs.get(job_id)) is not None:
            now = self._connection.now()
            old = job.images[index]
            new = transition(old, now)
            if new is old:
                return old
            if self.commit(job, ImageChange([old], [new], fields={"claims": 0}), now):
                if new.is_over or job.is_over:
                    self.conclude(job_id)
                return new
        return None

    def conclude(self, *job_ids: str) -> Sequence[Job]:
        """Update what follows from the images: the URLs, and the end of a job once every image is over.

        Several jobs cost the round trips of one. Return the existing jobs as they are afterwards.
        """
        while True:
            jobs = self._jobs.get_many(job_ids)
            due = [job.job_id for job in jobs if _consequences(job, job.updated_at) is not None]
            if not due:
                return jobs
            now = self._connection.now()
            self._connection.transaction(functools.partial(self._conclude, due, now))

    def _conclude(self, job_ids: Sequence[str], now: datetime, session: Session) -> None:
        jobs = self._jobs.get_many(job_ids, session=session)
        ends = [(job, fields) for job in jobs if (fields := _consequences(job, now)) is not None]
        self._jobs.conclude(ends, now, session=session)


def _consequences(job: Job, now: datetime) -> Mapping[str, object] | None:
    """Return the fields that follow from the job's images, or None if the job is up to date."""
    urls = [image.url for image in job.images if image.state == "STORED" and image.url]
    end = verdict(job.images)
    if end is None:
        if job.is_over:  # a late result has arrived and waits for the bucket
            return {"cdnUrls": urls, "status": "RUNNING", "error": None, "errorCode": None, "completedAt": None}
        return None if list(job.cdn_urls) == urls else {"cdnUrls": urls}
    known = (list(job.cdn_urls), job.status, job.error_code, job.error)
    if known == (urls, end.status, end.error_code, end.error):
        return None
    completed_at = job.completed_at or now
    took = None if job.started_at is None else (completed_at - job.started_at) // timedelta(milliseconds=1)
    over = {"cdnUrls": urls, "lease": None, "runAt": None, "completedAt": completed_at, "durationMs": took}
    return end.document() | over
