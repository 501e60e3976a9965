"""An image falls back to another model by consent, where nothing was charged, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from imagegeneration.bootstrap import Studio
from imagegeneration.core.actor import LOCAL
from imagegeneration.core.errors import OverBudget, WrongState
from imagegeneration.jobs.job import Job
from imagegeneration.local.sandbox import Sandbox
from imagegeneration.local.sandbox.faults import FaultKind
from imagegeneration.providers.breaker import EVERYTHING, Breaker
from imagegeneration.providers.health import Checked
from imagegeneration.runner.build import RunnerParts, build_runner
from imagegeneration.runner.claims import Claims
from imagegeneration.runner.task import ImageTask
from imagegeneration.runner.worker import Worker
from imagegeneration.settings import Settings
from imagegeneration.settings_types import ProviderLimitSetting
from tests.integration.conftest import assert_money_adds_up, body, claim, one_round, resume
from tests.integration.servers import (
    CHEAP,
    DEAR,
    FIRST,
    NOWHERE,
    SECOND,
    THIRD,
    order,
    running,
    two_servers,
    work_until_over,
)
from tests.support import wait_until

Documents = Database[dict[str, Any]]
Build = Callable[..., AbstractContextManager[Studio]]
MANY = [24, pytest.param(100, marks=pytest.mark.long)]


@pytest.fixture(scope="module")
def _second_server() -> Iterator[Sandbox]:
    with Sandbox() as server:
        yield server


@pytest.fixture
def second(_second_server: Sandbox) -> Sandbox:
    """The server `two`; `one` is the sandbox of every test."""
    _second_server.reset()
    return _second_server


@pytest.fixture
def build(settings: Settings, sandbox: Sandbox, second: Sandbox, tmp_path: Path) -> Build:
    """A studio on the same database, with other servers or settings."""

    def built(first: str = sandbox.url, other: str = second.url, **more: Any) -> AbstractContextManager[Studio]:
        return running(two_servers(settings, tmp_path, first, other, **more))

    return built


@pytest.fixture
def studio(build: Build) -> Iterator[Studio]:
    with build() as both:
        yield both


def breaker(studio: Studio, provider: str) -> Breaker:
    return next(found for found in studio.pauses.all() if found.scope == f"provider:{provider}")


def assert_nothing_follows_a_charge(job: Job) -> None:
    for image in job.images:
        assert all(attempt.certainty == "not_charged" for attempt in image.attempts[:-1]), job.job_id


@pytest.mark.parametrize("many", MANY)
@pytest.mark.parametrize("down", ["refused", "503", "401"])
def test_while_the_first_is_down_the_alternate_makes_every_job(
    build: Build, sandbox: Sandbox, second: Sandbox, database: Documents, down: Any, many: int
) -> None:
    if down != "refused":
        sandbox.set_fault(down, count=-1)
    with build(NOWHERE if down == "refused" else sandbox.url) as studio:
        ended = work_until_over(studio, [order(studio, SECOND) for _ in range(many)], seconds=120)
        done = [job for job in ended if job.status == "DONE"]
        assert len(done) == many
        assert (len(second.calls), {call.model for call in second.calls}) == (many, {SECOND})
        assert sandbox.calls == [], "the first has charged nothing"
        for job in ended:
            assert_nothing_follows_a_charge(job)
            assert (job.images[0].attempt.provider, job.images[0].attempts[0].provider) == ("two", "one")
            assert job.images[0].attempt.why
        assert breaker(studio, "one").pause is not None
        assert [found for found in studio.pauses.all() if found.scope == "provider:two" and found.failures] == []
    assert_money_adds_up(database)


@pytest.mark.parametrize("fault", ["reset", "reset_after_billing", "hang", "500_html"])
def test_after_an_unknown_charge_nobody_else_is_called(
    build: Build, sandbox: Sandbox, second: Sandbox, database: Documents, fault: FaultKind
) -> None:
    sandbox.set_fault(fault, count=-1)
    with build(provider_timeout_seconds=1.0, breaker_failures=1_000) as studio:
        for job in work_until_over(studio, [order(studio, SECOND) for _ in range(16)]):
            (attempt,) = job.images[0].attempts
            assert (job.status, job.error_code, attempt.certainty) == ("FAILED", "INTERRUPTED", "unknown")
            assert attempt.cost_micros == CHEAP, "what the first costs, not what was held for the alternate"
    assert second.calls == []
    assert_money_adds_up(database)


@pytest.mark.parametrize(
    ("fault", "error_code"),
    [
        ("moderation", "MODERATION"),
        ("content_policy", "MODERATION"),
        ("400_unknown", "PROVIDER"),
        ("junk_base64", "PROVIDER"),
        ("one_byte_png", "PROVIDER"),
    ],
)
def test_a_refused_prompt_and_a_charged_answer_end_it(
    studio: Studio, sandbox: Sandbox, second: Sandbox, fault: FaultKind, error_code: str
) -> None:
    sandbox.set_fault(fault)
    (job,) = work_until_over(studio, [order(studio, SECOND)])
    assert (job.status, job.error_code, len(job.images[0].attempts)) == ("FAILED", error_code, 1)
    assert second.calls == []


@pytest.mark.parametrize("fault", ["400", "401", "429_quota"])
def test_without_consent_nobody_else_is_called(
    studio: Studio, sandbox: Sandbox, second: Sandbox, fault: FaultKind
) -> None:
    sandbox.set_fault(fault)
    (job,) = work_until_over(studio, [order(studio)])
    assert (job.status, job.error_code, second.calls) == ("FAILED", "PROVIDER", [])


def test_a_final_refusal_falls_back_and_each_attempt_says_who_and_why(
    studio: Studio, sandbox: Sandbox, second: Sandbox, database: Documents
) -> None:
    sandbox.set_fault("400")
    (job,) = work_until_over(studio, [order(studio, SECOND)])
    first, last = job.images[0].attempts
    assert (job.status, first.provider, first.outcome, first.certainty) == ("DONE", "one", "refused", "not_charged")
    assert (last.provider, last.model, last.certainty) == ("two", SECOND, "charged")
    assert last.why == f"{FIRST} of one did not make it, and did not charge: {first.error and first.error.message}"
    (image,) = studio.queries.images(LOCAL, job.job_id)
    assert (image.provider, image.model) == ("two", SECOND)
    assert second.calls[0].prompt == job.final_prompt
    assert_money_adds_up(database)


def test_the_hold_covers_the_dearest_and_what_is_not_needed_is_given_back(
    studio: Studio, sandbox: Sandbox, database: Documents
) -> None:
    job = order(studio, SECOND, approved=body(image_count=2))
    assert (job.approval.quoted_micros, job.held_micros) == (2 * DEAR, 2 * DEAR)
    assert studio.spending.today(LOCAL).held_micros == 2 * DEAR
    sandbox.set_fault("no_usage", count=2)
    (ended,) = work_until_over(studio, [job])
    assert ended.cost_micros == 2 * CHEAP, "without a count it is the price of the one who was called"
    assert studio.spending.today(LOCAL).held_micros == 0
    assert_money_adds_up(database)


def test_a_budget_is_never_passed_by_an_alternate(build: Build, database: Documents) -> None:
    with build(daily_budget_usd=(DEAR - 1) / 1e6) as studio:
        with pytest.raises(OverBudget):
            order(studio, SECOND)
        assert order(studio).held_micros == CHEAP
    assert_money_adds_up(database)


def test_an_alternate_without_room_in_the_budget_of_its_provider_does_not_take_over(
    build: Build, sandbox: Sandbox, second: Sandbox, database: Documents
) -> None:
    sandbox.set_fault("400")
    with build(provider_limits={"two": ProviderLimitSetting(daily_budget_usd=(DEAR - 1) / 1e6)}) as studio:
        (ended,) = work_until_over(studio, [order(studio, SECOND)])
    assert (ended.status, ended.error_code, len(ended.images[0].attempts)) == ("FAILED", "PROVIDER", 1)
    assert (second.calls, ended.held_micros, ended.cost_micros) == ([], 0, 0)
    assert_money_adds_up(database)


def test_an_alternate_is_called_at_the_pace_of_its_own_provider(build: Build, second: Sandbox) -> None:
    with build(provider_limits={"two": ProviderLimitSetting(per_minute=1)}) as studio:
        jobs = [order(studio, SECOND) for _ in range(3)]
        studio.pauses.pause(LOCAL, "provider:one", "maintenance")
        worker = Worker(build_runner(studio), "runner_a", 4, 30)

        def one_is_made() -> bool:
            worker._try_to_fill(ticked=True)
            return any(studio.queries.get(LOCAL, job.job_id).status == "DONE" for job in jobs) and bool(
                worker.in_flight.count("waiting")
            )

        wait_until(one_is_made, "one is made and another waits", every=0.05)
        worker.drain()
    assert len(second.calls) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"alternates.0.model": THIRD},
        {"alternates.0.quality": "high"},
        {"alternates.0.provider": "one"},
        {"alternates": []},
        {"images.0.attempts.0.provider": "two"},
        {"images.0.attempts.0.model": THIRD},
        {"images.0.attempts.0.route": 1},
        {"images.0.attempts.0.route": 2},
    ],
)
def test_alternates_that_were_tampered_with_are_not_sent(
    studio: Studio, sandbox: Sandbox, second: Sandbox, database: Documents, change: dict[str, Any]
) -> None:
    sandbox.set_fault("400", count=-1)
    job = order(studio, SECOND)
    database.jobs.update_one({"jobId": job.job_id}, {"$set": change})
    (ended,) = work_until_over(studio, [job])
    assert (ended.error_code, sandbox.calls, second.calls) == ("TAMPERED", [], [])


def test_an_alternate_that_was_slipped_in_is_not_sent(
    studio: Studio, sandbox: Sandbox, second: Sandbox, database: Documents
) -> None:
    with_consent, without = order(studio, SECOND), order(studio)
    known = database.jobs.find_one({"jobId": with_consent.job_id})
    assert known is not None
    slipped = {"alternates": known["alternates"], "approval.alternates": known["approval"]["alternates"]}
    database.jobs.update_one({"jobId": without.job_id}, {"$set": slipped})
    sandbox.set_fault("400", count=-1)
    (ended,) = work_until_over(studio, [without])
    assert (ended.error_code, second.calls) == ("TAMPERED", [])


def test_an_alternate_at_another_endpoint_than_the_approved_one_is_not_called(
    studio: Studio, build: Build, sandbox: Sandbox, second: Sandbox
) -> None:
    job = order(studio, SECOND)
    sandbox.set_fault("400")
    with build(other=f"{second.url}/") as same, build(other=sandbox.url) as moved:
        assert same.registry.endpoints == studio.registry.endpoints
        (ended,) = work_until_over(moved, [job])
    assert (ended.error_code, len(ended.images[0].attempts), second.calls) == ("PROVIDER", 1, [])


def test_an_alternate_that_moved_after_its_turn_began_is_refused(
    studio: Studio, build: Build, sandbox: Sandbox, second: Sandbox
) -> None:
    sandbox.set_fault("400")
    job = order(studio, SECOND)
    one_round(studio)
    assert studio.queries.get(LOCAL, job.job_id).images[0].attempt.provider == "two"
    with build(other=sandbox.url) as moved:
        (ended,) = work_until_over(moved, [job])
    assert (ended.error_code, second.calls) == ("PROVIDER_CHANGED", [])


def test_a_provider_that_is_not_configured_any_more_gives_way(studio: Studio, build: Build, second: Sandbox) -> None:
    with_consent, without = order(studio, SECOND), order(studio)
    with build(first="") as left:
        done, failed = work_until_over(left, [with_consent, without])
    assert (done.status, len(second.calls), failed.error_code) == ("DONE", 1, "PROVIDER_CHANGED")
    first, last = done.images[0].attempts
    assert (first.outcome, last.why) == ("not_sent", "one is not configured any more.")


def test_a_provider_that_has_moved_is_refused_and_not_passed_over(
    studio: Studio, build: Build, sandbox: Sandbox, second: Sandbox
) -> None:
    job = order(studio, SECOND)
    with build(first=f"{sandbox.url}/elsewhere") as moved:
        (ended,) = work_until_over(moved, [job])
    assert (ended.error_code, second.calls) == ("PROVIDER_CHANGED", [])


@pytest.mark.parametrize("scope", ["provider:one", f"model:{FIRST}"])
def test_what_is_paused_is_passed_over_and_who_has_no_alternate_waits(
    studio: Studio, sandbox: Sandbox, second: Sandbox, database: Documents, scope: str
) -> None:
    with_consent, without = order(studio, SECOND), order(studio)
    studio.pauses.pause(LOCAL, scope, "maintenance")
    one_round(studio)
    done = studio.queries.get(LOCAL, with_consent.job_id)
    first, last = done.images[0].attempts
    assert (done.status, len(second.calls), sandbox.calls) == ("DONE", 1, [])
    assert (first.outcome, first.certainty, first.started_at) == ("not_sent", "not_charged", None)
    assert "is paused: maintenance" in (last.why or "")
    assert studio.queries.get(LOCAL, without.job_id).status == "QUEUED"
    assert studio.forecast.outlook(studio.queries.get(LOCAL, without.job_id)) is not None
    assert_money_adds_up(database)


def test_while_everything_is_paused_nobody_is_passed_over(studio: Studio) -> None:
    job = order(studio, SECOND)
    studio.pauses.pause(LOCAL, "provider:one", "maintenance")
    studio.pauses.pause(LOCAL, EVERYTHING, "maintenance")
    one_round(studio)
    waiting = studio.queries.get(LOCAL, job.job_id)
    assert (waiting.status, len(waiting.images[0].attempts)) == ("QUEUED", 1)


@pytest.mark.parametrize("scope", [EVERYTHING, "provider:two", f"model:{SECOND}"])
def test_nobody_takes_over_a_claimed_job_who_may_not_be_called_either(
    studio: Studio, scope: str, runner: RunnerParts
) -> None:
    order(studio, SECOND)
    job = claim(studio, "runner_a")
    assert job is not None
    studio.pauses.pause(LOCAL, "provider:one", "maintenance")
    studio.pauses.pause(LOCAL, scope, "maintenance")
    assert runner.routing.routed(job, 0) is None
    assert len(studio.queries.get(LOCAL, job.job_id).images[0].attempts) == 1


def test_while_all_that_were_approved_are_paused_the_job_waits(studio: Studio, second: Sandbox) -> None:
    job = order(studio, SECOND)
    studio.pauses.pause(LOCAL, "provider:one", "maintenance")
    studio.pauses.pause(LOCAL, "provider:two", "maintenance")
    one_round(studio)
    waiting = studio.queries.get(LOCAL, job.job_id)
    assert (waiting.status, len(waiting.images[0].attempts)) == ("QUEUED", 1)
    outlook = studio.forecast.outlook(waiting)
    assert outlook is not None
    assert "maintenance" in (outlook.hindrance or "")
    resume(studio, "provider:two")
    one_round(studio)
    assert studio.queries.get(LOCAL, job.job_id).status == "DONE"


def test_a_paused_alternate_is_skipped_for_the_next(studio: Studio, sandbox: Sandbox, second: Sandbox) -> None:
    studio.pauses.pause(LOCAL, f"model:{SECOND}", "maintenance")
    with pytest.raises(Exception, match="paused"):
        order(studio, SECOND)
    resume(studio, f"model:{SECOND}")
    job = order(studio, SECOND, THIRD)
    studio.pauses.pause(LOCAL, f"model:{SECOND}", "maintenance")
    sandbox.set_fault("400")
    (ended,) = work_until_over(studio, [job])
    assert [attempt.model for attempt in ended.images[0].attempts] == [FIRST, THIRD]
    assert {call.model for call in second.calls} == {THIRD}


def test_after_a_refused_account_no_other_model_of_it_is_called(
    studio: Studio, sandbox: Sandbox, second: Sandbox
) -> None:
    second.set_fault("401")
    job = order(studio, THIRD, FIRST, model=SECOND)
    (ended,) = work_until_over(studio, [job])
    assert [attempt.model for attempt in ended.images[0].attempts] == [SECOND, FIRST]
    assert (ended.status, len(sandbox.calls)) == ("DONE", 1)


def test_queued_jobs_are_claimed_oldest_first_whoever_makes_them(studio: Studio) -> None:
    jobs = [order(studio, SECOND, model=FIRST) for _ in range(2)]
    jobs.insert(1, order(studio, model=SECOND))
    jobs.append(order(studio, model=SECOND))
    jobs.sort(key=lambda job: job.created_at)
    studio.pauses.pause(LOCAL, "provider:one", "maintenance")
    claimed = [claim(studio, "runner_a") for _ in jobs]
    assert [job and job.job_id for job in claimed] == [job.job_id for job in jobs]


def test_a_batch_takes_both_kinds_and_leaves_what_nobody_may_make(studio: Studio, claims: Claims) -> None:
    wanted = {order(studio, SECOND).job_id for _ in range(3)} | {order(studio, model=SECOND).job_id for _ in range(3)}
    left = order(studio)
    studio.pauses.pause(LOCAL, "provider:one", "maintenance")
    claims.refresh()
    claimed = [job.job_id for job in claims.claim("runner_a", 30, 20)]
    assert (set(claimed), len(claimed)) == (wanted, 6)
    assert studio.queries.get(LOCAL, left.job_id).status == "QUEUED"


def test_the_probe_of_a_paused_provider_still_is_a_call_of_it(studio: Studio, sandbox: Sandbox) -> None:
    studio.pauses.begin(LOCAL, "provider:one", "failures", "it was down")
    assert studio.pauses.test(LOCAL, "one", "to see", Checked(status="works"))
    assert studio.breakers.due_probe("one")
    job = order(studio, SECOND)
    (ended,) = work_until_over(studio, [job])
    assert ([attempt.model for attempt in ended.images[0].attempts], len(sandbox.calls)) == ([FIRST], 1)
    assert breaker(studio, "one").pause is None


def test_a_cancel_in_between_stops_it(studio: Studio, sandbox: Sandbox, second: Sandbox, database: Documents) -> None:
    sandbox.set_fault("400", delay=0.5)
    job = order(studio, SECOND)
    claimed = claim(studio, "runner_a")
    assert claimed is not None
    worker = Worker(build_runner(studio), "runner_a", 1, 30)
    worker._pipeline.begin(claimed)
    wait_until(lambda: studio.queries.get(LOCAL, job.job_id).images[0].state == "CALLING", "the call is made")
    studio.cancellation.cancel(LOCAL, job.job_id)
    wait_until(lambda: not worker.in_flight.jobs, "the call is over")
    worker.drain()
    ended = studio.queries.get(LOCAL, job.job_id)
    assert (ended.status, len(ended.images[0].attempts), second.calls) == ("FAILED", 1, [])
    assert_money_adds_up(database)


def test_a_cancel_before_the_alternates_turn_stops_it(studio: Studio, sandbox: Sandbox, second: Sandbox) -> None:
    sandbox.set_fault("400")
    job = order(studio, SECOND)
    one_round(studio)
    studio.cancellation.cancel(LOCAL, job.job_id)
    one_round(studio)
    assert (studio.queries.get(LOCAL, job.job_id).error_code, second.calls) == ("CANCELED", [])


def test_a_runner_without_the_lease_passes_over_but_starts_nothing(
    studio: Studio, second: Sandbox, database: Documents, runner: RunnerParts
) -> None:
    order(studio, SECOND)
    mine = claim(studio, "runner_a")
    assert mine is not None
    database.jobs.update_one({"jobId": mine.job_id}, {"$set": {"runAt": mine.created_at}})
    assert claim(studio, "runner_b") is not None
    studio.pauses.pause(LOCAL, "provider:one", "maintenance")
    ready = runner.routing.routed(mine, 0)
    assert ready is None or not runner.door.enter(ready, ImageTask(0, "att_1"))
    assert studio.queries.get(LOCAL, mine.job_id).images[0].state == "HELD"


def test_what_another_has_started_meanwhile_is_not_passed_over(studio: Studio, runner: RunnerParts) -> None:
    order(studio, SECOND)
    job = claim(studio, "runner_a")
    assert job is not None
    assert runner.door.enter(job, ImageTask(0, "att_1"))
    studio.pauses.pause(LOCAL, "provider:one", "maintenance")
    assert runner.routing.routed(job, 0) is None
    now = studio.queries.get(LOCAL, job.job_id).images[0]
    assert (now.state, len(now.attempts)) == ("CALLING", 1)


def test_what_another_has_passed_over_meanwhile_is_not_passed_over_again(studio: Studio, runner: RunnerParts) -> None:
    order(studio, SECOND)
    job = claim(studio, "runner_a")
    assert job is not None
    studio.pauses.pause(LOCAL, "provider:one", "maintenance")
    assert runner.routing.routed(job, 0) == runner.routing.routed(job, 0)
    attempts = studio.queries.get(LOCAL, job.job_id).images[0].attempts
    assert [attempt.model for attempt in attempts] == [FIRST, SECOND]


def test_a_retry_begins_with_the_first_again_and_has_its_alternates(
    studio: Studio, sandbox: Sandbox, second: Sandbox, database: Documents
) -> None:
    sandbox.set_fault("400", count=2)
    second.set_fault("400")
    (failed,) = work_until_over(studio, [order(studio, SECOND)])
    quote = studio.approvals.retry_quote(LOCAL, failed.job_id)
    assert (failed.status, quote.total_micros) == ("FAILED", DEAR)
    studio.approvals.retry(LOCAL, failed.job_id, accept_micros=DEAR)
    (done,) = work_until_over(studio, [failed])
    assert [attempt.model for attempt in done.images[0].attempts] == [FIRST, SECOND, FIRST, SECOND]
    assert (done.status, done.retries[0].alternates) == ("DONE", done.approval.alternates)
    assert_money_adds_up(database)


@pytest.mark.parametrize("change", [{"alternates.0.quality": "high"}, {"alternates": []}, {"finalPrompt": "a cat"}])
def test_what_was_tampered_with_is_not_retried(
    studio: Studio, sandbox: Sandbox, database: Documents, change: dict[str, Any]
) -> None:
    sandbox.set_fault("moderation")
    (failed,) = work_until_over(studio, [order(studio, SECOND)])
    database.jobs.update_one({"jobId": failed.job_id}, {"$set": change})
    with pytest.raises(WrongState, match="not what was approved"):
        studio.approvals.retry(LOCAL, failed.job_id, accept_micros=10 * DEAR)


def test_a_retry_needs_every_alternate_to_be_there(studio: Studio, build: Build, sandbox: Sandbox) -> None:
    sandbox.set_fault("moderation")
    (failed,) = work_until_over(studio, [order(studio, SECOND)])
    with build(other="") as left, pytest.raises(WrongState, match="two is not configured"):
        left.approvals.retry_quote(LOCAL, failed.job_id)


def test_breakers_count_each_provider_by_its_own_attempts(studio: Studio, sandbox: Sandbox, second: Sandbox) -> None:
    sandbox.set_fault("400")
    second.set_fault("reset")
    (job,) = work_until_over(studio, [order(studio, SECOND)])
    assert (job.error_code, job.images[0].attempt.cost_micros) == ("INTERRUPTED", DEAR)
    failures = {found.scope: found.failures for found in studio.pauses.all()}
    assert (failures.get("provider:one", 0), failures["provider:two"]) == (0, 1)


def test_money_that_goes_too_fast_on_one_provider_pauses_no_other(build: Build) -> None:
    with build(burn_limit_usd_per_hour=0.001) as studio:
        work_until_over(studio, [order(studio)])
        for provider in ("two", "one"):
            studio.breakers.check_burn_rate(provider)
        assert studio.pauses.board.of_provider("two") is None
        assert breaker(studio, "one").pause is not None
