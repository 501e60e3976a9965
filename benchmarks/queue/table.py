"""The table of the contestants side by side, and the expectations of the studio's queue."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.harness import Figure
from benchmarks.queue.contestants import LEASE_SECONDS
from benchmarks.queue.measuring import PATIENCE_SECONDS, WAITS, Result

IDEAL_SECONDS = 4.0
OURS, PEER = "ours", "procrastinate"


@dataclass(frozen=True)
class Row:
    """One line of the table, and how a result fills it."""

    name: str
    digits: int
    value: Callable[[Result], float]


def p50(result: Result) -> float:
    """Return the median start latency in milliseconds."""
    return statistics.median(result.latencies) * 1000


def p95(result: Result) -> float:
    """Return the 95th percentile of the start latency in milliseconds."""
    return sorted(result.latencies)[int(len(result.latencies) * 0.95)] * 1000


ROWS: Sequence[Row] = (
    Row("start latency when idle, p50, ms", 2, p50),
    Row("start latency when idle, p95, ms", 2, p95),
    Row("empty jobs a second", 0, lambda result: result.jobs_per_second),
    Row(f"{WAITS} jobs of 1 s (ideal {IDEAL_SECONDS:.2f}), s", 2, lambda result: result.waits_seconds),
    Row("CPU an empty job, worker, ms", 2, lambda result: result.worker_cpu * 1000),
    Row("CPU an empty job, engine, ms", 2, lambda result: result.engine_cpu * 1000),
    Row("worker's memory, idle, MiB", 0, lambda result: result.idle_mib),
    Row("worker's memory, 50 jobs at work, MiB", 0, lambda result: result.busy_mib),
)


def side_by_side(results: Mapping[str, Result], engines: Mapping[str, str]) -> Iterator[str]:
    """Yield the measured results, a column each."""
    yield _line("", list(results))
    yield _line("on", [engines[name] for name in results])
    for row in ROWS:
        yield _line(row.name, [f"{row.value(result):,.{row.digits}f}" for result in results.values()])


def interruptions(back_after: Mapping[str, float | None], at_the_latest: Sequence[str]) -> Iterator[str]:
    """Yield when the jobs interrupted by a kill -9 of their worker ran again."""
    yield _line("", list(back_after))
    yield _line("by its settings, at the latest", at_the_latest)
    yield _line("until all of them ran again, s", [_back(seconds) for seconds in back_after.values()])


def expectations(results: Mapping[str, Result], bound: float) -> Iterator[Figure]:
    """Yield the studio's figures against the ideal, the database's bound in milliseconds, and the PostgreSQL peer."""
    ours = results[OURS]
    latest = IDEAL_SECONDS * 1.02
    waits = ours.waits_seconds
    yield Figure(f"{WAITS} jobs of 1 s", waits, unit="s", expected=f"<= {latest:.2f} s", holds=waits <= latest)
    latency = p50(ours)
    limit = 1.5 * bound
    yield Figure("start latency, beside bare MongoDB", latency, expected=f"<= {limit:.1f} ms", holds=latency <= limit)
    if PEER not in results:
        return
    peer = results[PEER]
    limit = p50(peer)
    yield Figure(f"start latency, beside {PEER}", latency, expected=f"<= {limit:.1f} ms", holds=latency <= limit)
    rate, least = ours.jobs_per_second, 2 * peer.jobs_per_second
    yield Figure("empty jobs a second", rate, unit="jobs/s", expected=f">= {least:,.0f} jobs/s", holds=rate >= least)


def interruption_expected(back_after: float | None) -> Figure:
    """Return the studio's figure for a kill -9: within the lease and two seconds."""
    limit = LEASE_SECONDS + 2
    seconds = PATIENCE_SECONDS if back_after is None else back_after
    return Figure("kill -9 to running again", seconds, unit="s", expected=f"<= {limit:.0f} s", holds=seconds <= limit)


def _line(name: str, cells: Sequence[str]) -> str:
    return f"  {name:<38}" + "".join(f"{cell:>16}" for cell in cells)


def _back(seconds: float | None) -> str:
    return f"not in {PATIENCE_SECONDS:.0f} s" if seconds is None else f"{seconds:.1f}"
