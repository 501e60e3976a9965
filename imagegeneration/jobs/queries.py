"""Queries of actors for jobs. For an actor, what the actor may not see does not exist."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar

from imagegeneration.assets.asset import StoredImage
from imagegeneration.assets.store import ImageStore
from imagegeneration.core.actor import Actor
from imagegeneration.core.errors import InvalidRequest, NotFound
from imagegeneration.jobs.job import Job, JobSummary, Status
from imagegeneration.jobs.link import Link
from imagegeneration.jobs.store import JobStore
from imagegeneration.money.ledger_store import LedgerStore
from imagegeneration.money.money import LedgerEntry

CURSOR_PATTERN = r"^[0-9]{1,14}\.imgjob_[0-9A-HJKMNP-TV-Z]{26}$"
"""The form of a cursor: the createdAt of a page's last job in milliseconds, and its id."""

Row = TypeVar("Row", Job, JobSummary)


@dataclass(frozen=True)
class Page(Generic[Row]):
    """A page of jobs, newest first. `next_cursor` is the cursor of the next page, or None if there is none."""

    jobs: Sequence[Row]
    next_cursor: str | None


class JobQueries:
    """Queries for jobs on behalf of an actor."""

    def __init__(self, jobs: JobStore, images: ImageStore, ledger: LedgerStore) -> None:
        self._jobs = jobs
        self._images = images
        self._ledger = ledger

    def get(self, actor: Actor, job_id: str) -> Job:
        """Return the job. Raises NotFound (IMG_008) if it does not exist for the actor."""
        job = self._jobs.get(job_id, actor.reach)
        if job is None:
            raise NotFound("There is no such job.")
        return job

    def visible(self, actor: Actor, job_ids: Collection[str]) -> set[str]:
        """Return those of the jobs that exist for the actor."""
        reach = actor.reach  # guard: reference-within-reach
        return {job_id for job_id in job_ids if self._jobs.get(job_id, reach) is not None}

    def changeable(self, actor: Actor, job_id: str) -> Job:
        """Return the job. Raises NotFound (IMG_008) unless the actor may retry and cancel it."""
        job = self.get(actor, job_id)
        if not actor.may_change(job.user_id):
            raise NotFound("There is no such job.")
        return job

    def page(
        self,
        actor: Actor,
        *,
        limit: int,
        cursor: str | None = None,
        status: Status | None = None,
        owner: str | None = None,
    ) -> Page[Job]:
        """Return up to `limit` (1..100) jobs that the actor may see, newest first; with `owner`, that user's only.

        Raises InvalidRequest for a malformed cursor.
        """
        return _page(self._jobs.page(actor.reach, limit + 1, _read_cursor(cursor), status, owner), limit)

    def owners(self, actor: Actor) -> Sequence[str]:
        """Return the ids of the users whose jobs the actor may see, always including the actor's own."""
        return self._jobs.owners(actor.reach)

    def summaries(
        self,
        actor: Actor,
        *,
        limit: int,
        cursor: str | None = None,
        status: Status | None = None,
        owner: str | None = None,
        link: Link | None = None,
    ) -> Page[JobSummary]:
        """Return a page as `page` does, with only the fields of a list. With `link`, return only jobs that have it."""
        return _page(self._jobs.summaries(actor.reach, limit + 1, _read_cursor(cursor), status, owner, link), limit)

    def images(self, actor: Actor, job_id: str) -> Sequence[StoredImage]:
        """Return the stored images of the actor's job, by index, including late ones. Raises NotFound."""
        return self._images.of_job(self.get(actor, job_id).job_id)

    def ledger(self, actor: Actor, job_id: str) -> Sequence[LedgerEntry]:
        """Return the ledger entries of the actor's job, oldest first. Raises NotFound."""
        return self._ledger.of_job(self.get(actor, job_id).job_id)


def _page(found: Sequence[Row], limit: int) -> Page[Row]:
    jobs = found[:limit]
    more = len(found) > limit
    return Page(jobs, f"{round(jobs[-1].created_at.timestamp() * 1000)}.{jobs[-1].job_id}" if more else None)


def _read_cursor(cursor: str | None) -> tuple[datetime, str] | None:
    if cursor is None:
        return None
    if not re.fullmatch(CURSOR_PATTERN, cursor):
        raise InvalidRequest("The cursor is not one that this API gave out.")
    milliseconds, job_id = cursor.split(".")
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC), job_id
