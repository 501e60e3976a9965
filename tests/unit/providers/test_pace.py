"""How long the rate of a provider lets no further call begin."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from imagegeneration.money.money import ProviderLimits
from imagegeneration.providers.pace import MINUTE, Pace, Slot

START = datetime(2026, 11, 21, 12, tzinfo=UTC)


SECOND = timedelta(seconds=1)


def waits(per_minute: int, *began_at: int, asked_at: int) -> timedelta:
    """How long a further call waits, asked so many seconds after the start, with calls begun then."""
    starts = tuple(START + timedelta(seconds=second) for second in began_at)
    pace = Pace(provider="sandbox", starts=starts, asked_at=START).at(START + timedelta(seconds=asked_at))
    return pace.rate_waits(ProviderLimits(provider="sandbox", per_minute=per_minute))


def test_a_call_begins_at_once_while_there_are_fewer_in_the_minute() -> None:
    assert waits(3, 0, 10, asked_at=20) == timedelta(0)
    assert waits(2, 0, 10, asked_at=61) == timedelta(0)


def test_a_call_waits_until_the_minute_has_room() -> None:
    assert waits(2, 0, 10, asked_at=20) == timedelta(seconds=40)


def test_after_the_limit_was_lowered_a_call_waits_until_the_lower_one_has_room() -> None:
    assert waits(2, 0, 10, 20, 30, 40, asked_at=41) == timedelta(seconds=49)
    assert waits(1, 0, 10, 20, asked_at=21) == timedelta(seconds=59)


def test_a_start_counts_for_a_minute_and_a_call_until_its_time_is_over() -> None:
    slots = tuple(Slot(attempt_id=f"att_{place}", until=START + place * SECOND) for place in (0, 1))
    now = Pace(
        provider="sandbox", slots=slots, starts=(START - MINUTE, START - MINUTE + SECOND), asked_at=START - MINUTE
    )
    then = now.at(START)
    assert (then.slots, then.starts, then.asked_at) == (slots[1:], now.starts[1:], START)
    assert (then.has("att_0"), then.has("att_1")) == (False, True)
    assert then.at(START + SECOND).slots == ()


@pytest.mark.parametrize(
    ("limits", "calls", "starts", "words"),
    [
        ({}, 9, 9, None),
        ({"concurrency": 2}, 1, 9, None),
        ({"concurrency": 2}, 2, 9, "at most 2 at once"),
        ({"concurrency": 2}, 3, 9, "at most 2 at once"),
        ({"per_minute": 2}, 9, 1, None),
        ({"per_minute": 2}, 9, 2, "at most 2 calls a minute"),
        ({"per_minute": 1}, 9, 1, "at most 1 call a minute"),
        ({"per_minute": 2, "concurrency": 3}, 3, 2, "at most 2 calls a minute and 3 at once"),
        ({"per_minute": 2, "concurrency": 3}, 3, 1, "at most 3 at once"),
    ],
)
def test_a_call_waits_for_the_limit_that_is_reached_and_says_so(
    limits: dict[str, int], calls: int, starts: int, words: str | None
) -> None:
    pace = Pace(
        provider="sandbox",
        slots=tuple(Slot(attempt_id=f"att_{place}", until=START + MINUTE) for place in range(calls)),
        starts=(START,) * starts,
        asked_at=START,
    )
    expected = words and f"Waiting for the provider's rate: {words}."
    assert pace.hindrance(ProviderLimits(provider="sandbox", **limits)) == expected
