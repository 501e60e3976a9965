"""Values that are remembered for a while: how long, how many, and what a change does to them."""

from __future__ import annotations

import pytest

from imagegeneration.services import recent
from imagegeneration.services.recent import Recent, RecentOf
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
    monkeypatch.setattr(recent, "time", clock)
    reader = Reader()
    values = RecentOf(reader, 10, most=5)
    assert (values.get("a"), values.get("a")) == ("A", "A")
    clock.now += 9.9
    values.get("a")
    assert reader.asked == ["a"]
    clock.now += 0.1
    values.get("a")
    assert reader.asked == ["a", "a"]


def test_strangers_cannot_fill_the_memory() -> None:
    values = RecentOf(Reader(), 10, most=100)
    for number in range(10_000):
        values.get(str(number))
        assert len(values) <= 100


def test_a_value_that_was_read_while_everything_was_forgotten_is_not_kept() -> None:
    said = ["before", "after"]

    def read(_key: str) -> str:
        answer = said.pop(0)
        if answer == "before":
            values.clear()  # as another thread does that changes the value
        return answer

    values: RecentOf[str] = RecentOf(read, 10, most=5)
    assert values.get("a") == "before"
    assert values.get("a") == "after"


@pytest.mark.parametrize("changed", ["forget", "refresh"])
def test_a_value_that_is_changed_while_it_is_read_is_not_overwritten_by_the_old_one(changed: str) -> None:
    """As a pause, or a limit: what was read before the change must not count for seconds after it."""
    said = ["before", "after", "after"]

    def read() -> str:
        answer = said.pop(0)
        if answer == "before":
            getattr(value, changed)()  # as another thread does that has made the change
        return answer

    value = Recent(read, 10)
    assert value.get() == "before"
    assert value.get() == "after"
