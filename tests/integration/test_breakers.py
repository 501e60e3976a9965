"""The pause switch, and the breakers that trip by themselves."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pymongo.database import Database

from imagegeneration.bootstrap import Studio, build_studio
from imagegeneration.core.actor import LOCAL
from imagegeneration.core.errors import ModelUnavailable, WrongState
from imagegeneration.local.sandbox import Sandbox
from imagegeneration.models.catalog import Catalog
from imagegeneration.providers.breaker import EVERYTHING, Breaker
from imagegeneration.providers.health import Checked
from imagegeneration.runner.build import build_runner
from imagegeneration.runner.task import ImageTask
from imagegeneration.runner.worker import Worker
from imagegeneration.settings import Settings
from tests.integration.conftest import approve, assert_money_adds_up, claim, one_round, resume, run_to_the_end
from tests.integration.test_queue import ANN, BOB
from tests.support import wait_until

PROVIDER = "provider:sandbox"
MODEL = "model:gpt-image-2.5-flare"


@pytest.fixture
def nervous(settings: Settings) -> Any:
    """A studio whose breaker trips after three failures in a row."""
    built = build_studio(settings.model_copy(update={"breaker_failures": 3}))
    yield built
    built.close()


def breaker(studio: Studio, scope: str = PROVIDER) -> Breaker:
    return next((found for found in studio.pauses.all() if found.scope == scope), Breaker(scope=scope))


def trip(studio: Studio, sandbox: Sandbox) -> None:
    """Three calls fail; of each the money is in doubt, so that none is tried again."""
    sandbox.set_fault("reset", count=3)
    for _ in range(3):
        approve(studio)
    one_round(studio)
    assert breaker(studio).pause is not None


def let_probe(studio: Studio, database: Database[dict[str, Any]]) -> None:
    past = studio.runners.now() - timedelta(seconds=1)
    database.breakers.update_one({"_id": PROVIDER}, {"$set": {"pause.probeAt": past}})
    studio.pauses._board.invalidate()


def test_while_everything_is_paused_nothing_is_started_and_approvals_wait(studio: Studio, sandbox: Sandbox) -> None:
    studio.pauses.pause(LOCAL, EVERYTHING, "maintenance")
    job = approve(studio)
    one_round(studio)
    assert studio.queries.get(LOCAL, job.job_id).status == "QUEUED"
    assert sandbox.calls == []
    outlook = studio.forecast.outlook(job)
    assert outlook is not None
    assert "maintenance" in (outlook.hindrance or "")
    resume(studio, EVERYTHING, "done")
    one_round(studio)
    assert studio.queries.get(LOCAL, job.job_id).status == "DONE"


def test_a_claimed_job_whose_calls_are_paused_starts_none_and_is_given_back(studio: Studio, sandbox: Sandbox) -> None:
    approve(studio)
    job = claim(studio, "runner_a")
    assert job is not None
    studio.pauses.pause(LOCAL, EVERYTHING, "maintenance")
    working = Worker(build_runner(studio), "runner_a", 2, 30)
    working._pipeline.begin(job)
    wait_until(lambda: not working.in_flight.jobs, "the job is given back")
    working.drain()
    given_back = studio.queries.get(LOCAL, job.job_id)
    assert (given_back.lease, given_back.images[0].state, sandbox.calls) == (None, "HELD", [])
    assert given_back.run_at is not None
    assert given_back.run_at > studio.runners.now() + timedelta(seconds=2)


def test_a_crashed_job_is_recovered_while_everything_is_paused(
    studio: Studio, database: Database[dict[str, Any]]
) -> None:
    approve(studio)
    job = claim(studio, "runner_a")
    assert job is not None
    build_runner(studio).door.enter(job, ImageTask(0, "att_1"))
    studio.pauses.pause(LOCAL, EVERYTHING, "maintenance")
    database.jobs.update_one({"jobId": job.job_id}, {"$set": {"runAt": job.created_at}})
    one_round(studio)
    assert studio.queries.get(LOCAL, job.job_id).images[0].state == "UNKNOWN"


def test_failures_in_a_row_pause_the_provider(nervous: Studio, sandbox: Sandbox) -> None:
    trip(nervous, sandbox)
    pause = breaker(nervous).pause
    assert pause is not None
    assert pause.cause == "failures"
    assert pause.probe_at is not None
    approve(nervous)
    one_round(nervous)
    assert sandbox.calls == []


def test_a_success_in_between_starts_the_count_anew(nervous: Studio, sandbox: Sandbox) -> None:
    for fault in ("reset", "reset", None, "reset", "reset"):
        if fault is not None:
            sandbox.set_fault("reset", count=1)
        approve(nervous)
        one_round(nervous)
    assert breaker(nervous).pause is None
    assert breaker(nervous).failures == 2


def test_one_call_finds_out_whether_the_provider_works_again(
    nervous: Studio, sandbox: Sandbox, database: Database[dict[str, Any]]
) -> None:
    trip(nervous, sandbox)
    jobs = [approve(nervous) for _ in range(3)]
    let_probe(nervous, database)
    one_round(nervous)
    assert breaker(nervous).pause is None
    one_round(nervous)
    assert [nervous.queries.get(LOCAL, job.job_id).status for job in jobs] == ["DONE"] * 3


def test_a_call_that_fails_again_prolongs_the_pause(
    nervous: Studio, sandbox: Sandbox, database: Database[dict[str, Any]]
) -> None:
    trip(nervous, sandbox)
    sandbox.set_fault("reset", count=-1)
    for _ in range(3):
        approve(nervous)
    before = database.jobs.count_documents({"images.state": "UNKNOWN"})
    let_probe(nervous, database)
    one_round(nervous)
    pause = breaker(nervous).pause
    assert pause is not None
    assert pause.seconds == 60
    assert database.jobs.count_documents({"images.state": "UNKNOWN"}) == before + 1


@pytest.mark.parametrize("fault", ["401", "402", "403", "429_quota", "400_billing"])
def test_an_account_that_is_refused_pauses_the_provider_and_a_person_can_resume_it(
    studio: Studio, sandbox: Sandbox, fault: Any
) -> None:
    sandbox.set_fault(fault, count=1)
    approve(studio)
    one_round(studio)
    pause = breaker(studio).pause
    assert pause is not None
    assert (pause.cause, pause.seconds) == ("credentials", 900)
    resume(studio, PROVIDER, "the key was renewed")
    assert breaker(studio).pause is None


def test_an_account_that_is_accepted_again_ends_its_pause_by_itself(
    studio: Studio, sandbox: Sandbox, database: Database[dict[str, Any]]
) -> None:
    sandbox.set_fault("429_quota", count=2)
    approve(studio)
    one_round(studio)
    jobs = [approve(studio) for _ in range(2)]
    let_probe(studio, database)
    one_round(studio)
    pause = breaker(studio).pause
    assert pause is not None
    assert (pause.cause, pause.seconds) == ("credentials", 1800), "the test failed: the next one is later"
    assert len(sandbox.calls) == 0
    let_probe(studio, database)
    one_round(studio)
    assert breaker(studio).pause is None
    assert sorted(studio.queries.get(LOCAL, job.job_id).status for job in jobs) == ["DONE", "FAILED"]


def test_no_call_tests_an_account_that_its_check_finds_refused(
    studio: Studio, sandbox: Sandbox, database: Database[dict[str, Any]]
) -> None:
    sandbox.set_fault("401", count=1)
    approve(studio)
    one_round(studio)
    let_probe(studio, database)
    studio.breakers.checked("sandbox", Checked(status="refused"), was_trouble=True)
    assert studio.breakers.due_probe("sandbox") is None
    studio.breakers.checked("sandbox", Checked(status="works"), was_trouble=True)
    assert studio.breakers.due_probe("sandbox") is not None
    job = approve(studio)
    one_round(studio)
    assert studio.queries.get(LOCAL, job.job_id).status == "DONE"
    assert breaker(studio).pause is None


@pytest.mark.parametrize(("fault", "times"), [("429_quota", 1), ("reset", 3)])
def test_an_operator_tests_a_provider_that_paused_itself(
    nervous: Studio, sandbox: Sandbox, fault: Any, times: int
) -> None:
    sandbox.set_fault(fault, count=times)
    for _ in range(times):
        approve(nervous)
        one_round(nervous)
    job = approve(nervous)
    one_round(nervous)
    assert nervous.queries.get(LOCAL, job.job_id).status == "QUEUED"
    found = nervous.checks.test(ANN, "sandbox", "the bill is paid")
    assert (found.status, found.next_call_tests) == ("works", True)
    assert found.paused is not None
    one_round(nervous)
    assert nervous.queries.get(LOCAL, job.job_id).status == "DONE"
    assert breaker(nervous).pause is None
    resumed, tested, paused = nervous.operations.state(LOCAL).audit[:3]
    assert [entry.action for entry in (resumed, tested, paused)] == ["resumed", "tested", "paused"]
    assert (tested.actor, tested.subject, tested.reason) == ("ann", PROVIDER, "the bill is paid")


def test_a_person_can_keep_a_provider_paused_that_would_be_tested(studio: Studio, sandbox: Sandbox) -> None:
    sandbox.set_fault("401", count=1)
    approve(studio)
    one_round(studio)
    studio.pauses.pause(ANN, PROVIDER, "the contract has ended")
    pause = breaker(studio).pause
    assert pause is not None
    assert (pause.cause, pause.probe_at) == ("person", None)
    assert not studio.pauses.begin(LOCAL, PROVIDER, "credentials", "Wrong key.")


def test_a_test_ends_no_pause_of_a_person(studio: Studio, sandbox: Sandbox) -> None:
    studio.pauses.pause(LOCAL, PROVIDER, "maintenance")
    found = studio.checks.test(ANN, "sandbox", "to see")
    assert (found.next_call_tests, found.paused) == (False, "maintenance")
    approve(studio)
    one_round(studio)
    assert sandbox.calls == []


def test_a_probe_that_the_provider_refuses_shows_that_it_works(
    nervous: Studio, sandbox: Sandbox, database: Database[dict[str, Any]]
) -> None:
    trip(nervous, sandbox)
    sandbox.set_fault("moderation", count=1)
    approve(nervous)
    let_probe(nervous, database)
    one_round(nervous)
    assert breaker(nervous).pause is None


def test_a_success_of_a_call_from_before_the_pause_does_not_end_it(nervous: Studio, sandbox: Sandbox) -> None:
    before = nervous.runners.now()
    trip(nervous, sandbox)
    nervous.breakers.succeeded("sandbox", before)
    assert breaker(nervous).pause is not None
    nervous.breakers.succeeded("sandbox", nervous.runners.now())
    assert breaker(nervous).pause is None


def test_an_account_that_is_refused_while_failures_pause_it_needs_a_person(
    nervous: Studio, sandbox: Sandbox, database: Database[dict[str, Any]]
) -> None:
    trip(nervous, sandbox)
    sandbox.set_fault("401", count=1)
    approve(nervous)
    let_probe(nervous, database)
    one_round(nervous)
    pause = breaker(nervous).pause
    assert pause is not None
    assert pause.cause == "credentials"


def test_answers_that_are_no_images_count_as_failures(nervous: Studio, sandbox: Sandbox) -> None:
    sandbox.set_fault("html_200", count=3)
    for _ in range(3):
        approve(nervous)
    one_round(nervous)
    assert breaker(nervous).pause is not None


def test_of_two_processes_one_makes_the_probe(
    nervous: Studio, settings: Settings, sandbox: Sandbox, database: Database[dict[str, Any]]
) -> None:
    trip(nervous, sandbox)
    other = build_studio(settings)
    job = approve(nervous)
    let_probe(nervous, database)
    assert [nervous.breakers.allow_call(job.request), other.breakers.allow_call(job.request)] == [True, False]
    other.close()


@pytest.mark.parametrize("fault", ["400", "moderation"])
def test_a_refused_prompt_says_nothing_about_the_provider(nervous: Studio, sandbox: Sandbox, fault: Any) -> None:
    sandbox.set_fault(fault, count=4)
    for _ in range(4):
        approve(nervous)
    one_round(nervous)
    assert breaker(nervous).failures == 0


def test_money_that_goes_too_fast_pauses_the_provider(settings: Settings, sandbox: Sandbox) -> None:
    studio = build_studio(settings.model_copy(update={"burn_limit_usd_per_hour": 0.1}))
    approve(studio, image_count=1)
    one_round(studio)
    studio.breakers.check_burn_rate("sandbox")
    assert breaker(studio).pause is None
    approve(studio, image_count=1)
    one_round(studio)
    studio.breakers.check_burn_rate("sandbox")
    pause = breaker(studio).pause
    assert pause is not None
    assert (pause.cause, pause.probe_at) == ("burn_rate", None)
    resume(studio, PROVIDER, "a campaign, it is meant to")
    studio.breakers.check_burn_rate("sandbox")
    assert breaker(studio).pause is None, "what was spent before the person resumed counts no more"
    studio.close()


def test_a_bill_above_its_hold_is_recorded_and_pauses_the_model(
    studio: Studio, worker: Worker, database: Database[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Catalog, "cost", lambda *_: 99_000)
    job = run_to_the_end(studio, worker, approve(studio).job_id)
    assert (job.status, job.cost_micros) == ("DONE", 99_000)
    assert studio.spending.today(LOCAL).spent_micros == 99_000
    pause = breaker(studio, MODEL).pause
    assert pause is not None
    assert pause.cause == "bill"
    assert "$0.099" in pause.reason
    assert_money_adds_up(database)


def test_a_bill_a_few_tokens_above_its_hold_is_recorded_and_pauses_nothing(
    studio: Studio, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    bill = studio.selector.quote_default("a red kite over green hills", 1, LOCAL.user_id).total_micros + 40
    monkeypatch.setattr(Catalog, "cost", lambda *_: bill)
    job = run_to_the_end(studio, worker, approve(studio).job_id)
    assert (job.status, job.cost_micros) == ("DONE", bill)
    assert breaker(studio, MODEL).pause is None


def test_for_a_paused_model_nothing_is_approved_and_what_waits_is_not_claimed(studio: Studio, sandbox: Sandbox) -> None:
    job = approve(studio)
    studio.pauses.pause(LOCAL, MODEL, "its price is being looked into")
    with pytest.raises(ModelUnavailable, match="looked into"):
        approve(studio)
    with pytest.raises(ModelUnavailable):
        studio.selector.quote_default("a kite", 1, LOCAL.user_id).require_allowed()
    one_round(studio)
    assert (studio.queries.get(LOCAL, job.job_id).status, sandbox.calls) == ("QUEUED", [])
    resume(studio, MODEL, "corrected")
    one_round(studio)
    assert studio.queries.get(LOCAL, job.job_id).status == "DONE"


def test_another_process_knows_of_a_pause_within_a_second(studio: Studio, settings: Settings) -> None:
    other = build_studio(settings)
    assert other.pauses.board.of_provider("sandbox") is None
    studio.pauses.pause(LOCAL, EVERYTHING, "maintenance")
    wait_until(lambda: other.pauses.board.of_provider("sandbox"), "the pause is known", seconds=1.5)
    other.close()


def test_who_paused_and_resumed_what_and_why_is_on_record(studio: Studio) -> None:
    studio.pauses.pause(ANN, EVERYTHING, "maintenance")
    resume(studio, EVERYTHING, "done", BOB)
    entries = [
        (entry.actor, entry.action, entry.subject, entry.reason) for entry in studio.operations.state(LOCAL).audit
    ]
    assert entries == [("bob", "resumed", EVERYTHING, "done"), ("ann", "paused", EVERYTHING, "maintenance")]


def test_what_is_paused_cannot_be_paused_nor_what_is_not_be_resumed(studio: Studio) -> None:
    with pytest.raises(WrongState):
        studio.pauses.resume(LOCAL, EVERYTHING, "x", paused_at=studio.runners.now())
    studio.pauses.pause(LOCAL, EVERYTHING, "x")
    with pytest.raises(WrongState):
        studio.pauses.pause(LOCAL, EVERYTHING, "y")
