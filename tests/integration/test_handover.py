"""A runner that stops while a provider works on a call by itself: the next one waits for it, and nobody pays twice."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from pymongo.database import Database

from imagegeneration.bootstrap import Studio, build_studio
from imagegeneration.core.actor import LOCAL
from imagegeneration.jobs.job import Job
from imagegeneration.models.model import Slow
from imagegeneration.providers import asynchronous
from imagegeneration.runner import late_answers
from imagegeneration.runner.build import build_runner
from imagegeneration.runner.worker import Worker
from imagegeneration.settings import Settings
from tests.integration.conftest import approve, assert_money_adds_up, one_round
from tests.integration.providers.support import fetcher_of
from tests.support import png, wait_until
from tests.wire import fal, replicate
from tests.wire.fal import FalStub
from tests.wire.replicate import ReplicateStub

NEVER = 1_000_000


@dataclass(frozen=True)
class Working:
    """A studio whose provider works on every call until `stub.polls` says otherwise."""

    stub: FalStub | ReplicateStub
    studio: Studio

    @property
    def submits(self) -> int:
        return sum(self.stub.stage(received) == "submit" for received in self.stub.received)


@pytest.fixture(params=["fal", "replicate"])
def working(request: pytest.FixtureRequest, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Working]:
    with ExitStack() as stack:
        stub: FalStub | ReplicateStub
        if request.param == "fal":
            stub = stack.enter_context(FalStub(png(), polls=NEVER))
            changes: Mapping[str, Any] = {"fal_key": SecretStr(fal.KEY), "fal_base_url": stub.url}
        else:
            stub = stack.enter_context(ReplicateStub(png(), polls=NEVER))
            changes = {"replicate_api_token": SecretStr(replicate.KEY), "replicate_base_url": stub.endpoint}
        monkeypatch.setattr(asynchronous, "Fetcher", lambda: fetcher_of(stub))
        studio = build_studio(settings.model_copy(update=changes))
        stack.callback(studio.close)
        yield Working(stub, studio)


def stopped_in_the_call(working: Working) -> str:
    """The id of a job whose runner was stopped in the orderly way, in the middle of its call."""
    studio = working.studio
    worker = Worker(build_runner(studio), "runner_first", concurrency=4, lease_seconds=30)
    claiming = threading.Thread(target=worker.run, daemon=True)
    claiming.start()
    job = approve(studio)
    worker.tick()
    wait_until(lambda: "status" in map(working.stub.stage, working.stub.received), "the call is waited for")
    draining = threading.Thread(target=worker.drain, daemon=True)
    draining.start()
    draining.join(10)
    assert not draining.is_alive(), "the drain waits for the call"
    claiming.join(10)
    return job.job_id


def test_the_next_runner_waits_for_a_call_that_was_left(working: Working, database: Database[dict[str, Any]]) -> None:
    job_id = stopped_in_the_call(working)
    left = working.studio.queries.get(LOCAL, job_id)
    assert (left.status, left.lease, left.images[0].state) == ("RUNNING", None, "CALLING")
    assert left.images[0].attempt.handle is not None
    working.stub.polls = 0
    one_round(working.studio)
    done = working.studio.queries.get(LOCAL, job_id)
    assert (done.status, done.images[0].attempt.certainty, working.submits) == ("DONE", "charged", 1)
    assert_money_adds_up(database)


@pytest.mark.parametrize("hurry", [{"timeout_seconds": 0.3}, {"slow": Slow(pixels=1, seconds=1.0)}])
def test_a_call_that_is_left_is_waited_for_only_as_long_as_its_model_takes(
    working: Working, database: Database[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, hurry: dict[str, Any]
) -> None:
    job_id = stopped_in_the_call(working)
    catalog = working.studio.registry.catalog
    hurried = [model.model_copy(update=hurry) for model in catalog.image_models]
    monkeypatch.setitem(catalog.__dict__, "image_models", tuple(hurried))
    one_round(working.studio)
    job = working.studio.queries.get(LOCAL, job_id)
    assert (job.images[0].state, job.error_code, working.submits) == ("UNKNOWN", "INTERRUPTED", 1)
    assert str(job.images[0].attempt.handle) in (job.error or "")
    assert_money_adds_up(database)


def in_doubt(working: Working, monkeypatch: pytest.MonkeyPatch) -> Job:
    """A job whose provider took longer than its model is waited for."""
    catalog = working.studio.registry.catalog
    hurried = [model.model_copy(update={"timeout_seconds": 0.3}) for model in catalog.image_models]
    with monkeypatch.context() as hurry:
        hurry.setitem(catalog.__dict__, "image_models", tuple(hurried))
        job_id = approve(working.studio).job_id
        one_round(working.studio)
    job = working.studio.queries.get(LOCAL, job_id)
    assert (job.status, job.images[0].state) == ("FAILED", "UNKNOWN")
    return job


def asked_again(working: Working, job: Job) -> Job:
    build_runner(working.studio).late_answers.run()
    return working.studio.queries.get(LOCAL, job.job_id)


def test_what_was_paid_for_is_had_after_all(
    working: Working, database: Database[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(late_answers, "ASK_AGAIN_SECONDS", 0.3)
    job = in_doubt(working, monkeypatch)
    assert asked_again(working, job).images == job.images, "it is not done yet"
    working.stub.polls = 0
    done = asked_again(working, job)
    assert (done.status, done.images[0].attempt.certainty, working.submits) == ("DONE", "charged", 1)
    assert len(done.cdn_urls) == 1
    assert done.unknown_micros == 0
    assert_money_adds_up(database)
    asked = len(working.stub.received)
    assert asked_again(working, job) == done
    assert len(working.stub.received) == asked


def test_nobody_is_asked_for_what_is_not_kept_any_more_or_was_decided_about(
    working: Working, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, other = in_doubt(working, monkeypatch), in_doubt(working, monkeypatch)
    attempt_id = other.images[0].attempt.attempt_id
    assert attempt_id is not None
    working.studio.decisions.decide(
        LOCAL, other.job_id, 0, attempt_id=attempt_id, decision="accept_lost", reason="it is late"
    )
    working.stub.polls = 0
    asked = len(working.stub.received)
    with monkeypatch.context() as later:
        later.setattr(late_answers, "ANSWERS_KEPT", timedelta(0))
        assert asked_again(working, job) == job
    assert len(working.stub.received) == asked
    assert asked_again(working, job).status == "DONE"
    assert working.studio.queries.get(LOCAL, other.job_id).images[0].state == "FAILED"


@pytest.mark.parametrize("working", ["fal"], indirect=True)  # only Fal says that it charges for what it blacks out
def test_a_late_answer_without_an_image_closes_the_doubt(
    working: Working, database: Database[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(working.stub, FalStub)
    job = in_doubt(working, monkeypatch)
    working.stub.polls, working.stub.nsfw = 0, True
    ended = asked_again(working, job)
    assert (ended.images[0].state, ended.images[0].attempt.certainty) == ("FAILED", "charged")
    assert ended.unknown_micros == 0
    assert_money_adds_up(database)
