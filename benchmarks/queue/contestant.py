"""A queue under measurement: its engine, its client, and its worker, each a process of its own."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness import Servers
from benchmarks.queue.engines import Engine
from benchmarks.queue.journal import NANOSECONDS, Journal
from benchmarks.queue.processes import is_running
from imagegeneration.local.process import Log


@dataclass(frozen=True)
class Entry:
    """A contestant before it is started.

    `recovery` is when a job whose worker was killed runs again at the latest, by the contestant's settings.
    """

    name: str
    app: str
    start_engine: Callable[[Servers], Engine]
    programs: Path
    worker: Sequence[str]
    recovery: str


class Contestant:
    """A started engine with its client; workers come and go."""

    def __init__(self, entry: Entry, servers: Servers) -> None:
        self.name, self.recovery = entry.name, entry.recovery
        self.engine = entry.start_engine(servers)
        self.journal = Journal(servers.data.path / f"{entry.app}.journal")
        self._entry = entry
        self._servers = servers
        self._environment = {**self.engine.provides, "QUEUE_JOURNAL": str(self.journal.path)}
        self._numbers = itertools.count()
        self._log = ""
        self._client = self._start_client()
        self._ask("prepare")

    def enqueue(self, count: int, seconds: float) -> dict[str, float]:
        """Enqueue jobs one by one, and return when the engine acknowledged each, in seconds since the epoch."""
        jobs = [f"job-{next(self._numbers)}" for _ in range(count)]
        acknowledged = self._ask("enqueue", jobs, seconds)
        return {job: at / NANOSECONDS for job, at in zip(jobs, acknowledged, strict=True)}

    def finished(self) -> float:
        """Wait until the engine has recorded every job as finished; return when, in seconds since the epoch."""
        at: int = self._ask("finished")
        return at / NANOSECONDS

    def start_worker(self) -> int:
        """Start a worker, and return its pid. It may take a moment until it works."""
        self._log = f"{self._entry.app}-{next(self._numbers)}"
        command = [str(self._entry.programs / self._entry.worker[0]), *self._entry.worker[1:]]
        return self._servers.start(self._log, command, None, **self._environment)

    @contextlib.contextmanager
    def worker(self) -> Iterator[int]:
        """Yield the pid of a worker that is stopped in order at the end."""
        pid = self.start_worker()
        try:
            yield pid
        except TimeoutError as error:
            lines = Log(self._servers.data.path / f"{self._log}.log").last_lines(20)
            raise RuntimeError(f"{self.name}: {error}\n" + "\n".join(lines)) from error
        finally:
            os.kill(pid, signal.SIGTERM)
            while is_running(pid):
                time.sleep(0.02)

    def _start_client(self) -> subprocess.Popen[str]:
        command = [str(self._entry.programs / "python"), "-m", "benchmarks.queue.apps.client", self._entry.app]
        environment = self._servers.environment | self._environment
        client = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._servers.stack.callback(client.wait)
        self._servers.stack.callback(client.terminate)
        return client

    def _ask(self, *command: object) -> Any:
        assert self._client.stdin is not None
        assert self._client.stdout is not None
        self._client.stdin.write(json.dumps(command) + "\n")
        self._client.stdin.flush()
        answer = self._client.stdout.readline()
        if not answer:
            raise RuntimeError(f"The client of {self.name} ended")
        return json.loads(answer)
