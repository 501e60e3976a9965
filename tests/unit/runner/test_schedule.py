"""The runner's rounds go on evenly, wherever the wall clock leaps."""

from __future__ import annotations

import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine

from imagegeneration.runner import schedule
from imagegeneration.runner.schedule import Every, MonotonicZone, build_schedule
from tests.support import wait_until

LEAPS = [timedelta(hours=-1), timedelta(days=30), timedelta(days=-400)]
ROUNDS = ("tick", "heartbeat", "deliver", "expire", "ask_again", "check")


@pytest.fixture
def clock() -> Iterator[Any]:
    """A wall clock that can be set."""
    with time_machine.travel(datetime.now(UTC)) as traveller:
        yield traveller


@pytest.fixture
def rounds(clock: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """How many rounds of each kind a running schedule has made."""
    for name in ("DELIVERY_SECONDS", "EXPIRY_SECONDS", "LATE_ANSWERS_SECONDS"):
        monkeypatch.setattr(schedule, name, 0.05)
    made: Counter[str] = Counter()

    def count(name: str) -> Callable[[], None]:
        return lambda: made.update([name])

    delivery: Any = SimpleNamespace(run=count("deliver"), expire=count("expire"))
    late: Any = SimpleNamespace(run=count("ask_again"))
    scheduler = build_schedule(
        poll_seconds=0.05,
        lease_seconds=0.15,
        check_minutes=0.001,
        tick=count("tick"),
        heartbeat=count("heartbeat"),
        delivery=delivery,
        late_answers=late,
        check=count("check"),
    )
    scheduler.start()
    yield made
    scheduler.shutdown()


def another_of_each(rounds: Counter[str]) -> None:
    before = rounds.copy()
    wait_until(lambda: all(rounds[name] >= before[name] + 2 for name in ROUNDS), "all rounds go on", seconds=5)


@pytest.mark.parametrize("leap", LEAPS, ids=str)
def test_rounds_go_on_where_the_clock_leaps(rounds: Counter[str], clock: Any, leap: timedelta) -> None:
    another_of_each(rounds)
    clock.shift(leap)
    another_of_each(rounds)


@pytest.mark.parametrize("leap", LEAPS, ids=str)
def test_a_leap_costs_neither_time_nor_memory_and_makes_up_for_no_rounds(
    rounds: Counter[str], clock: Any, leap: timedelta
) -> None:
    another_of_each(rounds)
    before, cpu, began = rounds.copy(), time.process_time(), time.monotonic()
    tracemalloc.start()
    try:
        clock.shift(leap)
        another_of_each(rounds)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    possible = (time.monotonic() - began) / 0.05 + 2
    assert max(rounds[name] - before[name] for name in ROUNDS) <= possible
    assert time.process_time() - cpu < 2
    assert peak < 10 * 1024**2


def test_what_was_missed_counts_as_one_round() -> None:
    now = datetime.now(MonotonicZone())
    late = Every(1).get_next_fire_time(now - timedelta(days=30), now)
    assert late == now + timedelta(seconds=1)
    assert Every(1).get_next_fire_time(now, now) == now + timedelta(seconds=1)
    assert Every(1).get_next_fire_time(now - timedelta(seconds=0.75), now) == now + timedelta(seconds=0.25)
