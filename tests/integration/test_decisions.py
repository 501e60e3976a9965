"""What a person decides about images that the machine may not decide about."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from imagegeneration.bootstrap import Studio, build_studio
from imagegeneration.core.actor import LOCAL, Actor
from imagegeneration.core.errors import NotFound, WrongState
from imagegeneration.jobs.decision import Decision
from imagegeneration.jobs.job import Job
from imagegeneration.local.sandbox import Sandbox
from imagegeneration.models.catalog import Catalog
from imagegeneration.providers.generation import Answer
from imagegeneration.runner.build import RunnerParts, build_runner
from imagegeneration.runner.task import ImageTask
from imagegeneration.settings import Settings
from tests.integration.conftest import approve, assert_money_adds_up, claim, one_round
from tests.integration.test_queue import seen


def decide(studio: Studio, job: Job, decision: Decision, attempt_id: str = "att_1") -> Job:
    return studio.decisions.decide(
        LOCAL, job.job_id, 0, attempt_id=attempt_id, decision=decision, reason="seen in the invoice"
    )


@pytest.fixture
def answered(studio: Studio, runner: RunnerParts) -> tuple[Job, Answer]:
    """A job whose one call was answered; nothing is recorded of the answer yet."""
    approve(studio)
    job = claim(studio, "runner_a")
    assert job is not None
    assert runner.door.enter(job, ImageTask(0, "att_1"))
    return job, runner.calls.make(job, ImageTask(0, "att_1"))


@pytest.fixture
def unknown(studio: Studio, answered: tuple[Job, Answer], database: Database[dict[str, Any]]) -> Job:
    """A failed job whose image was perhaps charged."""
    job, _ = answered
    database.jobs.update_one({"jobId": job.job_id}, {"$set": {"runAt": job.created_at - timedelta(seconds=1)}})
    one_round(studio)
    failed = studio.queries.get(LOCAL, job.job_id)
    assert failed.images[0].state == "UNKNOWN"
    return failed


def test_an_image_accepted_as_lost_stays_counted_as_spent(
    studio: Studio, unknown: Job, database: Database[dict[str, Any]]
) -> None:
    job = decide(studio, unknown, "accept_lost")
    assert (job.status, job.error_code, job.images[0].state) == ("FAILED", "INTERRUPTED", "FAILED")
    assert job.images[0].attempt.certainty == "unknown"
    assert studio.spending.today(LOCAL).spent_micros == unknown.approval.quoted_micros
    assert_money_adds_up(database)


def test_money_of_an_image_marked_as_not_charged_is_given_back(
    studio: Studio, unknown: Job, database: Database[dict[str, Any]]
) -> None:
    job = decide(studio, unknown, "not_charged")
    assert (job.status, job.error_code, job.images[0].state) == ("FAILED", "PROVIDER", "FAILED")
    assert job.images[0].attempt.certainty == "not_charged"
    assert studio.spending.today(LOCAL).spent_micros == 0
    assert database.ledger.count_documents({"kind": "adjust"}) == 1
    assert_money_adds_up(database)


@pytest.mark.parametrize("decision", ["accept_lost", "not_charged"])
def test_a_decided_image_can_be_made_again_without_further_consent(
    studio: Studio, unknown: Job, sandbox: Sandbox, decision: Decision, database: Database[dict[str, Any]]
) -> None:
    decide(studio, unknown, decision)
    assert studio.approvals.retry_quote(LOCAL, unknown.job_id).unknown == 0
    studio.approvals.retry(LOCAL, unknown.job_id, accept_micros=unknown.approval.quoted_micros)
    one_round(studio)
    assert studio.queries.get(LOCAL, unknown.job_id).status == "DONE"
    assert_money_adds_up(database)


@pytest.mark.parametrize("decision", ["accept_lost", "not_charged"])
def test_a_result_that_still_arrives_outranks_the_decision(
    studio: Studio,
    runner: RunnerParts,
    answered: tuple[Job, Answer],
    unknown: Job,
    decision: Decision,
    database: Database[dict[str, Any]],
) -> None:
    decide(studio, unknown, decision)
    received = runner.intake.receive(unknown, ImageTask(0, "att_1"), answered[1])
    assert received is not None
    runner.delivery.deliver(received)
    job = studio.queries.get(LOCAL, unknown.job_id)
    assert (job.status, job.error, len(job.cdn_urls)) == ("DONE", None, 1)
    assert job.images[0].attempt.certainty == "charged"
    assert_money_adds_up(database)


def test_of_two_decisions_the_second_is_refused(studio: Studio, unknown: Job) -> None:
    decide(studio, unknown, "accept_lost")
    with pytest.raises(WrongState):
        decide(studio, unknown, "not_charged")


def test_a_decision_is_about_the_attempt_that_was_looked_at(studio: Studio, unknown: Job) -> None:
    with pytest.raises(WrongState, match="again"):
        decide(studio, unknown, "accept_lost", attempt_id="att_another")


def test_nothing_is_decided_about_an_image_that_is_known(studio: Studio) -> None:
    job = approve(studio)
    one_round(studio)
    done = studio.queries.get(LOCAL, job.job_id)
    for decision in ("accept_lost", "not_charged", "declare_lost"):
        with pytest.raises(WrongState):
            decide(studio, done, decision, done.images[0].attempt.attempt_id or "")


def test_anothers_job_does_not_exist(studio: Studio, unknown: Job) -> None:
    with pytest.raises(NotFound):
        studio.decisions.decide(
            Actor(user_id="eve"), unknown.job_id, 0, attempt_id="att_1", decision="not_charged", reason="x"
        )
    with pytest.raises(NotFound):
        studio.decisions.decide(
            LOCAL, unknown.job_id, 3, attempt_id="att_1", decision="not_charged", reason="no such image"
        )


def test_who_decided_what_is_on_record(studio: Studio, unknown: Job) -> None:
    decide(studio, unknown, "not_charged")
    entry = studio.operations.state(LOCAL).audit[0]
    assert (entry.actor, entry.action, entry.subject) == ("local", "image.decided", f"{unknown.job_id}/0")
    assert "invoice" in entry.reason
    assert "UNKNOWN" in (entry.before or "")


@pytest.fixture
def elsewhere(settings: Settings, tmp_path: Path) -> Any:
    """The studio on another machine, with a spool of its own."""
    built = build_studio(settings.model_copy(update={"data_dir": tmp_path / "elsewhere"}))
    yield built
    built.close()


def strand(elsewhere: Studio, monkeypatch: pytest.MonkeyPatch) -> Job:
    """A job whose image is in the other machine's spool, because the bucket did not take it."""
    job = approve(elsewhere)
    with monkeypatch.context() as outage:
        outage.setattr(elsewhere.storage, "bucket", "gone")
        one_round(elsewhere)
    return elsewhere.queries.get(LOCAL, job.job_id)


def test_an_image_on_a_machine_that_is_gone_is_named_and_can_be_declared_lost(
    studio: Studio,
    elsewhere: Studio,
    monkeypatch: pytest.MonkeyPatch,
    database: Database[dict[str, Any]],
) -> None:
    job = strand(elsewhere, monkeypatch)
    monkeypatch.setattr("imagegeneration.operations.operations.WAITING", timedelta(0))
    (waiting,) = studio.operations.state(LOCAL).waiting_for_storage
    host = job.images[0].spool_host
    assert (waiting.host, waiting.is_alive, waiting.images[0].job_id) == (host, False, job.job_id)
    lost = decide(studio, job, "declare_lost", job.images[0].attempt.attempt_id or "")
    assert (lost.status, lost.error_code, lost.images[0].attempt.certainty) == ("FAILED", "STORAGE", "charged")
    assert str(host) in (lost.error or "")
    assert studio.spending.today(LOCAL).spent_micros > 0
    assert_money_adds_up(database)


def test_an_image_whose_machine_is_alive_cannot_be_declared_lost(
    studio: Studio, elsewhere: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = strand(elsewhere, monkeypatch)
    seen(studio, host=job.images[0].spool_host)
    with pytest.raises(WrongState, match="alive"):
        decide(studio, job, "declare_lost", job.images[0].attempt.attempt_id or "")


def test_an_image_that_was_declared_lost_is_adopted_when_its_machine_comes_back(
    studio: Studio, elsewhere: Studio, monkeypatch: pytest.MonkeyPatch, database: Database[dict[str, Any]]
) -> None:
    job = strand(elsewhere, monkeypatch)
    attempt_id = job.images[0].attempt.attempt_id or ""
    decide(studio, job, "declare_lost", attempt_id)
    build_runner(elsewhere).spool_delivery.deliver(attempt_id)
    found = studio.queries.get(LOCAL, job.job_id)
    assert (found.status, found.error, len(found.cdn_urls)) == ("DONE", None, 1)
    assert_money_adds_up(database)


def test_a_decision_is_concluded_even_if_its_process_ends_in_between(
    studio: Studio, elsewhere: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = strand(elsewhere, monkeypatch)
    with monkeypatch.context() as crash:
        crash.setattr(studio.decisions._transitions, "conclude", lambda _job_id: None)
        decide(studio, job, "declare_lost", job.images[0].attempt.attempt_id or "")
    one_round(studio)
    assert studio.queries.get(LOCAL, job.job_id).status == "FAILED"


def test_a_late_answer_costs_what_its_own_attempt_held(
    studio: Studio,
    runner: RunnerParts,
    answered: tuple[Job, Answer],
    unknown: Job,
    monkeypatch: pytest.MonkeyPatch,
    database: Database[dict[str, Any]],
) -> None:
    monkeypatch.setattr(Catalog, "quote", lambda *_: 50_000)
    studio.approvals.retry(LOCAL, unknown.job_id, accept_micros=50_000, accept_unknown=True)
    late = Answer(answered[1].content, None, None, None)
    runner.intake.receive(unknown, ImageTask(0, "att_1"), late)
    first, second = studio.queries.get(LOCAL, unknown.job_id).images[0].attempts
    assert (first.cost_micros, second.held_micros) == (first.held_micros, 50_000)
    assert studio.pauses.board.models == []
    assert_money_adds_up(database)
