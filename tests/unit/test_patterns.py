"""Every pattern of the code reads 64 kB of its worst case in time: clients choose what most of them read.

The patterns are found in the source, so that a new one is tested too; those that are built from parts are listed, and
one that is not listed fails. What makes a pattern slow is a text that it matches again and again but for the end: such
texts are made from the pattern itself.
"""

from __future__ import annotations

import ast
import contextlib
import re
import signal
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, takewhile
from pathlib import Path
from re import _constants, _parser
from typing import Any

import pytest

from imagegeneration.api.routes import _PATTERNS
from imagegeneration.core.redaction import _SHAPES, redact
from imagegeneration.jobs.queries import CURSOR_PATTERN
from imagegeneration.jobs.repeats import KEY_PATTERN
from imagegeneration.models.lora import PATH_PATTERN
from imagegeneration.providers import hints
from imagegeneration.providers.encoded import EncodedAnswer

ROOT = Path(__file__).parents[2]
LENGTH = 64 * 1024
SECONDS = 0.2
"""Of CPU time. A linear pattern takes a few milliseconds, a quadratic one several seconds."""

OWN_TEXT = {
    r"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>": "reads the dashboard's own document only",
    r"[^:]+://[^:@]*:(.+)@": "reads MONGODB_URI only",
}
ENCODED = r'"b64_json"\s*:\s*(?=")'
BUILT: Mapping[tuple[str, str], Collection[str]] = {
    ("api/routes.py", '"[^/]+".join(map(re.escape, re.split(r"{[A-Za-z]+}", path)))'): {
        f"^{rule.pattern}$" for _, rule in _PATTERNS if "[" in rule.pattern
    },
    ("models/lora.py", "PATH_PATTERN"): [PATH_PATTERN],
    ("providers/encoded.py", """rb'"' + field.encode() + rb'"\\s*:\\s*(?=")'"""): [ENCODED],
    ("providers/hints.py", 'rf"(?:{_PART.pattern} ?){{1,4}}"'): [hints._DURATION.pattern],
    (
        "providers/hints.py",
        'rf"(?:try again|retry|available|resets?|wait)[^0-9.]{{1,30}}({_DURATION.pattern})"',
    ): [hints._IN_WORDS.pattern],
    ("core/redaction.py", "pattern"): [pattern.pattern for pattern, _ in _SHAPES],
    ("jobs/queries.py", "CURSOR_PATTERN"): [CURSOR_PATTERN],
    ("jobs/repeats.py", "KEY_PATTERN"): [KEY_PATTERN],
    ("audit/store.py", 'f"^{re.escape(subject)}/"'): [],  # a prefix, letter by letter, that only MongoDB reads
}
"""Patterns that are built from parts, by file and argument; between ^ and $ where only `fullmatch` reads them."""

_FUNCTIONS = ("compile", "match", "search", "fullmatch", "sub", "subn", "findall", "finditer", "split")


def arguments() -> Iterator[tuple[str, ast.expr, str]]:
    """Yield the pattern of each call of `re`: its file, itself, and how it is written."""
    package = ROOT / "imagegeneration"
    for path in (ROOT / "app.py", *package.rglob("*.py"), *(ROOT / "pages").rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(source)):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            if isinstance(node.func.value, ast.Name) and node.func.value.id == "re" and node.func.attr in _FUNCTIONS:
                first = node.args[0] if node.args else node.keywords[0].value
                name = path.relative_to(package if path.is_relative_to(package) else ROOT)
                yield name.as_posix(), first, ast.get_source_segment(source, first) or ""


def in_source() -> Iterator[str]:
    """Yield the patterns that are written out in a call of `re`."""
    for _, first, _ in arguments():
        if isinstance(first, ast.Constant):
            value = first.value
            yield value if isinstance(value, str) else str(value, "latin-1")  # type: ignore[arg-type]  # bytes


PATTERNS = sorted({*in_source(), *chain.from_iterable(BUILT.values())} - set(OWN_TEXT))


def examples(parsed: Any) -> Iterator[str]:
    """Short texts that the parts of a pattern match, and all of what stands before each part."""
    before = ""
    for operation, argument in parsed:
        part = _example(operation, argument)
        if str(operation) != "LITERAL":
            yield from (before, part, before + part)
        before += part
        for inner in _inner(argument):
            yield from examples(inner)


def _inner(argument: Any) -> Iterator[Any]:
    if isinstance(argument, _parser.SubPattern):
        yield argument
    elif isinstance(argument, (list, tuple)):
        for each in argument:
            yield from _inner(each)


def _example(operation: Any, argument: Any) -> str:
    """A text that this part matches."""
    name = str(operation)
    if name == "LITERAL":
        return chr(argument)
    if name in ("NOT_LITERAL", "ANY"):
        return "a"
    if name == "IN":
        return _member(argument)
    if name == "BRANCH":
        return _all(argument[1][0])
    if name == "SUBPATTERN":
        return _all(argument[-1])
    if name == "ATOMIC_GROUP":
        return _all(argument)
    if name.endswith("REPEAT"):
        least: int = argument[0]
        return _all(argument[2]) * max(least, 1)
    return ""


def _all(parsed: Any) -> str:
    return "".join(_example(*part) for part in parsed)


def _member(members: Sequence[tuple[Any, Any]]) -> str:
    """A character of the class: a letter if there is one."""
    source = "a/ .-%\t\n\\x1[\"':,=@" if members[0][0] is _constants.NEGATE else None
    category = {"CATEGORY_WORD": "a", "CATEGORY_SPACE": " ", "CATEGORY_DIGIT": "1", "CATEGORY_NOT_SPACE": "a"}
    for operation, argument in members:
        if source is not None:
            break
        if str(operation) == "LITERAL":
            return chr(argument)
        if str(operation) == "RANGE":
            return chr(argument[0])
        if str(operation) == "CATEGORY":
            return category.get(str(argument), "-")
    refused: set[str] = {chr(argument) for operation, argument in members if str(operation) == "LITERAL"}
    return next(character for character in source or "a" if character not in refused)


def worst_cases(pattern: str) -> Iterator[str]:
    """64 kB each, of what parts of the pattern match, with an end that spoils it."""
    parsed = _parser.parse(pattern)
    parts = {part for part in examples(parsed) if part}
    whole = _all(parsed)
    literals = takewhile(lambda part: str(part[0]) in ("AT", "LITERAL"), parsed)
    starts = sorted({"", whole[: len(whole) // 2], _all(literals)})
    for run in sorted(parts | {part + joint for part in parts for joint in "-. "}):
        text = run * (LENGTH // len(run))
        yield from (f"{start}{text}\x00/" for start in starts)


def cpu_bounded(work: Callable[[], object]) -> bool:
    """Whether the work is done within SECONDS of CPU time; it is stopped then, in the middle of a pattern too."""

    stopped = []

    def stop(_signal: int, _frame: object) -> None:
        stopped.append(True)  # where the collector runs just now, what is raised is lost
        raise TimeoutError

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    try:
        work()
    except TimeoutError:
        pass
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
    return not stopped


def is_quick(pattern: str, text: str) -> bool:
    compiled = re.compile(pattern, re.IGNORECASE)
    return cpu_bounded(lambda: [compiled.sub("", text), compiled.fullmatch(text)])


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_reads_its_worst_case_in_time(pattern: str) -> None:
    slow = next((text for text in worst_cases(pattern) if not is_quick(pattern, text)), None)
    assert slow is None, f"slow for {slow[:60] if slow else ''!r}"


@pytest.mark.parametrize(
    "pattern",
    [
        r"\b([a-z][a-z0-9+.-]*://)[^\s/@]+@",
        r"\beyJ[\w-]+\.[\w-]+\.[\w-]*",
        r"\b(mongodb(?:\+srv)?://)\S*@",
        r"(/auth/callback/[^\s?\"']*\?)[^\s\"']+",
        r"(a+)+b",
        r"\s*[0-9]*\s*=",
    ],
)
def test_a_slow_pattern_would_be_found(pattern: str) -> None:
    assert not all(is_quick(pattern, text) for text in worst_cases(pattern))


def test_every_pattern_that_is_built_from_parts_is_listed() -> None:
    assert {(file, text) for file, first, text in arguments() if not isinstance(first, ast.Constant)} == set(BUILT)


def test_an_answer_with_images_as_text_is_read_in_time() -> None:
    def read(text: str) -> None:
        with contextlib.suppress(ValueError):
            EncodedAnswer(text.encode(), "b64_json")

    assert all(cpu_bounded(partial(read, text)) for text in worst_cases(ENCODED))


def test_every_exempt_pattern_is_in_the_source() -> None:
    assert set(OWN_TEXT) <= set(in_source())


@pytest.mark.parametrize(
    "run", ["a.", "eyJ-", "eyJa.", "mongodb://", "/auth/callback/", "http://a:", "cookie ", "code="]
)
def test_a_line_of_the_access_log_is_redacted_in_time(run: str) -> None:
    assert cpu_bounded(lambda: redact("GET /" + run * (LENGTH // len(run)) + " HTTP/1.1"))
