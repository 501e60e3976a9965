"""One contestant: idle latency, a backlog of empty jobs, jobs of one second, and what a kill -9 costs."""

from __future__ import annotations

import os
import random
import signal
import time
from dataclasses import dataclass

from benchmarks.harness import SEED
from benchmarks.queue.contestant import Contestant
from benchmarks.queue.processes import cpu_seconds, resident_mib

SAMPLES = 60
BACKLOG = 2_000
WAITS = 200
INTERRUPTED = 10
PATIENCE_SECONDS = 60.0
"""How long a job whose worker was killed is waited for, in seconds."""

_LONG = 45.0


@dataclass(frozen=True)
class Result:
    """The measurements of one contestant; CPU time is per empty job."""

    latencies: list[float]
    jobs_per_second: float
    worker_cpu: float
    engine_cpu: float
    waits_seconds: float
    idle_mib: float
    busy_mib: float


@dataclass(frozen=True)
class Interrupted:
    """The jobs that ran when their worker was killed; another worker was started at once."""

    contestant: Contestant
    jobs: list[str]
    killed_at: float

    def back_after(self) -> float | None:
        """Return the seconds from the kill until all of them ran again, or None if one did not within the patience."""
        starts = self.contestant.journal.starts
        left = self.killed_at + PATIENCE_SECONDS - time.time()
        if not self.contestant.journal.wait_until(lambda: all(len(starts[job]) > 1 for job in self.jobs), left):
            return None
        return max(starts[job][1] for job in self.jobs) - self.killed_at


def measure(contestant: Contestant) -> Result:
    """Measure everything except the kill."""
    latencies, idle_mib = _idle(contestant)
    rate, worker_cpu, engine_cpu = _backlog(contestant)
    waits_seconds, busy_mib = _waits(contestant)
    return Result(latencies, rate, worker_cpu, engine_cpu, waits_seconds, idle_mib, busy_mib)


def interrupt(contestant: Contestant) -> Interrupted:
    """Kill a worker in the middle of its jobs, and start another."""
    pid = contestant.start_worker()
    _warm_up(contestant)
    jobs = list(contestant.enqueue(INTERRUPTED, 1.0))
    starts = contestant.journal.starts
    if not contestant.journal.wait_until(lambda: all(job in starts for job in jobs), _LONG):
        raise TimeoutError(f"{contestant.name}: {INTERRUPTED} jobs of 1 s were never all running")
    killed_at = time.time()
    os.killpg(pid, signal.SIGKILL)
    contestant.start_worker()
    return Interrupted(contestant, jobs, killed_at)


def _idle(contestant: Contestant) -> tuple[list[float], float]:
    """Return the seconds from each job's acknowledgement to its start, one at a time, and the worker's idle memory."""
    pauses = random.Random(SEED)
    latencies = []
    with contestant.worker() as pid:
        _warm_up(contestant)
        for _ in range(SAMPLES):
            time.sleep(pauses.uniform(0.0, 0.5))
            ((job, acknowledged),) = contestant.enqueue(1, 0).items()
            contestant.journal.wait_for_ends([job], _LONG)
            latencies.append(max(0.0, contestant.journal.starts[job][0] - acknowledged))
        return latencies, resident_mib(pid)


def _backlog(contestant: Contestant) -> tuple[float, float, float]:
    """Run empty jobs queued before the worker started; return jobs a second, and CPU seconds a job of both sides."""
    jobs = list(contestant.enqueue(BACKLOG, 0))
    starts = contestant.journal.starts
    with contestant.worker() as pid:
        contestant.journal.wait_until(lambda: any(job in starts for job in jobs), _LONG)
        worker, engine = cpu_seconds(pid), cpu_seconds(contestant.engine.pid)
        contestant.journal.wait_for_ends(jobs, _LONG)
        finished = contestant.finished()
        worker, engine = cpu_seconds(pid) - worker, cpu_seconds(contestant.engine.pid) - engine
    elapsed = finished - min(starts[job][0] for job in jobs)
    return BACKLOG / elapsed, worker / BACKLOG, engine / BACKLOG


def _waits(contestant: Contestant) -> tuple[float, float]:
    """Run jobs that wait a second; return the seconds until the engine has recorded the last, and memory half-way."""
    jobs = list(contestant.enqueue(WAITS, 1.0))
    starts = contestant.journal.starts
    with contestant.worker() as pid:
        contestant.journal.wait_until(lambda: sum(job in starts for job in jobs) > WAITS // 2, _LONG)
        busy_mib = resident_mib(pid)
        contestant.journal.wait_for_ends(jobs, _LONG)
        finished = contestant.finished()
    return finished - min(starts[job][0] for job in jobs), busy_mib


def _warm_up(contestant: Contestant) -> None:
    """Wait until the worker works."""
    contestant.journal.wait_for_ends(list(contestant.enqueue(5, 0)), _LONG)
