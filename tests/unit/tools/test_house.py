"""The measures find what exceeds them, and nothing else."""

from __future__ import annotations

from pathlib import Path

from tools.house import MOST_LINES, MOST_METHODS, circles, large_classes, long_files


def test_modules_that_import_each_other_are_a_circle() -> None:
    imports = {"a": ["b"], "b": ["c", "d"], "c": ["a"], "d": ["e"], "e": ["d", "f"], "f": []}
    assert sorted(circles(imports)) == ["a <-> b <-> c", "d <-> e"]


def test_modules_that_import_in_one_direction_are_none() -> None:
    assert circles({"a": ["b", "c"], "b": ["c"], "c": []}) == []


def test_files_and_classes_are_named_from_the_first_line_and_method_too_many(tmp_path: Path) -> None:
    def file(name: str, methods: int, lines: int) -> Path:
        text = f"class {name}:\n" + "    def m(self): ...\n" * methods
        path = tmp_path / f"{name}.py"
        path.write_text(text + "#\n" * (lines - methods - 1))
        return path

    right, wrong = file("Right", MOST_METHODS, MOST_LINES), file("Wrong", MOST_METHODS + 1, MOST_LINES + 1)
    assert long_files([right, wrong]) == [f"{MOST_LINES + 1} {wrong}"]
    assert large_classes([right, wrong]) == [f"{MOST_METHODS + 1} {wrong}:1 Wrong"]
