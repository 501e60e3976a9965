"""The guards that `make mutation` removes: each is marked in the code once, and can be removed by its marker."""

from __future__ import annotations

from pathlib import Path

from tests.faults.support.guards import GUARDS
from tests.faults.support.markers import marked_files, without

ROOT = Path(__file__).parents[2]


def test_each_guard_is_marked_and_each_marker_is_in_the_table() -> None:
    assert set(marked_files(ROOT)) == set(GUARDS)


def test_each_guard_can_be_removed_or_replaced() -> None:
    for name, file in marked_files(ROOT).items():
        source = file.read_text()
        assert without(source, name, GUARDS[name].instead) != source


def test_the_tests_that_must_notice_exist() -> None:
    for guard in GUARDS.values():
        assert guard.tests
        for test in guard.tests:
            file, _, function = test.partition("::")
            assert (f"def {function}(" if function else "def test_") in (ROOT / file).read_text(), test
