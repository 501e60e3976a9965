"""Turns between users, batches, wake-ups, and what a person who waits is told."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from pymongo.database import Database

from imagegeneration.bootstrap import Studio, build_studio
from imagegeneration.core.actor import LOCAL, Actor
from imagegeneration.core.errors import Busy
from imagegeneration.jobs.job import Job, Lease
from imagegeneration.processes.runner import RunnerInfo
from imagegeneration.providers.breaker import Barred
from imagegeneration.runner.claims import Claims
from imagegeneration.runner.worker import Worker
from imagegeneration.settings import Settings
from tests.integration.conftest import approve, body, run_to_the_end
from tests.support import wait_until

ANN, BOB = Actor(user_id="ann"), Actor(user_id="bob")


def approve_for(studio: Studio, actor: Actor, count: int = 1, image_count: int = 1) -> list[Job]:
    asked = body(image_count=image_count)
    return [studio.approvals.approve(actor, asked, source="api", idempotency_key=None) for _ in range(count)]


def claim_in_order(claims: Claims, room: int = 1) -> list[str]:
    """The users whose jobs are claimed, one after the other, until none is left."""
    claims.refresh()
    users: list[str] = []
    while jobs := list(claims.claim("runner_a", 30, room)):
        users += [job.user_id for job in jobs]
    return users


def seen(studio: Studio, **facts: Any) -> None:
    now = studio.runners.now()
    known: dict[str, Any] = {"runner_id": "runner_a", "host": "here", "pid": 1, "concurrency": 2, "in_flight": 0}
    studio.runners.seen(RunnerInfo(**(known | {"started_at": now, "seen_at": now} | facts)))


def test_one_users_many_jobs_do_not_make_anothers_single_job_wait_for_all(studio: Studio, claims: Claims) -> None:
    approve_for(studio, ANN, 20)
    approve_for(studio, BOB)
    assert claim_in_order(claims).index("bob") <= 1


def test_each_user_is_served_oldest_first(studio: Studio, claims: Claims) -> None:
    approved = [job.job_id for job in approve_for(studio, ANN, 5)]
    claims.refresh()
    claimed = [next(claims.claim("runner_a", 30, 1)).job_id for _ in approved]
    assert claimed == approved


def test_a_batch_takes_about_as_many_images_as_there_is_room_for(studio: Studio, claims: Claims) -> None:
    approve_for(studio, ANN, 12, image_count=2)
    claims.refresh()
    jobs = list(claims.claim("runner_a", 30, 8))
    assert len(jobs) == 4
    assert len({job.lease.fence for job in jobs if job.lease}) == 1


def test_a_batch_leaves_room_for_the_others_who_wait(studio: Studio, claims: Claims) -> None:
    approve_for(studio, ANN, 12)
    approve_for(studio, BOB, 12)
    claims.refresh()
    assert len(list(claims.claim("runner_a", 30, 8))) == 4


def test_batches_of_many_runners_never_share_a_job(studio: Studio, claims: Claims) -> None:
    approve_for(studio, ANN, 60)
    claims.refresh()
    claimed: list[str] = []
    barrier = threading.Barrier(4)

    def run(owner: str) -> None:
        barrier.wait()
        while jobs := list(claims.claim(owner, 30, 5)):
            claimed.extend(job.job_id for job in jobs)

    threads = [threading.Thread(target=run, args=(f"runner_{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    claimed += [job.job_id for job in claims.claim("last", 30, 60)]
    assert len(claimed) == len(set(claimed)) == 60


@contextlib.contextmanager
def listening(claims: Claims) -> Iterator[threading.Event]:
    """Follow the change stream; the event is set once it has told of a job."""
    stop, heard = threading.Event(), threading.Event()

    def listen() -> None:
        for _ in claims.arrivals(stop):
            heard.set()

    thread = threading.Thread(target=listen)
    thread.start()
    yield heard
    stop.set()
    thread.join()


def test_an_arrival_is_heard_of_with_its_user(studio: Studio, claims: Claims) -> None:
    with listening(claims) as heard:

        def arrived() -> bool:  # again and again: the stream tells only what comes after it was opened
            approve_for(studio, BOB)
            return heard.wait(0.2)

        wait_until(arrived, "the stream tells of an approval")
    jobs = list(claims.claim("runner_a", 30, 1))
    assert [job.user_id for job in jobs] == ["bob"]


def test_a_retried_job_is_heard_of_too(studio: Studio, worker: Worker, claims: Claims) -> None:
    prompt = "a kite [sandbox:moderation]"
    jobs = [run_to_the_end(studio, worker, approve(studio, prompt).job_id) for _ in range(5)]
    worker.drain()
    with listening(claims) as heard:

        def retried() -> bool:  # again and again: the stream tells only what comes after it was opened
            job = jobs.pop()
            studio.approvals.retry(LOCAL, job.job_id, accept_micros=job.approval.quoted_micros)
            return heard.wait(1)

        wait_until(retried, "the stream tells of a retry")
    assert list(claims.claim("runner_a", 30, 1))


def test_what_waits_for_a_paused_model_is_not_claimed_in_batches_either(studio: Studio, claims: Claims) -> None:
    approve_for(studio, ANN, 4)
    other = studio._stores.queue
    claims.refresh()
    assert len(list(claims.claim("runner_a", 30, 2))) == 2
    lease = Lease(owner="runner_a", fence="fence_1")
    assert other.claim_many("ann", lease, 30, Barred(models=("gpt-image-2.5-flare",)), 2) == []
    assert len(other.claim_many("ann", lease, 30, Barred(), 2)) == 2


def test_the_queue_is_bounded_however_many_approve_at_once(
    settings: Settings, database: Database[dict[str, Any]]
) -> None:
    studio = build_studio(settings.model_copy(update={"queue_limit": 3}))
    barrier = threading.Barrier(10)

    def try_once() -> None:
        barrier.wait()
        with contextlib.suppress(Busy):
            approve_for(studio, ANN)

    threads = [threading.Thread(target=try_once) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert database.jobs.count_documents({}) == 3
    studio.close()


def test_a_full_queue_is_said_with_a_time_to_wait(settings: Settings) -> None:
    studio = build_studio(settings.model_copy(update={"queue_limit": 2}))
    approve_for(studio, ANN, 2)
    with pytest.raises(Busy) as refused:
        approve_for(studio, ANN)
    assert int(refused.value.headers["Retry-After"]) >= 1
    studio.close()


def test_who_waits_is_told_the_place(studio: Studio) -> None:
    seen(studio)
    approve_for(studio, ANN, 5)
    own = approve_for(studio, BOB, 2)
    first, second = (studio.forecast.outlook(job) for job in own)
    assert first is not None
    assert second is not None
    assert (first.position, second.position) == (2, 4)
    assert first.hindrance is None


def test_the_time_to_wait_comes_from_history(
    studio: Studio, worker: Worker, database: Database[dict[str, Any]]
) -> None:
    done = run_to_the_end(studio, worker, approve(studio).job_id)
    started = done.images[0].attempt.started_at
    assert started is not None
    later = {"images.0.attempts.0.finishedAt": started + timedelta(seconds=10)}
    database.jobs.update_one({"jobId": done.job_id}, {"$set": later})
    seen(studio, in_flight=2)
    worker.drain()
    waiting = approve_for(studio, ANN, 3)[-1]
    outlook = studio.forecast.outlook(waiting)
    assert outlook is not None
    assert outlook.position == 3
    assert outlook.starts_in_seconds == pytest.approx((2 + 2 + 1 - 2) / 2 * 10)


def test_without_a_runner_a_person_is_told_so(studio: Studio) -> None:
    outlook = studio.forecast.outlook(approve(studio))
    assert outlook is not None
    assert outlook.hindrance is not None
    assert "No runner" in outlook.hindrance
    assert outlook.starts_in_seconds is None


def test_a_job_that_runs_has_no_place(studio: Studio, claims: Claims) -> None:
    approve(studio)
    claims.refresh()
    (job,) = claims.claim("runner_a", 30, 1)
    assert studio.forecast.outlook(job) is None
