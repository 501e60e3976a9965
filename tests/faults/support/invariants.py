"""What holds after every run, whatever was done to its processes."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import httpx
from pymongo.database import Database
from pymongo.errors import PyMongoError

from imagegeneration.jobs.event import JobEvent
from imagegeneration.jobs.job import Attempt, Job
from imagegeneration.money.money import Limits, account_of

Documents = Database[dict[str, Any]]


def all_jobs(database: Documents) -> list[Job]:
    """Every job as it is stored."""
    return [Job.model_validate(found) for found in database.jobs.find({}, {"_id": False})]


def assert_jobs_finish(jobs: Iterable[Job], acknowledged: Iterable[str], spools: Sequence[Path]) -> None:
    """Every acknowledged job is over, or something will go on with it by itself."""
    known = {job.job_id: job for job in jobs}
    assert set(acknowledged) <= set(known), "an acknowledged job is gone"
    for job in known.values():
        if job.is_over:
            assert all(image.state not in ("HELD", "CALLING") for image in job.images), job.job_id
        else:
            assert job.run_at is not None or _waits_for_storage(job, spools), f"nobody goes on with {job.job_id}"


def _waits_for_storage(job: Job, spools: Sequence[Path]) -> bool:
    waiting = [image.attempt.attempt_id for image in job.images if image.state == "GENERATED"]
    kept = [any((spool / f"{attempt_id}.answer").exists() for spool in spools) for attempt_id in waiting]
    return bool(kept) and all(kept)


def assert_calls_are_accounted_for(jobs: Iterable[Job], prompts: Iterable[str]) -> None:
    """At most one billable call an attempt, and each is known as charged, or as perhaps charged.

    `prompts` are those of the calls. Every job of a test has a prompt of its own: it tells whose a call is.
    """
    billed = Counter(prompts)
    for job in jobs:
        attempts = [attempt for image in job.images for attempt in image.attempts if attempt.attempt_id is not None]
        made = billed.pop(job.final_prompt, 0)
        charged = sum(attempt.certainty == "charged" for attempt in attempts)
        assert charged <= made <= sum(map(_may_be_charged, attempts)), (job.job_id, made, attempts)
        for image in job.images:
            assert image.state != "UNKNOWN" or image.attempt.certainty == "unknown"
            assert image.state not in ("GENERATED", "STORED") or image.attempt.certainty == "charged"
    assert not billed, "calls of jobs that do not exist"


def _may_be_charged(attempt: Attempt) -> bool:
    in_flight = attempt.finished_at is None
    return in_flight or attempt.certainty in ("charged", "unknown")


def assert_money_adds_up(database: Documents, jobs: Sequence[Job]) -> None:
    """The ledger, the counters and the jobs say the same, for the account, each user and each provider."""
    for budget in database.budgets.find({}):
        user, day, account, provider = budget["userId"], budget["day"], budget["account"], budget.get("provider")
        mine = [job for job in jobs if user in (None, job.user_id) and account_of(job.request.provider) == account]
        owner = {name: budget[name] for name in ("userId", "provider") if budget.get(name) is not None}
        entries = list(database.ledger.find({"account": account, "day": day, **owner}))
        images = [image for job in mine for image in job.images]
        held = sum(
            image.attempt.held_micros
            for image in images
            if image.state in ("HELD", "CALLING")
            and image.attempt.budget_day == day
            and provider in (None, image.attempt.provider)
        )
        spent = sum(
            attempt.cost_micros
            for image in images
            for attempt in image.attempts
            if attempt.budget_day == day and provider in (None, attempt.provider)
        )
        assert budget["heldMicros"] == sum(entry["heldDeltaMicros"] for entry in entries) == held, budget["_id"]
        assert budget["spentMicros"] == sum(entry["spentDeltaMicros"] for entry in entries) == spent, budget["_id"]


def assert_events_tell_what_happened(database: Documents, jobs: Iterable[Job]) -> None:
    """Events and documents say the same: none is missing, none is there twice, none tells of what did not happen."""
    for job in jobs:
        known = {"jobId": job.job_id, "eventId": {"$lte": job.last_event}}  # since the job was read there may be more
        stored = database.events.find(known, {"_id": False}).sort("eventId")
        events = [JobEvent.model_validate(found) for found in stored]
        assert [event.event_id for event in events] == [*range(1, job.last_event + 1)], (job.job_id, events)
        told = Counter((event.type, event.attempt_id) for event in events)
        attempts = [attempt for image in job.images for attempt in image.attempts if attempt.attempt_id is not None]
        for attempt in attempts:
            assert told["started", attempt.attempt_id] == 1, (job.job_id, attempt)
            assert told["generated", attempt.attempt_id] <= (attempt.certainty == "charged"), (job.job_id, attempt)
        for image in job.images:
            assert told["image", image.attempt.attempt_id] == (image.state == "STORED"), (job.job_id, image)
        assert events[0].type == "queued", job.job_id
        if job.is_over:
            assert events[-1].type == ("completed" if job.status == "DONE" else "error"), (job.job_id, events)


def assert_urls_serve_what_was_recorded(database: Documents, jobs: Iterable[Job]) -> None:
    """Each stored image has its record; original and thumbnail answer, the original with the recorded hash."""
    records = {record["attemptId"]: record for record in database.images.find({})}
    with httpx.Client(trust_env=False) as client:
        for record in records.values():
            assert hashlib.sha256(client.get(record["url"]).content).hexdigest() == record["sha256"], record["url"]
            assert client.get(record["thumbnailUrl"]).status_code == 200, record["thumbnailUrl"]
    for job in jobs:
        stored = [image for image in job.images if image.state == "STORED"]
        assert all(records[image.attempt.attempt_id]["url"] == image.url for image in stored), job.job_id
        assert not job.is_over or list(job.cdn_urls) == [image.url for image in stored], job.job_id


class LimitWatch:
    """Samples the budgets on a thread: what is held and spent is never above the limit."""

    def __init__(self, database: Documents, limits: Limits) -> None:
        self._database = database
        self.limits = limits
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.samples = 0
        self.breaches: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(0.02):
            with contextlib.suppress(PyMongoError):  # the database may be what is in trouble
                self._sample()

    def _sample(self) -> None:
        for budget in self._database.budgets.find({}):
            limit = self.limits.daily_micros if budget["userId"] is None else self.limits.daily_per_user_micros
            if budget["heldMicros"] + budget["spentMicros"] > limit:
                self.breaches.append(budget)
        self.samples += 1
