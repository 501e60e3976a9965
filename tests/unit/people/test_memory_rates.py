"""Counters of one process: as often as the rate says, whatever the wall clock does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from imagegeneration.people import rate_store as rates
from imagegeneration.people.rate import Rate
from imagegeneration.people.rate_store import Counter, MemoryRates
from tests.support import Clock

RATE = Rate(what="prompt suggestions", amount=3, seconds=60)
ANN, BOB = Counter(RATE, "ann"), Counter(RATE, "bob")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(rates, "time", clock)
    return clock


def passed(counts: MemoryRates, times: int, counter: Counter = ANN) -> int:
    return sum(counts.take(counter).passed for _ in range(times))


def test_each_has_the_whole_rate_and_no_more(clock: Clock) -> None:
    counts = MemoryRates()
    assert (passed(counts, 5), passed(counts, 5, BOB)) == (3, 3)
    assert counts.standing(ANN).remaining == 0
    assert counts.standing(ANN).resets_in == 60


def test_uses_of_the_window_before_count_by_what_is_left_of_it(clock: Clock) -> None:
    counts = MemoryRates()
    passed(counts, 3)
    clock.now += 60 + 40
    assert passed(counts, 5) == 2
    clock.now += 120
    assert passed(counts, 5) == 3


def test_a_look_counts_nothing(clock: Clock) -> None:
    counts = MemoryRates()
    assert counts.take(ANN).standing.remaining == 2
    assert [counts.standing(ANN).remaining for _ in range(3)] == [2, 2, 2]


@pytest.mark.parametrize("leap", [timedelta(hours=-1), timedelta(days=30)], ids=str)
def test_a_wall_clock_that_leaps_neither_frees_nor_holds_up(clock: Clock, leap: timedelta) -> None:
    counts = MemoryRates()
    with time_machine.travel(datetime.now(UTC)) as wall:
        passed(counts, 3)
        wall.shift(leap)
        assert passed(counts, 1) == 0
        clock.now += 120
        assert passed(counts, 3) == 3


def test_counters_that_have_ended_are_forgotten(clock: Clock) -> None:
    counts = MemoryRates()
    for number in range(1000):
        counts.take(Counter(RATE, str(number)))
    clock.now += 121
    counts.take(ANN)
    assert len(counts._kept) == 1
