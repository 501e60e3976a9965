"""What each event leaves behind in the image: every fact of it, to the letter."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from imagegeneration.jobs.accounting import billed_above_hold
from imagegeneration.jobs.job import Attempt, AttemptError, JobImage
from imagegeneration.jobs.lifecycle import (
    accepted_as_lost,
    declared_lost,
    dropped,
    failed,
    generated,
    held,
    interrupted,
    lost,
    marked_not_charged,
    not_an_image,
    reopened,
    set_aside,
    started,
    stored,
    tried_again,
)
from imagegeneration.money.price import Price
from imagegeneration.providers.generation import Answer, CallFailed, GenerationParameters, Usage
from tests.unit.dashboard.samples import stored_image
from tests.unit.jobs.moving import money_moved

DAY = "2026-11-21"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)
END = NOW + timedelta(minutes=2)
PRICE = Price(micros=10_000, credits=1)
ANSWER = Answer(
    b"bytes", Usage(input_text_tokens=1, input_image_tokens=0, output_tokens=2), "req_1", "revised", kept=("b.png",)
)
REQUEST = GenerationParameters(provider="two", model="b", size="1024x1024", quality="medium", output_format="png")
RECORD = stored_image()

HELD = held(3, "one", "a", 30_000, DAY, credit_cost=2, price=PRICE)
CALLING = started(HELD, "att_1", NOW)
UNKNOWN = interrupted(CALLING, LATER)
MADE = generated(CALLING, "att_1", ANSWER, 9_000, "host", LATER)
ASIDE = set_aside(CALLING, "att_1", ANSWER, 9_000, "it is damaged", "host", LATER)
GIVEN_UP = declared_lost(MADE, END)

OPENED: dict[str, Any] = {
    "provider": "one",
    "model": "a",
    "held_micros": 30_000,
    "budget_day": DAY,
    "credits": 2,
    "price": PRICE,
}
CALLED = OPENED | {"attempt_id": "att_1", "started_at": NOW}
CHARGED = CALLED | {
    "finished_at": LATER,
    "certainty": "charged",
    "cost_micros": 9_000,
    "credits": 1,
    "usage": ANSWER.usage,
    "provider_request_id": "req_1",
    "revised_prompt": "revised",
    "others": ("b.png",),
}


def error(code: Any, message: str) -> dict[str, AttemptError]:
    return {"error": AttemptError(code=code, message=message)}


def expected(state: Any, facts: dict[str, Any], spool_host: str | None = None) -> JobImage:
    return JobImage(index=3, state=state, attempts=(Attempt(**facts),), spool_host=spool_host)


def test_an_approval_holds_the_money_and_a_call_has_its_own_id_and_time() -> None:
    assert held(3, "one", "a", 30_000, DAY, credit_cost=2, price=PRICE) == expected("HELD", OPENED)
    assert started(HELD, "att_1", NOW) == expected("CALLING", CALLED)
    assert started(CALLING, "att_2", LATER) is CALLING
    assert held(0, "one", "a", 30_000, DAY).attempt.credits == 0


def test_an_answer_is_charged_with_all_that_it_says() -> None:
    made = expected("GENERATED", CHARGED | {"outcome": "generated"}, "host")
    for before in (CALLING, UNKNOWN):
        assert generated(before, "att_1", ANSWER, 9_000, "host", LATER) == made


def test_what_is_no_image_or_cannot_be_kept_is_charged_and_says_why() -> None:
    words = "The provider's answer is not a usable image: junk. It was charged."
    junk = expected("FAILED", CHARGED | {"outcome": "not_an_image"} | error("PROVIDER", words))
    assert not_an_image(CALLING, "att_1", ANSWER, 9_000, "junk", LATER) == junk
    words = "The image was made and charged, but could not be kept: the disk is full."
    gone = expected("FAILED", CHARGED | {"outcome": "generated"} | error("STORAGE", words))
    assert lost(CALLING, "att_1", ANSWER, 9_000, "the disk is full", LATER) == gone


@pytest.mark.parametrize(
    ("host", "kept"),
    [("host", "on host, and an operator can have it tried again"), (None, "in the bucket")],
)
def test_what_is_set_aside_says_where_it_is_kept(host: str | None, kept: str) -> None:
    words = f"The image was made and charged, but could not be taken in: it is damaged. The answer is kept {kept}."
    aside = CHARGED | {"outcome": "set_aside"} | error("STORAGE", words)
    assert set_aside(CALLING, "att_1", ANSWER, 9_000, "it is damaged", host, LATER) == expected("FAILED", aside, host)
    assert set_aside(MADE, "att_1", ANSWER, 0, "it is damaged", host, END) == expected("FAILED", aside, host)


def test_what_is_tried_again_is_an_answer_like_any_other() -> None:
    assert tried_again(ASIDE, END) == MADE


@pytest.mark.parametrize("before", [MADE, ASIDE, GIVEN_UP, lost(CALLING, "att_1", ANSWER, 9_000, "", LATER)])
def test_an_image_that_is_in_the_bucket_is_stored_though_it_was_given_up(before: JobImage) -> None:
    facts = before.attempt.model_dump() | {"outcome": "generated", "error": None}
    after = stored(before, "att_1", RECORD)
    assert after.attempt == Attempt(**facts)
    assert (after.state, after.spool_host, after.image_id) == ("STORED", None, RECORD.image_id)
    assert (after.url, after.thumbnail_url) == (RECORD.url, RECORD.thumbnail_url)
    assert stored(before, "att_0", RECORD) is before
    assert stored(after, "att_1", RECORD) is after


@pytest.mark.parametrize("before", [HELD, CALLING, UNKNOWN, accepted_as_lost(UNKNOWN, END)])
def test_an_image_without_an_answer_is_not_stored(before: JobImage) -> None:
    assert stored(before, before.attempt.attempt_id or "", RECORD) is before


@pytest.mark.parametrize(
    ("failure", "outcome", "code", "cost"),
    [
        (CallFailed("no", certainty="not_charged", provider_request_id="req_2"), "refused", "PROVIDER", 0),
        (CallFailed("no", certainty="not_charged", moderated=True), "moderated", "MODERATION", 0),
        (CallFailed("no", certainty="not_charged", retryable=True), "unavailable", "PROVIDER", 0),
        (CallFailed("no", certainty="charged", moderated=True), "moderated", "MODERATION", 10_000),
    ],
)
def test_a_failure_leaves_what_is_known_of_it(failure: CallFailed, outcome: Any, code: Any, cost: int) -> None:
    facts = CALLED | error(code, "no") | {"outcome": outcome, "cost_micros": cost, "finished_at": LATER, "credits": 1}
    facts |= {"certainty": failure.certainty, "provider_request_id": failure.provider_request_id}
    assert failed(CALLING, "att_1", failure, LATER, again_since=None) == expected("FAILED", facts)


def test_a_charged_failure_of_an_attempt_that_is_not_known_costs_nothing() -> None:
    failure = CallFailed("no", certainty="charged")
    assert failed(CALLING, "att_9", failure, LATER, again_since=None) is CALLING


def test_a_call_in_doubt_counts_as_spent_and_says_so() -> None:
    doubt = CALLED | {"certainty": "unknown", "outcome": "interrupted", "cost_micros": 10_000, "credits": 1}
    doubt |= {"finished_at": LATER}
    words = "{} Perhaps it was charged, up to $0.01; it is counted as spent."
    stopped = error("INTERRUPTED", words.format("The runner stopped during the call."))
    assert interrupted(CALLING, LATER) == expected("UNKNOWN", doubt | stopped)
    assert interrupted(HELD, LATER) is HELD
    silent = CallFailed("No answer.", certainty="unknown", provider_request_id="req_3")
    facts = doubt | error("INTERRUPTED", words.format("No answer.")) | {"provider_request_id": "req_3"}
    assert failed(CALLING, "att_1", silent, LATER, again_since=NOW) == expected("UNKNOWN", facts)
    for image, attempt_id in ((CALLING, "att_0"), (UNKNOWN, "att_1"), (MADE, "att_1")):
        assert failed(image, attempt_id, silent, LATER, again_since=NOW) is image


def test_an_attempt_that_may_pass_is_opened_again_as_it_was() -> None:
    passing = CallFailed("busy", certainty="not_charged", retryable=True)
    after = failed(CALLING, "att_1", passing, LATER, again_since=NOW)
    assert (after.state, after.index, after.attempts[-1]) == ("HELD", 3, Attempt(**OPENED))
    assert (after.attempts[0].outcome, after.attempts[0].finished_at) == ("unavailable", LATER)


def test_tries_of_before_the_approval_do_not_count_and_those_at_its_moment_do() -> None:
    passing = CallFailed("busy", certainty="not_charged", retryable=True)
    image = HELD
    for number in range(2):
        image = failed(started(image, f"att_{number}", NOW), f"att_{number}", passing, NOW, again_since=NOW)
    third = started(image, "att_2", NOW)
    assert failed(third, "att_2", passing, NOW, again_since=NOW).state == "FAILED"
    assert failed(third, "att_2", passing, NOW, again_since=LATER).state == "HELD"


def test_an_image_that_is_dropped_was_not_sent() -> None:
    facts = OPENED | {"finished_at": NOW, "outcome": "not_sent", "certainty": "not_charged"}
    assert dropped(HELD, "CANCELED", "No money.", NOW) == expected("FAILED", facts | error("CANCELED", "No money."))
    assert dropped(CALLING, "CANCELED", "No money.", NOW) is CALLING


def test_a_retry_opens_another_attempt_and_keeps_the_first() -> None:
    again = reopened(UNKNOWN, REQUEST, 20_000, "2026-11-22", credit_cost=5, price=PRICE)
    opened = Attempt(provider="two", model="b", held_micros=20_000, budget_day="2026-11-22", credits=5, price=PRICE)
    assert (again.state, again.attempts) == ("HELD", (UNKNOWN.attempt, opened))
    assert reopened(UNKNOWN, REQUEST, 20_000, DAY).attempt.credits == 0
    assert reopened(MADE, REQUEST, 20_000, DAY) is MADE


def test_a_person_decides_about_a_call_in_doubt() -> None:
    words = "Accepted as lost: perhaps charged, up to $0.01, which stays counted as spent."
    facts = UNKNOWN.attempt.model_dump() | {"finished_at": END} | error("INTERRUPTED", words)
    assert accepted_as_lost(UNKNOWN, END) == expected("FAILED", facts)
    words = "Nothing came back, and somebody has seen that it was not charged."
    facts |= {"certainty": "not_charged", "cost_micros": 0} | error("PROVIDER", words)
    assert marked_not_charged(UNKNOWN, END) == expected("FAILED", facts)
    for image in (CALLING, MADE):
        assert accepted_as_lost(image, END) is image
        assert marked_not_charged(image, END) is image


def test_a_person_gives_an_answer_up_that_is_on_a_machine_that_is_gone() -> None:
    words = "The image was made and charged, but host, which has it, is gone. Declared lost."
    facts = MADE.attempt.model_dump() | {"finished_at": END} | error("STORAGE", words)
    assert declared_lost(MADE, END) == expected("FAILED", facts, "host")
    words = "The image was made and charged, but could not be taken in. Declared lost."
    facts = MADE.attempt.model_dump() | {"finished_at": END} | error("STORAGE", words)
    assert declared_lost(ASIDE, END) == expected("FAILED", facts, "host")
    for image in (CALLING, UNKNOWN, GIVEN_UP):
        assert declared_lost(image, END) is image


def test_a_late_answer_counts_for_its_own_attempt_and_the_new_one_goes_on() -> None:
    again = started(reopened(UNKNOWN, REQUEST, 20_000, DAY), "att_2", LATER)
    after = generated(again, "att_1", ANSWER, 9_000, "host", LATER)
    assert after.attempts == (Attempt(**(CHARGED | {"outcome": "generated"})), again.attempt)
    assert (after.state, after.spool_host) == ("CALLING", None)
    assert generated(after, "att_1", ANSWER, 1, "host", END) is after, "it counts once"
    third = started(reopened(interrupted(again, LATER), REQUEST, 20_000, DAY), "att_3", LATER)
    assert generated(third, "att_2", ANSWER, 9_000, "host", LATER).attempts[1].outcome == "generated"
    assert generated(MADE, "att_1", ANSWER, 1, "host", END) is MADE
    refused = failed(CALLING, "att_1", CallFailed("no", certainty="not_charged"), LATER, again_since=None)
    assert generated(refused, "att_1", ANSWER, 1, "host", END) is refused, "its end is known"


def test_a_bill_counts_as_too_high_only_beyond_the_tolerance_and_only_once() -> None:
    limit = PRICE.micros * 105 // 100
    for bill, is_noticed in ((limit, False), (limit + 1, True)):
        after = generated(CALLING, "att_1", ANSWER, bill, "host", LATER)
        assert (billed_above_hold(CALLING, after) is not None) == is_noticed
        assert billed_above_hold(after, after) is None, "it was known before"
    reopened_meanwhile = reopened(UNKNOWN, REQUEST, 20_000, DAY)
    assert billed_above_hold(UNKNOWN, reopened_meanwhile) is None
    after = generated(reopened_meanwhile, "att_1", ANSWER, 20_000, "host", LATER)
    assert billed_above_hold(UNKNOWN, after) is after.attempts[0]


def test_money_moves_on_the_day_and_at_the_provider_of_each_attempt() -> None:
    assert money_moved([], [HELD, HELD]) == {(DAY, "one"): (60_000, 0)}
    assert money_moved([HELD], [CALLING]) == {}
    assert money_moved([CALLING], [MADE]) == {(DAY, "one"): (-30_000, 9_000)}
    assert money_moved([UNKNOWN], [marked_not_charged(UNKNOWN, END)]) == {(DAY, "one"): (0, -10_000)}
    assert money_moved([UNKNOWN], [reopened(UNKNOWN, REQUEST, 20_000, "2026-11-22")]) == {
        ("2026-11-22", "two"): (20_000, 0)
    }
