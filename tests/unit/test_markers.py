"""What a marker of a guard covers, and what is left of a source without it."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from tests.faults.support.markers import NotAGuard, marked_files, without

STATEMENT = """
    def f(x):
        if x:  # guard: it
            x += 1
            x += 2
        return x
"""
MARKER_ALONE = """
    def f(x):
        y = 1
        # guard: it
        while x:
            x -= 1
        return y
"""
ONLY_STATEMENT = """
    try:
        f()
    finally:
        g(  # guard: it
            1,
        )
"""
ENTRY = """
    d = {
        "a": 1,
        "b": {  # guard: it
            "c": 2,
        },
        **e,
    }
"""
UNPACKED = """
    d = {
        "a": 1,
        **e,  # guard: it
    }
"""
ITEM = """
    x = [
        *y,  # guard: it
        1,
    ]
"""
ARGUMENT = """
    f(
        a,
        b=g(1),  # guard: it
    )
"""
CONDITION = """
    x = [
        y
        for y in z
        if y  # guard: it
        if y > 1
    ]
"""
OPERAND = """
    if (
        a
        and b(  # guard: it
            1,
        )
        and c
    ):
        f()
"""
FIRST_OF_AND = """
    x = (
        a  # guard: it
        and b
    )
"""
FIRST_OF_OR = """
    if (
        a  # guard: it
        or b
    ):
        f()
"""


@pytest.mark.parametrize(
    ("source", "rest"),
    [
        pytest.param(STATEMENT, "def f(x):\n    return x\n", id="a statement with its block"),
        pytest.param(
            MARKER_ALONE, "def f(x):\n    y = 1\n    # guard: it\n    return y\n", id="the line after a marker"
        ),
        pytest.param(ONLY_STATEMENT, "try:\n    f()\nfinally:\n    pass\n", id="the only statement of a block"),
        pytest.param(ENTRY, 'd = {\n    "a": 1,\n    **e,\n}\n', id="an entry of a dict"),
        pytest.param(UNPACKED, 'd = {\n    "a": 1,\n}\n', id="the entries of another dict"),
        pytest.param(ITEM, "x = [\n    1,\n]\n", id="an item of a list"),
        pytest.param(ARGUMENT, "f(\n    a,\n)\n", id="an argument"),
        pytest.param(CONDITION, "x = [\n    y\n    for y in z\n    if y > 1\n]\n", id="a condition"),
        pytest.param(OPERAND, "if (\n    a\n    and c\n):\n    f()\n", id="an operand"),
        pytest.param(FIRST_OF_AND, "x = (\n    True\n    and b\n)\n", id="the first operand of and"),
        pytest.param(FIRST_OF_OR, "if (\n    False\n    or b\n):\n    f()\n", id="the first operand of or"),
    ],
)
def test_what_is_marked_is_removed(source: str, rest: str) -> None:
    assert without(_source(source), "it") == rest


def test_what_stands_instead_is_indented_as_the_guard() -> None:
    left = without(_source(STATEMENT), "it", "if x > 1:\n    x = 2")
    assert left == "def f(x):\n    if x > 1:\n        x = 2\n    return x\n"


def test_a_marker_in_a_text_marks_nothing() -> None:
    with pytest.raises(NotAGuard, match="it is not marked"):
        without('x = "# guard: it"\n', "it")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        pytest.param("x = 1  # guard: that\n", "it is not marked", id="missing"),
        pytest.param("x = 1  # guard: it\ny = 2  # guard: it\n", "it is marked twice", id="twice"),
        pytest.param("x = 1  # guard: It is\n", "names no guard", id="unreadable"),
        pytest.param("x = [\n    1,\n]  # guard: it\n", "nothing that could be removed begins on line 3", id="an end"),
        pytest.param("x = f(\n    1,\n    a)  # guard: it\n", "does not compile", id="the end of more"),
    ],
)
def test_a_marker_that_marks_no_guard_is_an_error(source: str, words: str) -> None:
    with pytest.raises(NotAGuard, match=words):
        without(source, "it")


def test_a_name_in_two_files_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "imagegeneration").mkdir()
    for name in ("app.py", "imagegeneration/one.py"):
        (tmp_path / name).write_text("x = 1  # guard: it\n")
    with pytest.raises(NotAGuard, match="it is marked twice"):
        marked_files(tmp_path)


def _source(text: str) -> str:
    return dedent(text).removeprefix("\n")
