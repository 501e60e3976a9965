"""What a change of images moves, attempt by attempt."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from imagegeneration.jobs.job import JobImage
from imagegeneration.jobs.lifecycle import (
    accepted_as_lost,
    declared_lost,
    failed,
    generated,
    held,
    interrupted,
    reopened,
    set_aside,
    started,
    submitted,
    tried_again,
)
from imagegeneration.money.movement import Movement
from imagegeneration.providers.generation import Answer, CallFailed, GenerationParameters
from tests.unit.jobs.moving import moved

DAY, TOMORROW = "2026-11-21", "2026-11-22"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LATER, END = NOW + timedelta(seconds=8), NOW + timedelta(hours=9)
ANSWER = Answer(b"bytes", None, None)
REQUEST = GenerationParameters(provider="two", model="b", size="1024x1024", quality="medium", output_format="png")

HELD = held(2, "one", "a", 30_000, DAY, credit_cost=2)
CALLING = started(HELD, "att_1", NOW)
UNKNOWN = interrupted(CALLING, LATER)
MADE = generated(CALLING, "att_1", ANSWER, 9_000, "host", LATER)

OPENED = Movement(
    day=DAY,
    user_id="local",
    provider="one",
    model="a",
    job_id="imgjob_1",
    index=2,
    attempt_id=None,
    outcome=None,
    held_micros=30_000,
    credits=2,
)
CLOSED = replace(OPENED, attempt_id="att_1", held_micros=-30_000, credits=0, seconds=8.0)


def refused(image: JobImage, attempt_id: str = "att_1") -> JobImage:
    """The call was refused, and the image waits for another attempt."""
    failure = CallFailed("no", certainty="not_charged", retryable=True)
    return failed(image, attempt_id, failure, LATER, again_since=NOW)


def test_a_new_image_holds_its_money_and_takes_its_credits() -> None:
    assert moved([], [HELD]) == [OPENED]


def test_nothing_moves_where_only_the_state_changes() -> None:
    assert moved([HELD], [CALLING]) == moved([CALLING], [submitted(CALLING, "att_1", "handle")]) == []


def test_an_image_that_is_made_settles_its_hold() -> None:
    assert moved([CALLING], [MADE]) == [replace(CLOSED, outcome="generated", spent_micros=9_000, images=1)]


def test_an_attempt_that_is_made_again_hands_its_hold_and_credits_on() -> None:
    assert moved([CALLING], [refused(CALLING)]) == [replace(CLOSED, outcome="unavailable", credits=-2), OPENED]


def test_each_image_moves_by_itself() -> None:
    other = held(0, "two", "b", 10_000, TOMORROW)
    found = moved([CALLING], [other, MADE])
    assert [(each.index, each.day, each.provider, each.model) for each in found] == [
        (0, TOMORROW, "two", "b"),
        (2, DAY, "one", "a"),
    ]


def test_a_late_answer_moves_its_own_attempt_and_its_seconds_count_once() -> None:
    again = reopened(UNKNOWN, REQUEST, 20_000, TOMORROW)
    late = generated(again, "att_1", ANSWER, 9_000, "host", END)
    own = replace(CLOSED, held_micros=0, seconds=0.0)
    assert moved([again], [late]) == [replace(own, outcome="generated", spent_micros=-21_000, images=1)]
    assert moved([UNKNOWN], [accepted_as_lost(UNKNOWN, END)]) == []


def test_an_image_that_is_set_aside_counts_as_made_again_once_it_is_taken_in() -> None:
    aside = set_aside(MADE, "att_1", ANSWER, 9_000, "it is damaged", "host", END)
    assert [each.images for each in moved([MADE], [aside])] == [-1]
    assert [each.images for each in moved([aside], [tried_again(aside, END)])] == [1]
    assert moved([MADE], [declared_lost(MADE, END)]) == []
