"""Values that are kept for a while: how long, how many, and what a change does to them."""

from __future__ import annotations

import pytest

from imagegeneration.core import cache
from imagegeneration.core.cache import CachedValue, TTLCache
from tests.support import Clock


class Reader:
    """Counts how often it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, key: str) -> str:
        self.asked.append(key)
        return key.upper()


def test_a_value_is_read_again_once_it_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(cache, "time", clock)
    reader = Reader()
    values = TTLCache(reader, 10, most=5)
    assert (values.get("a"), values.get("a")) == ("A", "A")
    clock.now += 9.9
    values.get("a")
    assert reader.asked == ["a"]
    clock.now += 0.1
    values.get("a")
    assert reader.asked == ["a", "a"]


def test_no_more_keys_are_kept_than_there_is_room_for() -> None:
    values = TTLCache(Reader(), 10, most=100)
    for number in range(10_000):
        values.get(str(number))
        assert len(values) <= 100


def test_a_value_that_was_read_while_everything_was_invalidated_is_not_kept() -> None:
    said = ["before", "after"]

    def read(_key: str) -> str:
        answer = said.pop(0)
        if answer == "before":
            values.invalidate()  # as another thread does that changes the value
        return answer

    values: TTLCache[str, str] = TTLCache(read, 10, most=5)
    assert values.get("a") == "before"
    assert values.get("a") == "after"


def test_none_is_kept_for_less_where_a_value_is_soon_there(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(cache, "time", clock)
    asked: list[str] = []

    def read(key: str) -> str | None:
        asked.append(key)
        return None if key == "unknown" else key

    values = TTLCache(read, 60, 5, none_seconds=2)
    for _ in range(2):
        assert [values.get(key) for key in ("known", "unknown")] == ["known", None]
        clock.now += 2
    assert asked == ["known", "unknown", "unknown"]


def test_peeking_reads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(cache, "time", clock)
    reader = Reader()
    values = TTLCache(reader, 10, most=5)
    assert values.peek("a") is None
    values.get("a")
    assert values.peek("a") == "A"
    clock.now += 10
    assert values.peek("a") is None
    assert reader.asked == ["a"]


@pytest.mark.parametrize("changed", ["invalidate", "refresh"])
def test_a_value_that_is_changed_while_it_is_read_is_not_overwritten_by_the_old_one(changed: str) -> None:
    """As a pause, or a limit: what was read before the change must not count for seconds after it."""
    said = ["before", "after", "after"]

    def read() -> str:
        answer = said.pop(0)
        if answer == "before":
            getattr(value, changed)()  # as another thread does that has made the change
        return answer

    value = CachedValue(read, 10)
    assert value.get() == "before"
    assert value.get() == "after"
