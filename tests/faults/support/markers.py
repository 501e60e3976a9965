"""Guards as they are marked in the code, and a source without one of them.

A marker is the comment `# guard: NAME`, on the line where its guard begins or alone on the line above. It covers the
statement that begins there with its whole block; else the element that begins there: an entry of a dict, an item, an
argument, a condition of a comprehension, or an operand of `and` and `or`; of several the outermost.
"""

from __future__ import annotations

import ast
import functools
import io
import re
import textwrap
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PRODUCT = ("app.py", "imagegeneration", "pages")

_Node = ast.expr | ast.keyword | ast.stmt

_NAME = re.compile(r"# guard: ([a-z0-9]+(?:-[a-z0-9]+)*)")


class NotAGuard(Exception):
    """A marker that is missing, unreadable or there twice, or that covers nothing that could be removed."""


@dataclass(frozen=True)
class _Extent:
    """The lines of a guard, and what has to stand there without it."""

    first: int
    last: int
    rest: str = ""


def marked_files(root: Path) -> Mapping[str, Path]:
    """Find the file of each guard that is marked in the product. Raises NotAGuard."""
    files: dict[str, Path] = {}
    for path in (path for name in PRODUCT for path in _sources(root / name)):
        for name in _marked_lines(path.read_text()):
            if name in files:
                raise NotAGuard(f"{name} is marked twice: in {files[name]} and {path}")
            files[name] = path
    return files


def without(source: str, name: str, instead: str | None = None) -> str:
    """Remove a guard from a source, or put the lines `instead` in its place. Raises NotAGuard."""
    begins = _marked_lines(source).get(name)
    if begins is None:
        raise NotAGuard(f"{name} is not marked")
    found = _extents(source).get(begins)
    if found is None:
        raise NotAGuard(f"{name}: nothing that could be removed begins on line {begins}")
    lines = source.split("\n")
    indent = re.match(" *", lines[begins - 1])
    left = textwrap.indent(found.rest if instead is None else instead, indent[0] if indent else "")
    mutated = "\n".join([*lines[: begins - 1], *([left] if left else []), *lines[found.last :]])
    try:
        compile(mutated, name, "exec", dont_inherit=True)
    except SyntaxError as error:
        raise NotAGuard(f"{name}: without it the source does not compile: {error}") from error
    return mutated


def _sources(path: Path) -> Sequence[Path]:
    return [path] if path.is_file() else sorted(path.rglob("*.py"))


@functools.cache
def _marked_lines(source: str) -> Mapping[str, int]:
    """Find the line on which each marked guard begins. Raises NotAGuard."""
    lines: dict[str, int] = {}
    if "# guard:" not in source:
        return lines
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT or not token.string.startswith("# guard:"):
            continue
        found = _NAME.fullmatch(token.string)
        if found is None:
            raise NotAGuard(f"{token.string!r} names no guard")
        if found[1] in lines:
            raise NotAGuard(f"{found[1]} is marked twice")
        line, column = token.start
        stands_alone = not token.line[:column].strip()
        lines[found[1]] = line + 1 if stands_alone else line
    return lines


@functools.cache
def _extents(source: str) -> Mapping[int, _Extent]:
    """Find what could be removed, by the line on which it begins: a statement first, else the outermost element."""
    found: dict[int, _Extent] = {}
    nodes = list(ast.walk(ast.parse(source)))
    for extents in (_statements, _elements):
        for node in nodes:
            for extent in extents(node):
                found.setdefault(extent.first, extent)
    return found


def _statements(node: ast.AST) -> Iterator[_Extent]:
    for _, block in ast.iter_fields(node):
        if isinstance(block, list):
            rest = "pass" if len(block) == 1 else ""
            yield from (_extent(one, one, rest) for one in block if isinstance(one, ast.stmt))


def _elements(node: ast.AST) -> Iterator[_Extent]:
    match node:
        case ast.Dict():
            yield from (_extent(key or value, value) for key, value in zip(node.keys, node.values, strict=True))
        case ast.List() | ast.Tuple() | ast.Set():
            yield from (_extent(item, item) for item in node.elts)
        case ast.Call():
            yield from (_extent(argument, argument) for argument in node.args)
            yield from (_extent(argument, argument) for argument in node.keywords)
        case ast.comprehension():
            yield from (_extent(condition, condition) for condition in node.ifs)
        case ast.BoolOp(op=operator, values=[first, *others]):
            # The operator between the first two stands on the second one's line: something has to be left before it.
            yield _extent(first, first, str(isinstance(operator, ast.And)))
            yield from (_extent(operand, operand) for operand in others)


def _extent(start: _Node, end: _Node, rest: str = "") -> _Extent:
    return _Extent(start.lineno, end.end_lineno or end.lineno, rest)
