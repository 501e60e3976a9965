"""`python -m tests.faults.mutation [words of a name]`: removes each guard in turn, and fails unless a test notices.

It works on a copy of the tree. The guards are marked in the code by `# guard: NAME` (support/markers.py); which tests
must notice is in support/guards.py.
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

from tests.faults.support.guards import GUARDS, Guard
from tests.faults.support.markers import NotAGuard, marked_files, without

ROOT = Path(__file__).parents[2]
NOT_COPIED = (".git", ".venv", ".data", ".hypothesis", "__pycache__", ".*_cache")
SOME_TESTS_FAILED = 1


def main(words: Sequence[str]) -> int:
    """Remove the guards whose names have the words; 1 if one goes unnoticed."""
    chosen = {name: guard for name, guard in GUARDS.items() if all(word in name for word in words)}
    with tempfile.TemporaryDirectory(prefix="studio-mutation-") as folder:
        tree = Path(folder) / "tree"
        shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(*NOT_COPIED))
        files = marked_files(tree)
        results = {name: _problem(tree, files.get(name), name, guard) for name, guard in chosen.items()}
    unnoticed = [f"{name}: {problem}" for name, problem in results.items() if problem]
    say(f"Without {len(chosen) - len(unnoticed)} of {len(chosen)} guards a test fails.")
    for problem in unnoticed:
        say(problem)
    return 1 if unnoticed or not chosen else 0


def _problem(tree: Path, file: Path | None, name: str, guard: Guard) -> str | None:
    """Say what is wrong; None if a test fails without the guard, and only without it."""
    if file is None:
        return "it is not marked"
    source = file.read_text()
    try:
        mutated = without(source, name, guard.instead)
    except NotAGuard as problem:
        return str(problem)
    if (code := _passes(tree, tuple(guard.tests))) != 0:
        return f"its tests do not pass as it is (exit code {code})"
    file.write_text(mutated)
    code = _run(tree, guard.tests)
    file.write_text(source)
    say(f"{name}: exit code {code}")
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
