"""`python -m tests.faults.mutation [words of a name]`: removes each guard in turn, and fails unless a test notices.

It works on a copy of the tree. A guard whose text is not found any more fails the run too: the table is then out
of date.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.faults.support import (
    guards,
    guards_of_budgets,
    guards_of_events,
    guards_of_fallback,
    guards_of_inputs,
    guards_of_providers,
)
from tests.faults.support.guards import Guard

GUARDS = (
    *guards.GUARDS,
    *guards_of_budgets.GUARDS,
    *guards_of_fallback.GUARDS,
    *guards_of_providers.GUARDS,
    *guards_of_inputs.GUARDS,
    *guards_of_events.GUARDS,
)
ROOT = Path(__file__).parents[2]
NOT_COPIED = (".git", ".venv", ".data", ".hypothesis", "__pycache__", ".*_cache")
SOME_TESTS_FAILED = 1


def main(words: Sequence[str]) -> int:
    """Remove the guards whose names have the words; 1 if one goes unnoticed."""
    chosen = [guard for guard in GUARDS if all(word in guard.name for word in words)]
    with tempfile.TemporaryDirectory(prefix="studio-mutation-") as folder:
        tree = Path(folder) / "tree"
        shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(*NOT_COPIED))
        results = {guard.name: _noticed(tree, guard) for guard in chosen}
    unnoticed = [f"{name}: {problem}" for name, problem in results.items() if problem]
    say(f"Without {len(chosen) - len(unnoticed)} of {len(chosen)} guards a test fails.")
    for problem in unnoticed:
        say(problem)
    return 1 if unnoticed or not chosen else 0


def _noticed(tree: Path, guard: Guard) -> str | None:
    """What is wrong; None if a test fails without the guard, and only without it."""
    path = tree / guard.file
    source = path.read_text()
    if source.count(guard.text) != 1:
        return f"its text is {source.count(guard.text)} times in {guard.file}"
    if (code := _passes(tree, tuple(guard.tests))) != 0:
        return f"its tests do not pass as it is (exit code {code})"
    path.write_text(source.replace(guard.text, guard.without))
    code = _run(tree, guard.tests)
    path.write_text(source)
    say(f"{guard.name}: exit code {code}")
    return None if code == SOME_TESTS_FAILED else f"its tests end with exit code {code} without it"


def say(words: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


@functools.cache
def _passes(tree: Path, tests: tuple[str, ...]) -> int:
    return _run(tree, tests)


def _run(tree: Path, tests: Sequence[str]) -> int:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, cwd=tree, env=environment, check=False, capture_output=True).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
