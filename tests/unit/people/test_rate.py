"""Where a rate stands, by the counts of two windows."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegeneration.people.plan import PLANS
from imagegeneration.people.rate import Rate, Window, standing

TEN = Rate(what="requests", amount=10, seconds=60)


def passes(rate: Rate, window: Window) -> bool:
    """As the library decides."""
    now = window.moved_to_now(rate.seconds)
    return math.floor(now.previous * now.ends_in / rate.seconds + now.current) + 1 <= rate.amount


@pytest.mark.parametrize(
    ("window", "remaining", "resets_in"),
    [
        (Window(ends_in=60), 10, 60),
        (Window(current=3, ends_in=20.2), 7, 21),
        (Window(current=10, ends_in=20), 0, 20),
        (Window(previous=10, current=5, ends_in=30), 0, 1),
        (Window(previous=10, current=2, ends_in=60), 0, 12),
        (Window(previous=10, current=9, ends_in=60), 0, 54),
        (Window(previous=10, current=10, ends_in=-1), 1, 59),
        (Window(previous=10, current=10, ends_in=-60), 10, 60),
    ],
)
def test_the_window_before_counts_by_the_share_that_is_left_of_it(
    window: Window, remaining: int, resets_in: int
) -> None:
    found = standing(TEN, window)
    assert (found.remaining, found.resets_in) == (remaining, resets_in)


@given(
    previous=st.integers(0, 10),
    current=st.integers(0, 10),
    ends_in=st.floats(-70, 60, exclude_min=True),
)
def test_whoever_waits_as_long_as_is_said_passes_and_not_much_sooner(
    previous: int, current: int, ends_in: float
) -> None:
    window = Window(previous=previous, current=current, ends_in=ends_in)
    found = standing(TEN, window)
    assert passes(TEN, window) == (found.remaining > 0)
    if found.remaining == 0:
        later = window.model_copy(update={"ends_in": ends_in - found.resets_in - 0.001})
        assert passes(TEN, later)
        sooner = window.model_copy(update={"ends_in": ends_in - (found.resets_in - 1) + 0.001})
        assert found.resets_in == 1 or not passes(TEN, sooner)


def test_the_headers_say_the_standing() -> None:
    assert standing(TEN, Window(current=4, ends_in=12)).headers == {
        "RateLimit-Limit": "10",
        "RateLimit-Remaining": "6",
        "RateLimit-Reset": "12",
    }


def test_the_plans_are_those_of_the_requirements() -> None:
    said = {plan.name: [rate.words for rate in plan.rates] for plan in PLANS.values()}
    assert said == {
        "free": ["10 approvals an hour with the plan free", "50 approvals a day with the plan free"],
        "basic": ["50 approvals an hour with the plan basic", "500 approvals a day with the plan basic"],
        "pro": ["200 approvals an hour with the plan pro", "2000 approvals a day with the plan pro"],
        "enterprise": [],
    }
    assert [plan.jobs_at_once for plan in PLANS.values()] == [1, 2, 5, 10]


def test_a_window_ends_at_its_last_moment_and_the_next_follows_at_once() -> None:
    window = Window(previous=1, current=3, ends_in=0.5)
    assert window.moved_to_now(60) == window
    ended = [window.model_copy(update={"ends_in": ends_in}).moved_to_now(60) for ends_in in (0, -59.5, -60, -999)]
    assert ended == [
        Window(previous=3, ends_in=60),
        Window(previous=3, ends_in=0.5),
        Window(ends_in=60),
        Window(ends_in=60),
    ]
