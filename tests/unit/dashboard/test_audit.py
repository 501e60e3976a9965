"""What the Audit page exports."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from imagegeneration.audit.entry import AuditEntry
from imagegeneration.dashboard.audit import page as module
from imagegeneration.dashboard.audit.page import Wanted, exported
from tests.unit.dashboard.test_entries import entry


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """A record of seven entries, read three at a time; what was asked of it."""
    questions: list[dict[str, Any]] = []

    def find(**question: Any) -> list[AuditEntry]:
        questions.append(question)
        before = question["before"] or 8
        return [entry(number=number) for number in range(before - 1, 0, -1)][: question["limit"]]

    monkeypatch.setattr(module, "studio", lambda: SimpleNamespace(audit=SimpleNamespace(find=find)))
    monkeypatch.setattr(module, "AT_ONCE", 3)
    return questions


@pytest.mark.parametrize(("most", "numbers"), [(100, [7, 6, 5, 4, 3, 2, 1]), (5, [7, 6, 5, 4, 3]), (3, [7, 6, 5])])
def test_an_export_is_bounded_and_newest_first(
    asked: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, most: int, numbers: list[int]
) -> None:
    monkeypatch.setattr(module, "MOST_EXPORTED", most)
    assert [one.number for one in exported(Wanted())] == numbers


def test_an_export_has_what_is_filtered(asked: list[dict[str, Any]]) -> None:
    wanted = Wanted(actors=("usr_1",), actions=("signed-in",), subject="usr_2")
    assert next(exported(wanted)).number == 7
    assert asked == [{"actors": ("usr_1",), "actions": ("signed-in",), "subject": "usr_2", "before": None, "limit": 3}]
