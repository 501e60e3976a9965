"""Spend never passes a limit, however many act at once, and the ledger adds up (DESIGN.md, section 1)."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from pymongo.database import Database

from imagegeneration.bootstrap import Studio, build_studio
from imagegeneration.core.actor import LOCAL, Actor
from imagegeneration.core.errors import Busy, OverBudget, WrongState
from imagegeneration.jobs.accounting import movements
from imagegeneration.jobs.job import Job
from imagegeneration.local.sandbox import Sandbox
from imagegeneration.models.prices import TEMPLATE_TOKENS
from imagegeneration.money.money import ProviderLimits, budget_day, quoted
from imagegeneration.settings import Settings
from imagegeneration.settings_types import ProviderLimitSetting
from tests.integration.conftest import approve, assert_money_adds_up, body, one_round

PROMPT = "a red kite over green hills"
HOLD = quoted(13_200 + 5 * (len(PROMPT) + TEMPLATE_TOKENS))
"""The upper bound of one image: its price plus the prompt's bytes at the text price, rounded up."""


def limited(settings: Settings, **limits: Any) -> Studio:
    return build_studio(settings.model_copy(update=limits))


def test_a_job_holds_what_was_quoted(studio: Studio, database: Database[dict[str, Any]]) -> None:
    job = approve(studio, PROMPT, image_count=3)
    assert job.approval.quoted_micros == 3 * HOLD == job.held_micros
    assert studio.selector.quote_default(PROMPT, 3, LOCAL.user_id).total_micros == 3 * HOLD
    spend = studio.spending.today(LOCAL)
    assert (spend.held_micros, spend.spent_micros, spend.account) == (3 * HOLD, 0, "sandbox")
    assert_money_adds_up(database)


def test_the_last_micro_dollar_may_be_held_and_not_one_more(settings: Settings) -> None:
    enough = limited(settings, daily_budget_usd=2 * HOLD / 1_000_000)
    approve(enough, PROMPT, image_count=2)
    assert enough.spending.today(LOCAL).held_micros == 2 * HOLD
    with pytest.raises(OverBudget):
        approve(enough, PROMPT)
    enough.close()
    short = limited(settings, daily_budget_usd=(3 * HOLD - 1) / 1_000_000)
    with pytest.raises(OverBudget) as refusal:
        approve(short, PROMPT)
    assert refusal.value.resets_at is not None
    short.close()


def test_many_at_once_get_exactly_what_the_budget_has(settings: Settings, database: Database[dict[str, Any]]) -> None:
    affordable = 7
    studio = limited(settings, daily_budget_usd=affordable * HOLD / 1_000_000)
    barrier = threading.Barrier(16)

    def try_twice(_: int) -> list[Job]:
        made = []
        barrier.wait()
        for _attempt in range(2):
            try:
                made.append(approve(studio, PROMPT))
            except OverBudget:
                continue
        return made

    with ThreadPoolExecutor(16) as pool:
        jobs = [job for made in pool.map(try_twice, range(16)) for job in made]
    assert len(jobs) == affordable == database.jobs.count_documents({})
    assert studio.spending.today(LOCAL).held_micros == affordable * HOLD
    assert_money_adds_up(database)
    studio.close()


def test_one_persons_limit_leaves_the_rest_to_others(settings: Settings) -> None:
    studio = limited(settings, daily_budget_per_user_usd=HOLD / 1_000_000)
    approve(studio, PROMPT)
    with pytest.raises(OverBudget, match="your daily budget"):
        approve(studio, PROMPT)
    other = Actor(user_id="usr_other")
    assert studio.approvals.approve(other, body(PROMPT), source="api", idempotency_key=None).user_id == "usr_other"
    studio.close()


def test_an_image_above_the_price_limit_is_refused(settings: Settings) -> None:
    studio = limited(settings, max_cost_per_image_usd=(HOLD - 1) / 1_000_000)
    with pytest.raises(OverBudget, match="an image"):
        approve(studio, PROMPT)
    studio.close()


def test_a_retry_counts_against_the_budget_too(settings: Settings, database: Database[dict[str, Any]]) -> None:
    studio = limited(settings, daily_budget_usd=HOLD / 1_000_000)
    job = approve(studio, PROMPT)
    studio.cancellation.cancel(LOCAL, job.job_id)
    approve(studio, PROMPT)
    with pytest.raises(OverBudget):
        studio.approvals.retry(LOCAL, job.job_id, accept_micros=HOLD)
    refused = studio.queries.get(LOCAL, job.job_id)
    assert (refused.status, refused.retries, len(refused.images[0].attempts)) == ("FAILED", (), 1)
    assert_money_adds_up(database)
    studio.close()


def test_what_was_settled_is_what_the_usage_says(studio: Studio, database: Database[dict[str, Any]]) -> None:
    job = approve(studio, PROMPT)
    one_round(studio)
    attempt = studio.queries.get(LOCAL, job.job_id).images[0].attempt
    assert attempt.usage is not None
    by_hand = -(-(attempt.usage.input_text_tokens * 5 + attempt.usage.output_tokens * 30) // 1)
    assert attempt.cost_micros == by_hand <= HOLD
    spend = studio.spending.today(LOCAL)
    assert (spend.held_micros, spend.spent_micros) == (0, attempt.cost_micros)
    assert_money_adds_up(database)


def test_two_cancels_at_once_release_once(studio: Studio, database: Database[dict[str, Any]]) -> None:
    job = approve(studio, PROMPT, image_count=5)

    def cancel(_: int) -> bool:
        try:
            studio.cancellation.cancel(LOCAL, job.job_id)
        except WrongState:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(cancel, range(8)))
    assert any(outcomes)
    assert studio.spending.today(LOCAL).held_micros == 0
    assert database.ledger.count_documents({"kind": "release"}) == 5
    assert_money_adds_up(database)


def test_two_retries_at_once_are_one(studio: Studio, database: Database[dict[str, Any]]) -> None:
    job = approve(studio, PROMPT)
    studio.cancellation.cancel(LOCAL, job.job_id)

    def retry(_: int) -> bool:
        try:
            studio.approvals.retry(LOCAL, job.job_id, accept_micros=HOLD)
        except WrongState:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(retry, range(8))) == 1
    assert studio.spending.today(LOCAL).held_micros == HOLD
    assert len(studio.queries.get(LOCAL, job.job_id).retries) == 1
    assert_money_adds_up(database)


def test_what_is_shown_as_left_is_what_is_left_to_this_person(settings: Settings) -> None:
    studio = limited(settings, daily_budget_usd=20, daily_budget_per_user_usd=10)
    assert studio.spending.today(LOCAL).limit_micros == 10_000_000
    studio.close()
    shared = limited(settings, daily_budget_usd=2, daily_budget_per_user_usd=10)
    assert shared.spending.today(LOCAL).limit_micros == 2_000_000
    shared.close()


def test_what_is_settled_counts_on_the_day_of_its_hold(studio: Studio, database: Database[dict[str, Any]]) -> None:
    job = approve(studio, PROMPT)
    yesterday = budget_day(job.created_at - timedelta(days=1))
    _move_to(database, yesterday)
    one_round(studio)
    done = studio.queries.get(LOCAL, job.job_id)
    assert (done.status, done.images[0].attempt.budget_day) == ("DONE", yesterday)
    assert studio.spending.today(LOCAL).spent_micros == 0
    (budget,) = database.budgets.find({"day": yesterday, "userId": None, "provider": None})
    assert (budget["heldMicros"], budget["spentMicros"]) == (0, done.cost_micros)
    assert_money_adds_up(database)


def test_a_retry_after_midnight_is_held_on_the_new_day(
    studio: Studio, sandbox: Sandbox, database: Database[dict[str, Any]]
) -> None:
    sandbox.set_fault("moderation", count=1)
    job = approve(studio, PROMPT)
    _move_to(database, budget_day(job.created_at - timedelta(days=1)))
    one_round(studio)
    studio.approvals.retry(LOCAL, job.job_id, accept_micros=HOLD)
    assert studio.spending.today(LOCAL).held_micros == HOLD
    assert_money_adds_up(database)


def test_a_providers_budget_is_whole_again_after_midnight(
    settings: Settings, database: Database[dict[str, Any]]
) -> None:
    studio = _sandbox_budget(settings, HOLD / 1_000_000)
    job = approve(studio, PROMPT)
    with pytest.raises(OverBudget):
        approve(studio, PROMPT)
    _move_to(database, budget_day(job.created_at - timedelta(days=1)))
    approve(studio, PROMPT)
    assert studio.spending.today_of("sandbox").held_micros == HOLD
    assert_money_adds_up(database)
    studio.close()


def _move_to(database: Database[dict[str, Any]], day: str) -> None:
    """Make everything that was held so far a thing of another day."""
    for budget in list(database.budgets.find({})):
        database.budgets.update_one({"_id": budget["_id"]}, {"$set": {"heldMicros": 0}})
        moved = budget["_id"].replace(budget["day"], day)
        database.budgets.insert_one(budget | {"_id": moved, "day": day})
    database.ledger.update_many({}, {"$set": {"day": day}})
    database.jobs.update_many({}, {"$set": {"images.0.attempts.0.budgetDay": day}})


def test_a_retry_waits_for_room_in_the_queue_like_an_approval(settings: Settings, sandbox: Sandbox) -> None:
    studio = limited(settings, queue_limit=1)
    sandbox.set_fault("moderation", count=1)
    job = approve(studio, PROMPT)
    one_round(studio)
    other = approve(studio, PROMPT)
    with pytest.raises(Busy):
        studio.approvals.retry(LOCAL, job.job_id, accept_micros=HOLD)
    assert studio.queries.get(LOCAL, job.job_id).status == "FAILED"
    studio.cancellation.cancel(LOCAL, other.job_id)
    assert studio.approvals.retry(LOCAL, job.job_id, accept_micros=HOLD).status == "QUEUED"
    studio.close()


def _sandbox_budget(settings: Settings, usd: float) -> Studio:
    return limited(settings, provider_limits={"sandbox": ProviderLimitSetting(daily_budget_usd=usd)})


def test_a_providers_budget_refuses_and_says_whose_it_is_and_when_it_resets(
    settings: Settings, database: Database[dict[str, Any]]
) -> None:
    studio = _sandbox_budget(settings, 2 * HOLD / 1_000_000)
    approve(studio, PROMPT, image_count=2)
    with pytest.raises(OverBudget, match="for the provider sandbox") as refusal:
        approve(studio, PROMPT)
    assert refusal.value.resets_at == studio.spending.today(LOCAL).resets_at
    assert database.jobs.count_documents({}) == 1
    assert studio.spending.today_of("sandbox").held_micros == 2 * HOLD
    assert_money_adds_up(database)
    studio.close()


def test_a_providers_budget_outlives_a_restart_and_is_lowered_at_run_time(
    settings: Settings, database: Database[dict[str, Any]]
) -> None:
    before = limited(settings)
    job = approve(before, PROMPT)
    one_round(before)
    spent = before.queries.get(LOCAL, job.job_id).cost_micros
    before.close()
    studio = limited(settings)
    assert studio.spending.today_of("sandbox").spent_micros == spent > 0

    def allow(micros: int, version: int) -> None:
        own = ProviderLimits(provider="sandbox", daily_micros=micros)
        changed = studio.limits.in_force().model_copy(update={"providers": (own,)})
        studio.limits.change(LOCAL, changed, version=version, reason="careful")

    allow(spent + HOLD - 1, version=0)
    with pytest.raises(OverBudget, match="for the provider sandbox"):
        approve(studio, PROMPT)
    allow(spent + HOLD, version=1)
    approve(studio, PROMPT)
    with pytest.raises(OverBudget, match="for the provider sandbox"):
        approve(studio, PROMPT)
    assert_money_adds_up(database)
    studio.close()


def test_of_many_at_once_a_providers_budget_lets_exactly_as_many_pass(
    settings: Settings, database: Database[dict[str, Any]]
) -> None:
    studio = _sandbox_budget(settings, 5 * HOLD / 1_000_000)

    def attempt(_: int) -> bool:
        try:
            approve(studio, PROMPT)
        except OverBudget:
            return False
        return True

    with ThreadPoolExecutor(12) as pool:
        assert sum(pool.map(attempt, range(24))) == 5
    assert_money_adds_up(database)
    studio.close()


def test_each_provider_of_a_job_pays_for_its_own_attempts(studio: Studio, database: Database[dict[str, Any]]) -> None:
    job = approve(studio, PROMPT)
    (image,) = job.images
    elsewhere = image.attempt.model_copy(update={"provider": "fal", "model": "fal-ai/flux-lora"})
    moved = image.model_copy(update={"attempts": (image.attempt, elsewhere)})
    stores = studio._stores
    stores.budgets.ensure("real", image.attempt.budget_day)
    stores.budgets.ensure("real", image.attempt.budget_day, "local")
    change = movements(job, [image], [moved])
    studio.ledger.prepare(change)
    stores.connection.transaction(lambda session: studio.ledger.record(change, job.created_at, session=session))
    assert (studio.spending.today_of("sandbox").held_micros, studio.spending.today_of("fal").held_micros) == (0, HOLD)
    assert_money_adds_up(database)
