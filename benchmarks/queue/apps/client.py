"""`python -m benchmarks.queue.apps.client APP`: gives a contestant its jobs; a JSON line in, a JSON line out."""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, cast

APPS = "benchmarks.queue.apps"


class App(Protocol):
    """The functions of a contestant's module."""

    def prepare(self) -> None:
        """Make the engine ready; called once, before anything else."""

    def enqueue(self, job: str, seconds: float) -> None:
        """Return once the engine has acknowledged the job."""

    def outstanding(self) -> int:
        """Return how many jobs the engine has not recorded as finished."""


def _enqueue(app: App, jobs: Sequence[str], seconds: float) -> list[int]:
    """Enqueue the jobs, and return when each was acknowledged, in nanoseconds since the epoch."""
    acknowledged = []
    for job in jobs:
        app.enqueue(job, seconds)
        acknowledged.append(time.time_ns())
    return acknowledged


def _finished(app: App) -> int:
    """Return when the engine had recorded the last job as finished, in nanoseconds since the epoch."""
    while app.outstanding():
        time.sleep(0.002)
    return time.time_ns()


_COMMANDS: Mapping[str, Callable[..., object]] = {
    "prepare": lambda app: app.prepare(),
    "enqueue": _enqueue,
    "finished": _finished,
}


def main() -> None:
    """Answer requests until the input ends."""
    app: Any = cast(App, importlib.import_module(f"{APPS}.{sys.argv[1]}"))
    for line in sys.stdin:
        command, *arguments = json.loads(line)
        sys.stdout.write(json.dumps(_COMMANDS[command](app, *arguments)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
