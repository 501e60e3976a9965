"""Calls at once and calls a minute of a provider, over all runners: one too many waits, and nothing else does."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from pymongo.database import Database

from imagegeneration.bootstrap import Studio, build_studio
from imagegeneration.core.actor import LOCAL
from imagegeneration.local.sandbox import Sandbox
from imagegeneration.money.money import ProviderLimits
from imagegeneration.providers import throttle as pacing
from imagegeneration.runner.build import build_claims, build_runner
from imagegeneration.runner.worker import Worker
from imagegeneration.settings import Settings
from imagegeneration.settings_types import ProviderLimitSetting
from tests.integration.conftest import approve
from tests.integration.pacers import begin_and_end, begin_for
from tests.integration.test_queue import seen
from tests.support import wait_until

Documents = Database[dict[str, Any]]
SPAWN = multiprocessing.get_context("spawn")


def limited(settings: Settings, **limits: Any) -> Settings:
    return settings.model_copy(update={"provider_limits": {"sandbox": ProviderLimitSetting(**limits)}})


@contextmanager
def working(settings: Settings, concurrency: int = 4) -> Iterator[tuple[Studio, Worker]]:
    studio = build_studio(settings)
    worker = Worker(build_runner(studio), "runner_paced", concurrency, lease_seconds=30)
    try:
        yield studio, worker
    finally:
        worker.drain()
        studio.close()


def look_until(worker: Worker, condition: Any, what: str) -> None:
    """Fill the worker as its clock does, until so."""

    def looked() -> bool:
        worker.fill(ticked=True)
        return bool(condition())

    wait_until(looked, what, every=0.05)


def done(studio: Studio) -> int:
    return sum(job.status == "DONE" for job in studio.queries.page(LOCAL, limit=100).jobs)


def test_several_processes_begin_exactly_as_many_calls_a_minute_as_allowed(settings: Settings) -> None:
    paced = limited(settings, per_minute=7)
    build_studio(paced).close()
    begun = SPAWN.Value("i", 0)
    processes = [SPAWN.Process(target=begin_for, args=(paced, f"p{n}", 2.0, begun)) for n in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert begun.value == 7


def test_several_processes_never_have_more_calls_in_flight_than_allowed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    paced = limited(settings, concurrency=2)
    build_studio(paced).close()
    in_flight, most = SPAWN.Value("i", 0), SPAWN.Value("i", 0)
    processes = [SPAWN.Process(target=begin_and_end, args=(paced, f"p{n}", 8, in_flight, most)) for n in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(90)
    assert [process.exitcode for process in processes] == [0] * 4
    assert (in_flight.value, most.value) == (0, 2)


def test_jobs_above_the_rate_wait_under_their_lease_and_go_on_when_it_allows(
    settings: Settings, sandbox: Sandbox, database: Documents
) -> None:
    with working(limited(settings, per_minute=2)) as (studio, worker):
        jobs = [approve(studio) for _ in range(4)]
        look_until(worker, lambda: done(studio) == 2, "two are made")
        for _ in range(5):
            worker.fill(ticked=True)
        assert (len(sandbox.calls), worker.in_flight.count("waiting")) == (2, 1)
        waiting = [studio.queries.get(LOCAL, job.job_id) for job in jobs[2:]]
        assert [(job.status, job.claims) for job in waiting] == [("RUNNING", 0), ("QUEUED", 0)]
        fence = waiting[0].lease.fence if waiting[0].lease else None
        (pace,) = database.provider_paces.find({})
        earlier = [start - timedelta(minutes=1) for start in pace["starts"]]
        database.provider_paces.update_one({}, {"$set": {"starts": earlier}})
        studio.pacing._not_before.clear()
        (claimed,) = database.jobs.find({"jobId": waiting[0].job_id})
        assert claimed["lease"]["fence"] == fence, "it was not claimed again while it waited"
        look_until(worker, lambda: done(studio) == 4, "all are made")
        assert len(sandbox.calls) == 4


def test_five_images_of_a_job_are_made_one_after_the_other_where_one_call_may_be_in_flight(
    settings: Settings, sandbox: Sandbox, database: Documents
) -> None:
    sandbox.set_fault("delay", delay=0.2, count=-1)
    with working(limited(settings, concurrency=1)) as (studio, worker):
        approve(studio, image_count=5)
        look_until(worker, lambda: done(studio) == 1, "all five are made")
        (job,) = studio.queries.page(LOCAL, limit=1).jobs
        attempts = [image.attempt for image in job.images]
        spans = sorted((each.started_at, each.finished_at) for each in attempts if each.started_at and each.finished_at)
        assert len(spans) == 5
        assert all(before[1] <= after[0] for before, after in pairwise(spans))
        (pace,) = database.provider_paces.find({})
        assert pace["slots"] == []


def test_a_call_of_a_runner_that_is_gone_counts_no_longer_than_its_slot(
    settings: Settings, database: Documents
) -> None:
    studio = build_studio(limited(settings, concurrency=1))
    assert studio.pacing.begin("sandbox", "att_gone")
    other = build_studio(limited(settings, concurrency=1))
    assert not other.pacing.begin("sandbox", "att_next")
    database.provider_paces.update_one({}, {"$set": {"slots.0.until": studio.runners.now()}})
    other.pacing._not_before.clear()
    assert other.pacing.begin("sandbox", "att_next")
    studio.close()
    other.close()


def test_a_heartbeat_keeps_a_long_call_in_flight(settings: Settings, database: Documents) -> None:
    with working(limited(settings, concurrency=1)) as (studio, worker):
        assert studio.pacing.begin("sandbox", "att_long")
        soon = studio.runners.now() + timedelta(seconds=1)
        database.provider_paces.update_one({}, {"$set": {"slots.0.until": soon}})
        worker.renew()
        (pace,) = database.provider_paces.find({})
        assert pace["slots"][0]["until"] > soon + timedelta(seconds=pacing.SLOT_SECONDS / 2)


def test_jobs_of_other_providers_do_not_wait_with_it(settings: Settings, database: Documents) -> None:
    with working(limited(settings, per_minute=1)) as (studio, worker):
        for _ in range(2):
            approve(studio)
        look_until(worker, lambda: worker.in_flight.count("waiting") == 1, "one waits")
        approve(studio)
        other = approve(studio)
        database.jobs.update_one({"jobId": other.job_id}, {"$set": {"request.provider": "fal"}})
        claims = build_claims(studio)
        claims.refresh()
        (claimed,) = claims.claim("runner_b", 30, 4, worker.in_flight.awaited())
        assert claimed.job_id == other.job_id


def test_a_runner_that_stops_gives_back_what_waited(settings: Settings) -> None:
    with working(limited(settings, per_minute=1)) as (studio, worker):
        jobs = [approve(studio) for _ in range(2)]
        look_until(worker, lambda: done(studio) == 1 and worker.in_flight.count("waiting") == 1, "one waits")
        worker.drain()
        assert [studio.queries.get(LOCAL, job.job_id).lease for job in jobs] == [None, None]
        assert build_claims(studio).overdue("runner_b", 30) is not None


def test_whoever_waits_is_told_what_for(settings: Settings) -> None:
    studio = build_studio(limited(settings, per_minute=1))
    seen(studio)
    assert studio.pacing.begin("sandbox", "att_1")
    assert not studio.pacing.begin("sandbox", "att_2")
    outlook = studio.forecast.outlook(approve(studio))
    assert outlook is not None
    assert outlook.hindrance == "Waiting for the provider's rate: at most 1 call a minute."
    (state,) = studio.operations.state(LOCAL).providers
    assert (state.last_minute, state.hindrance) == (1, outlook.hindrance)
    studio.close()


def test_a_limit_is_set_and_lifted_at_run_time(settings: Settings) -> None:
    studio = build_studio(settings)
    assert not studio.pacing.is_needed
    none = studio.limits.in_force()
    one = none.model_copy(update={"providers": (ProviderLimits(provider="sandbox", per_minute=1),)})
    studio.limits.change(LOCAL, one, version=0, reason="they asked us to")
    studio.pacing.look()
    assert [studio.pacing.begin("sandbox", f"att_{n}") for n in range(3)] == [True, False, False]
    two = none.model_copy(update={"providers": (ProviderLimits(provider="sandbox", per_minute=2),)})
    studio.limits.change(LOCAL, two, version=1, reason="they allow more")
    studio.pacing.look()
    assert [studio.pacing.begin("sandbox", f"att_{n}") for n in range(3, 6)] == [True, False, False]
    studio.limits.change(LOCAL, none, version=2, reason="they allow any number")
    studio.pacing.look()
    assert studio.pacing.begin("sandbox", "att_6")
    studio.close()
