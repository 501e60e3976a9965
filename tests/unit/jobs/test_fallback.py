"""Falling back: only by consent, only where nothing was charged, each alternate once, and the money is held for it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from imagegeneration.jobs.accounting import billed_above_hold
from imagegeneration.jobs.fallback import NextRoute, Route, hold_of, next_route, route_of, routes, routes_after
from imagegeneration.jobs.job import MAX_ATTEMPTS, AttemptError, Job, JobImage, RouteTerms, request_sha256
from imagegeneration.jobs.lifecycle import dropped, failed, generated, held, interrupted, passed_over, reopened, started
from imagegeneration.money.price import Price, max_price
from imagegeneration.providers.generation import Answer, CallFailed, GenerationParameters, Usage
from tests.unit.dashboard.samples import approval, job
from tests.unit.jobs.moving import credits_moved, money_moved

DAY = "2026-11-21"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)
CHEAP, DEAR = Price(micros=10_000, credits=1), Price(micros=30_000, credits=2)
ANSWER = Answer(b"bytes", Usage(input_text_tokens=1, input_image_tokens=0, output_tokens=1), None)


def parameters(provider: str, model: str) -> GenerationParameters:
    return GenerationParameters(provider=provider, model=model, size="1024x1024", quality="medium", output_format="png")


FIRST, SECOND, THIRD = parameters("one", "a"), parameters("two", "b"), parameters("three", "c")


def approved(*prices: Price) -> Job:
    """A job that may fall back to SECOND, and then to THIRD, at these prices."""
    terms = [RouteTerms(endpoint_sha256=str(place) * 64, price=price) for place, price in enumerate(prices, 2)]
    agreed = approval().model_copy(update={"alternates": tuple(terms)})
    return job("QUEUED", [image()], request=FIRST, alternates=(SECOND, THIRD)[: len(terms)], approval=agreed)


def image(hold: Price = DEAR, price: Price | None = CHEAP) -> JobImage:
    return held(0, "one", "a", hold.micros, DAY, credit_cost=hold.credits, price=price)


def calling(of: JobImage | None = None, attempt_id: str = "att_1") -> JobImage:
    return started(of or image(), attempt_id, LATER)


def to_second(price: Price = DEAR, hold: Price = DEAR) -> NextRoute:
    return NextRoute(Route(1, SECOND, "2" * 64, price), price, hold, "a of one did not make it")


def failure(certainty: Any = "not_charged", **facts: Any) -> CallFailed:
    return CallFailed("no", certainty=certainty, **facts)


@pytest.mark.parametrize(
    ("facts", "state", "model"),
    [
        ({}, "HELD", "b"),
        ({"credentials": True}, "HELD", "b"),
        ({"retryable": True}, "HELD", "a"),
        ({"moderated": True}, "FAILED", "a"),
        ({"stops": True}, "FAILED", "a"),
        ({"stops": True, "retryable": True}, "HELD", "a"),
        ({"certainty": "unknown"}, "UNKNOWN", "a"),
        ({"certainty": "charged"}, "FAILED", "a"),
        ({"certainty": "charged", "retryable": True}, "FAILED", "a"),
    ],
)
def test_what_a_failure_leads_to(facts: dict[str, Any], state: str, model: str) -> None:
    after = failed(calling(), "att_1", failure(**facts), LATER, again_since=NOW, following=to_second())
    assert (after.state, after.attempt.model) == (state, model)


def test_without_consent_a_failure_ends_it() -> None:
    after = failed(calling(), "att_1", failure(), LATER, again_since=NOW, following=None)
    assert (after.state, len(after.attempts)) == ("FAILED", 1)


def test_after_a_cancel_nobody_else_is_called() -> None:
    after = failed(calling(), "att_1", failure(), LATER, again_since=None, following=to_second())
    assert (after.state, len(after.attempts)) == ("FAILED", 1)


def test_what_may_pass_is_tried_three_times_and_then_falls_back_and_each_has_three_tries() -> None:
    now, models = image(), []
    for number in range(2 * MAX_ATTEMPTS):
        now = calling(now, f"att_{number}")
        models.append(now.attempt.model)
        following = to_second() if now.attempt.model == "a" else None
        now = failed(now, f"att_{number}", failure(retryable=True), LATER, again_since=NOW, following=following)
    assert models == ["a"] * MAX_ATTEMPTS + ["b"] * MAX_ATTEMPTS
    assert now.state == "FAILED"
    assert {attempt.why for attempt in now.attempts if attempt.model == "b"} == {"a of one did not make it"}


def test_each_attempt_says_who_and_why() -> None:
    after = failed(calling(), "att_1", failure(), LATER, again_since=NOW, following=to_second())
    first, second = after.attempts
    assert (first.provider, first.outcome, first.certainty, first.why) == ("one", "refused", "not_charged", None)
    assert (second.provider, second.model, second.why) == ("two", "b", "a of one did not make it")
    assert (second.attempt_id, second.budget_day) == (None, DAY)
    assert (first.route, second.route) == (0, 1)


@pytest.mark.parametrize("state", ["UNKNOWN", "GENERATED", "STORED", "FAILED"])
def test_a_report_that_comes_after_the_end_opens_nothing(state: Any) -> None:
    over = calling().model_copy(update={"state": state})
    after = failed(over, "att_1", failure(), LATER, again_since=NOW, following=to_second())
    assert (after.state, len(after.attempts)) == ("FAILED" if state == "UNKNOWN" else state, 1)


def test_a_report_of_another_attempt_opens_nothing() -> None:
    now = calling()
    assert failed(now, "att_0", failure(), LATER, again_since=NOW, following=to_second()) is now


def test_who_is_passed_over_was_sent_nothing() -> None:
    after = passed_over(image(), to_second(), LATER)
    first, second = after.attempts
    assert (first.outcome, first.certainty, first.attempt_id, first.cost_micros) == ("not_sent", "not_charged", None, 0)
    assert (first.finished_at, first.error) == (LATER, AttemptError(code="PROVIDER", message=to_second().why))
    assert (second.price, second.credits, second.held_micros) == (DEAR, DEAR.credits, DEAR.micros)
    assert (after.state, second.model) == ("HELD", "b")


def test_only_what_waits_is_passed_over() -> None:
    for now in (calling(), dropped(image(), "CANCELED", "", NOW), interrupted(calling(), NOW)):
        assert passed_over(now, to_second(), LATER) is now


def test_a_call_in_doubt_counts_what_it_costs_itself_and_gives_the_rest_back() -> None:
    now = calling()
    for after in (interrupted(now, LATER), failed(now, "att_1", failure("unknown"), LATER, again_since=NOW)):
        assert (after.attempt.cost_micros, after.attempt.credits) == (CHEAP.micros, CHEAP.credits)
        assert money_moved([now], [after]) == {(DAY, "one"): (-DEAR.micros, CHEAP.micros)}
        assert credits_moved([now], [after]) == CHEAP.credits - DEAR.credits


def test_an_image_of_the_first_uses_up_no_more_than_its_own_credits() -> None:
    now = calling()
    after = generated(now, "att_1", ANSWER, 9_000, "host", LATER)
    assert credits_moved([now], [after]) == -1
    late = generated(interrupted(now, LATER), "att_1", ANSWER, 9_000, "host", LATER)
    assert (late.attempt.credits, late.attempt.cost_micros) == (1, 9_000)


def test_nothing_more_is_ever_held_than_at_the_approval() -> None:
    now = calling()
    more = to_second(hold=Price(micros=99_000, credits=9))
    dearer = failed(now, "att_1", failure(), LATER, again_since=NOW, following=more)
    assert money_moved([now], [dearer]) == {(DAY, "one"): (-DEAR.micros, 0), (DAY, "two"): (DEAR.micros, 0)}
    assert credits_moved([now], [dearer]) == 0
    cheaper = failed(now, "att_1", failure(), LATER, again_since=NOW, following=to_second(CHEAP, CHEAP))
    assert money_moved([now], [cheaper]) == {(DAY, "one"): (-DEAR.micros, 0), (DAY, "two"): (CHEAP.micros, 0)}


def test_a_bill_above_its_own_price_is_noticed_though_more_is_held() -> None:
    now = calling()
    after = generated(now, "att_1", ANSWER, CHEAP.micros * 2, "host", LATER)
    assert billed_above_hold(now, after) is after.attempt
    for bill in (CHEAP.micros, CHEAP.micros * 105 // 100):
        assert billed_above_hold(now, generated(now, "att_1", ANSWER, bill, "host", LATER)) is None


def test_a_late_bill_is_paid_by_the_provider_of_its_own_attempt() -> None:
    again = reopened(interrupted(calling(), LATER), FIRST, DEAR.micros, DAY, price=CHEAP)
    elsewhere = passed_over(again, to_second(), LATER)
    after = generated(elsewhere, "att_1", ANSWER, CHEAP.micros - 1_000, "host", LATER)
    assert money_moved([elsewhere], [after]) == {(DAY, "one"): (0, -1_000)}


def test_a_retry_starts_again_with_the_first() -> None:
    over = failed(calling(passed_over(image(), to_second(), NOW)), "att_1", failure(), LATER, again_since=NOW)
    again = reopened(over, FIRST, DEAR.micros, DAY, credit_cost=DEAR.credits, price=CHEAP)
    assert (again.state, again.attempt.model, again.attempt.why, again.attempt.price) == ("HELD", "a", None, CHEAP)
    assert again.attempt.route == 0


def test_alternates_follow_in_their_order_and_never_back() -> None:
    both = approved(CHEAP, DEAR)
    now = both.images[0]
    assert [route.parameters.model for route in routes(both)] == ["a", "b", "c"]
    assert [route.endpoint_sha256 for route in routes(both)] == ["b" * 64, "2" * 64, "3" * 64]
    assert [route.price for route in routes(both)] == [None, CHEAP, DEAR]
    assert [route.parameters.model for route in routes_after(both, now.attempt)] == ["b", "c"]
    second = passed_over(now, to_second(), NOW)
    assert [route.parameters.model for route in routes_after(both, second.attempt)] == ["c"]
    third = passed_over(second, NextRoute(Route(2, THIRD, "3" * 64, DEAR), DEAR, DEAR, ""), NOW)
    assert routes_after(both, third.attempt) == []


def test_what_is_held_covers_those_that_are_left() -> None:
    left = routes_after(approved(CHEAP, DEAR), image().attempt)
    assert next_route(left[0], left, "").hold == DEAR
    assert next_route(left[0], left, "why") == NextRoute(left[0], CHEAP, DEAR, "why")
    unpriced = [replace(left[0], price=None), left[1]]
    assert next_route(unpriced[0], unpriced, "").price == DEAR, "what is not priced costs what may follow"
    left = routes_after(approved(DEAR, CHEAP), image().attempt)
    assert (next_route(left[1], left, "").hold, next_route(left[1], left, "").price) == (CHEAP, CHEAP)


def test_an_attempt_that_nobody_approved_goes_no_way() -> None:
    stranger = image().attempt.model_copy(update={"provider": "two"})
    assert route_of(approved(CHEAP), stranger) is None
    assert routes_after(approved(CHEAP), stranger) == []
    beyond = image().attempt.model_copy(update={"route": 2})
    assert route_of(approved(CHEAP), beyond) is None
    assert routes_after(approved(CHEAP), beyond) == []


def test_an_alternate_without_terms_is_none() -> None:
    one = approved(CHEAP)
    assert len(routes(one.model_copy(update={"alternates": (SECOND, THIRD)}))) == 2


def test_alternates_are_part_of_what_was_approved_in_their_order() -> None:
    hashes = {
        request_sha256("a kite", 1, FIRST, alternates)
        for alternates in ((), (SECOND,), (THIRD,), (SECOND, THIRD), (THIRD, SECOND))
    }
    assert len(hashes) == 5
    assert request_sha256("a kite", 1, FIRST) == request_sha256("a kite", 1, FIRST, ())


def test_a_job_without_alternates_is_the_document_that_it_was() -> None:
    document = job("QUEUED", [held(0, "one", "a", 10_000, DAY)]).document()
    assert "alternates" not in document
    assert not {"alternates", "maxExtraMicros"} & set(document["approval"])
    assert not {"price", "route", "why"} & set(document["images"][0]["attempts"][0])


def test_an_attempt_holds_what_its_approval_says_or_the_dearest_that_may_follow() -> None:
    agreed = approval().model_copy(
        update={"image_micros": 40_000, "alternates": approved(CHEAP, DEAR).approval.alternates}
    )
    both = approved(CHEAP, DEAR).model_copy(update={"approval": agreed})
    first = both.images[0].attempt
    second = first.model_copy(update={"provider": "two", "model": "b", "route": 1})
    third = first.model_copy(update={"provider": "three", "model": "c", "route": 2})
    assert [hold_of(both, one) for one in (first, second, third)] == [Price(micros=40_000), DEAR, DEAR]
    assert hold_of(both, first.model_copy(update={"model": "b"})) is None
    falling = both.model_copy(update={"approval": agreed.model_copy(update={"alternates": agreed.alternates[::-1]})})
    assert [hold_of(falling, one) for one in (second, third)] == [DEAR, CHEAP]


def test_the_most_of_several_prices_is_taken_of_money_and_credits_apart() -> None:
    assert max_price([Price(micros=3, credits=1), Price(micros=2, credits=5)]) == Price(micros=3, credits=5)
    assert max_price([CHEAP]) == CHEAP


def test_the_terms_of_the_latest_approval_count() -> None:
    one = approved(CHEAP)
    again = one.approval.model_copy(update={"endpoint_sha256": "f" * 64, "image_micros": 7})
    retried = one.model_copy(update={"retries": (again,)})
    assert routes(retried)[0].endpoint_sha256 == "f" * 64
    assert hold_of(retried, one.images[0].attempt) == Price(micros=7)
