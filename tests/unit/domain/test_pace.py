"""How long the rate of a provider lets no further call begin."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from imagegeneration.domain.pace import Pace
from imagegeneration.domain.provider import ProviderLimits

START = datetime(2026, 11, 21, 12, tzinfo=UTC)


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
