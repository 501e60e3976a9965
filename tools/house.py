"""`make house`: the measures of the code's structure. All should be zero."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[1]
SOURCES = ("app.py", "pages", "imagegeneration")
MOST_LINES = 300
MOST_METHODS = 15
MOST_SUBJECT = 72
FOUND = 1
"""The exit code of a tool that has found something."""

SINCE = "c913e98"
"""The commit up to which subjects are not measured."""


def main() -> int:
    """Print each measure with what exceeds it. Return 1 if any does, else 0."""
    measures = {
        f"files above {MOST_LINES} lines": long_files(_files(".py", ".js", ".css")),
        f"classes above {MOST_METHODS} methods": large_classes(_files(".py")),
        "circles of modules": circles(_imports()),
        "broken contracts of the direction": _broken_contracts(),
        "docstrings that do not begin with a verb": _docstrings_without_verb(),
        f"commit subjects above {MOST_SUBJECT} characters": _long_subjects(),
    }
    for what, found in measures.items():
        sys.stdout.write(f"{len(found):4} {what}\n")
        sys.stdout.writelines(f"       {one}\n" for one in found[:40])
    return 1 if any(measures.values()) else 0


def long_files(paths: Iterable[Path]) -> list[str]:
    """Return the files of more than 300 lines, the longest first."""
    lengths = {str(path): len(path.read_text().splitlines()) for path in paths}
    ordered = sorted(lengths.items(), key=lambda entry: -entry[1])
    return [f"{length} {path}" for path, length in ordered if length > MOST_LINES]


def large_classes(paths: Iterable[Path]) -> list[str]:
    """Return the classes of more than 15 methods, properties included, the largest first."""
    found = []
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                methods = sum(isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) for child in node.body)
                found.append((methods, f"{path}:{node.lineno} {node.name}"))
    return [f"{methods} {where}" for methods, where in sorted(found, reverse=True) if methods > MOST_METHODS]


def circles(imports: Mapping[str, Iterable[str]]) -> list[str]:
    """Return each group of modules that import each other, by Tarjan's algorithm."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[str] = []

    def visit(module: str) -> None:
        number[module] = lowest[module] = len(number)
        stack.append(module)
        for other in imports.get(module, ()):
            if other not in number:
                visit(other)
            if other in stack:
                lowest[module] = min(lowest[module], lowest[other])
        if lowest[module] == number[module]:
            at = stack.index(module)
            group = stack[at:]
            del stack[at:]
            if len(group) > 1:
                found.append(" <-> ".join(sorted(group)))

    for module in imports:
        if module not in number:
            visit(module)
    return found


def _files(*endings: str) -> list[Path]:
    listed = _lines("git", "ls-files", "--", *SOURCES)
    return [Path(path) for path in listed if path.endswith(endings)]


def _imports() -> Mapping[str, Iterable[str]]:
    graph = grimp.build_graph("imagegeneration", "pages")
    return {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}


def _broken_contracts() -> list[str]:
    return [line for line in _lines(_tool("lint-imports"), "--no-cache") if line.endswith(" BROKEN")]


def _docstrings_without_verb() -> list[str]:
    """Ask ruff (D401), which knows the imperative of English verbs."""
    command = [_tool("ruff"), "check", "--isolated", "--quiet", "--select", "D401", "--output-format", "concise"]
    return _lines(*command, *SOURCES)


def _long_subjects() -> list[str]:
    return [line for line in _lines("git", "log", "--format=%s", f"{SINCE}..HEAD") if len(line) > MOST_SUBJECT]


def _tool(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def _lines(*command: str) -> list[str]:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode not in (0, FOUND):
        sys.exit(f"{command[0]} failed: {done.stderr.strip()}")
    return done.stdout.splitlines()


if __name__ == "__main__":
    sys.exit(main())
