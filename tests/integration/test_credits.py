"""Credits: granted, spent at approval, given back once, and adding up whatever happens."""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as trying
from hypothesis import strategies as st
from pymongo.database import Database

from imagegeneration.bootstrap import Studio
from imagegeneration.core.actor import LOCAL, Actor
from imagegeneration.core.errors import Busy, NotFound, OverBudget, WrongState
from imagegeneration.jobs.decision import Decision
from imagegeneration.jobs.job import Job
from imagegeneration.local.sandbox import Sandbox
from imagegeneration.money.credit import credits_an_image
from imagegeneration.settings import Settings
from tests.integration.conftest import approve, assert_money_adds_up, body, one_round
from tests.integration.people import browser_of, build_company, enter

ENOUGH = 10**7


@pytest.fixture
def company(settings: Settings) -> Iterator[Studio]:
    built = build_company(settings)
    yield built
    built.close()


@pytest.fixture
def ann(company: Studio) -> Actor:
    return enter(company, "ann", plan="enterprise")


def grant(company: Studio, who: Actor, amount: int) -> None:
    company.credits.grant(LOCAL, who.user_id, amount, "for the campaign")


def order(company: Studio, who: Actor, image_count: int = 1) -> Job:
    return company.approvals.approve(who, body(image_count=image_count), source="api", idempotency_key=None)


def test_who_was_never_granted_any_is_not_metered(
    company: Studio, ann: Actor, database: Database[dict[str, Any]]
) -> None:
    assert company.credits.balance(ann.user_id) is None
    assert company.selector.quote_default("a kite", 3, ann.user_id).credits is None
    job = order(company, ann)
    grant(company, ann, 5)
    company.cancellation.cancel(ann, job.job_id)
    assert company.credits.balance(ann.user_id) == 5
    assert_money_adds_up(database)


def test_the_local_admin_is_not_metered(studio: Studio, database: Database[dict[str, Any]]) -> None:
    with pytest.raises(NotFound):
        studio.credits.grant(LOCAL, LOCAL.user_id, 5, "")
    approve(studio)
    assert database.credit_entries.count_documents({}) == 0


@pytest.mark.parametrize(("image_count", "cost"), [(1, 2), (2, 2), (3, 3), (5, 5)])
def test_an_approval_spends_what_was_said(
    company: Studio, ann: Actor, database: Database[dict[str, Any]], image_count: int, cost: int
) -> None:
    grant(company, ann, 14)
    quote = company.selector.quote_default("a kite", image_count, ann.user_id).credits
    assert quote is not None
    assert (quote.cost, quote.left) == (cost, 14)
    order(company, ann, image_count)
    assert company.credits.balance(ann.user_id) == 14 - cost
    assert_money_adds_up(database)


def test_without_enough_of_them_nothing_is_approved(
    company: Studio, ann: Actor, database: Database[dict[str, Any]]
) -> None:
    grant(company, ann, 1)
    with pytest.raises(OverBudget, match="This costs 2 credits, and 1 is left") as refusal:
        order(company, ann)
    assert "administrator" in refusal.value.resolution
    assert database.jobs.count_documents({}) == 0
    assert company.credits.balance(ann.user_id) == 1
    assert_money_adds_up(database)


def test_of_two_approvals_at_once_one_has_the_last_credits(
    settings: Settings, database: Database[dict[str, Any]]
) -> None:
    companies = [build_company(settings) for _ in range(2)]
    ann = enter(companies[0], "ann", plan="enterprise")
    grant(companies[0], ann, 3)
    barrier = threading.Barrier(4)

    def try_once(number: int) -> bool:
        barrier.wait()
        try:
            order(companies[number % 2], ann)
        except OverBudget:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(try_once, range(4))) == 1
    assert companies[0].credits.balance(ann.user_id) == 1
    assert_money_adds_up(database)
    for company in companies:
        company.close()


def test_images_that_are_not_charged_give_them_back_once_and_cost_again_when_retried(
    company: Studio, ann: Actor, sandbox: Sandbox, database: Database[dict[str, Any]]
) -> None:
    grant(company, ann, 4)
    sandbox.set_fault("moderation")
    job = order(company, ann)
    one_round(company)
    assert company.queries.get(ann, job.job_id).error_code == "MODERATION"
    assert company.credits.balance(ann.user_id) == 4
    sandbox.reset()
    company.approvals.retry(ann, job.job_id, accept_micros=ENOUGH)
    assert company.credits.balance(ann.user_id) == 2
    one_round(company)
    assert company.queries.get(ann, job.job_id).status == "DONE"
    assert company.credits.balance(ann.user_id) == 2
    assert [entry["kind"] for entry in database.credit_entries.find().sort("entryId")] == [
        "granted",
        "spent",
        "given_back",
        "spent",
    ]
    assert_money_adds_up(database)


def test_a_retry_that_nobody_has_the_credits_for_is_refused(company: Studio, ann: Actor, sandbox: Sandbox) -> None:
    grant(company, ann, 2)
    sandbox.set_fault("reset_after_billing")
    job = order(company, ann)
    one_round(company)
    with pytest.raises(OverBudget, match="2 credits, and 0 are left"):
        company.approvals.retry(ann, job.job_id, accept_micros=ENOUGH, accept_unknown=True)
    assert company.queries.get(ann, job.job_id).status == "FAILED"


def test_an_image_in_doubt_keeps_them_until_somebody_has_seen_that_it_was_not_charged(
    company: Studio, ann: Actor, sandbox: Sandbox, database: Database[dict[str, Any]]
) -> None:
    grant(company, ann, 5)
    sandbox.set_fault("reset_after_billing")
    job = order(company, ann)
    one_round(company)
    assert company.credits.balance(ann.user_id) == 3
    attempt_id = company.queries.get(ann, job.job_id).images[0].attempt.attempt_id
    assert attempt_id is not None
    company.decisions.decide(LOCAL, job.job_id, 0, attempt_id=attempt_id, decision="not_charged", reason="seen")
    assert company.credits.balance(ann.user_id) == 5
    with pytest.raises(WrongState):
        company.decisions.decide(LOCAL, job.job_id, 0, attempt_id=attempt_id, decision="not_charged", reason="again")
    assert company.credits.balance(ann.user_id) == 5
    assert_money_adds_up(database)


def test_the_owner_pays_for_a_retry_by_an_admin(company: Studio, ann: Actor) -> None:
    admin = enter(company, "adm", "admin")
    grant(company, ann, 2)
    job = order(company, ann)
    company.cancellation.cancel(ann, job.job_id)
    company.approvals.retry(admin, job.job_id, accept_micros=ENOUGH)
    assert (company.credits.balance(ann.user_id), company.credits.balance(admin.user_id)) == (0, None)


def test_no_more_is_taken_back_than_is_left(company: Studio, ann: Actor, database: Database[dict[str, Any]]) -> None:
    with pytest.raises(WrongState):
        grant(company, ann, -1)
    assert company.credits.balance(ann.user_id) is None
    grant(company, ann, 3)
    with pytest.raises(WrongState):
        grant(company, ann, -4)
    grant(company, ann, -3)
    assert company.credits.balance(ann.user_id) == 0
    assert_money_adds_up(database)


def test_grants_at_once_all_count(company: Studio, ann: Actor, database: Database[dict[str, Any]]) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: grant(company, ann, 1), range(16)))
    assert company.credits.balance(ann.user_id) == 16
    assert_money_adds_up(database)


def test_admins_grant_with_a_reason_and_it_is_on_record(company: Studio, ann: Actor) -> None:
    admin = browser_of(company, enter(company, "adm", "admin"))
    path = f"/image/people/{ann.user_id}/credits"
    granted = admin.post(path, json={"amount": 14, "reason": "the campaign"})
    assert (granted.status_code, granted.json()["credits"]) == (200, 14)
    assert admin.post(path, json={"amount": 14}).status_code == 422
    assert admin.post(path, json={"amount": 10**9, "reason": "too much"}).status_code == 422
    assert admin.post("/image/people/usr_nobody/credits", json={"amount": 1, "reason": "x"}).status_code == 404
    assert browser_of(company, ann).post(path, json={"amount": 1, "reason": "mine"}).status_code == 403
    assert browser_of(company, ann).get("/image/me").json()["credits"] == 14
    (entry,) = company.audit.find(actions=["credits.granted"], limit=5)
    assert (entry.subject, entry.reason, entry.before) == (ann.user_id, "the campaign", None)
    assert '"credits": 14' in (entry.after or "")


_STEPS = st.one_of(
    st.tuples(st.just("approve"), st.integers(1, 3)),
    st.tuples(st.just("grant"), st.integers(-3, 4)),
    st.tuples(st.just("run"), st.sampled_from(["", "moderation", "400", "reset_after_billing", "one_byte_png"])),
    st.tuples(st.sampled_from(["cancel", "retry", "not_charged", "accept_lost"]), st.integers(0, 3)),
)


@trying(max_examples=10, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(_STEPS, min_size=3, max_size=12))
def test_they_add_up_whatever_happens(
    lively: Studio, sandbox: Sandbox, database: Database[dict[str, Any]], steps: Sequence[tuple[str, Any]]
) -> None:
    _add_up(lively, sandbox, database, steps)


@pytest.mark.long
@pytest.mark.timeout(900)
@trying(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(_STEPS, min_size=3, max_size=12))
def test_they_add_up_whatever_happens_for_long(
    lively: Studio, sandbox: Sandbox, database: Database[dict[str, Any]], steps: Sequence[tuple[str, Any]]
) -> None:
    _add_up(lively, sandbox, database, steps)


def _add_up(
    lively: Studio, sandbox: Sandbox, database: Database[dict[str, Any]], steps: Sequence[tuple[str, Any]]
) -> None:
    people = itertools.count(database.people.count_documents({}))
    who = enter(lively, f"person-{next(people)}", plan="enterprise")
    grant(lively, who, 6)
    sandbox.reset()
    for step, how in steps:
        with contextlib.suppress(Busy, OverBudget, WrongState):
            _take(lively, sandbox, who, step, how)
        left = lively.credits.balance(who.user_id)
        assert left is not None
        assert left >= 0
        assert_money_adds_up(database)


@pytest.fixture
def lively(settings: Settings) -> Iterator[Studio]:
    """No failure pauses the provider."""
    built = build_company(settings, breaker_failures=1_000_000)
    yield built
    built.close()


def _take(company: Studio, sandbox: Sandbox, who: Actor, step: str, how: Any) -> None:
    if step == "approve":
        order(company, who, how)
    elif step == "grant":
        grant(company, who, how)
    elif step == "run":
        if how:
            sandbox.set_fault(how)
        one_round(company)
    else:
        jobs = company.queries.page(who, limit=10).jobs
        if jobs:
            _decide(company, who, jobs[how % len(jobs)], step)


def _decide(company: Studio, who: Actor, job: Job, step: str) -> None:
    if step == "cancel":
        company.cancellation.cancel(who, job.job_id)
    elif step == "retry":
        company.approvals.retry(who, job.job_id, accept_micros=ENOUGH, accept_unknown=True)
    else:
        for image in job.images:
            attempt_id = image.attempt.attempt_id
            if attempt_id is not None:
                decision: Decision = "not_charged" if step == "not_charged" else "accept_lost"
                company.decisions.decide(
                    who, job.job_id, image.index, attempt_id=attempt_id, decision=decision, reason="seen"
                )


def test_a_small_edit_costs_as_much_as_a_large_image() -> None:
    assert credits_an_image("512x512", 1) == 1
    assert credits_an_image("512x512", 1, is_edit=True) == 2
    assert credits_an_image("512x512", 2, is_edit=True) == 1
