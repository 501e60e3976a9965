"""`python -m benchmarks.queue [PART ...]`: measure the queue beside its peers, and print a table."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.harness import Figure, Servers, figure, line, print_machine, servers
from benchmarks.queue import claiming, holding, table
from benchmarks.queue.contestant import Contestant, Entry
from benchmarks.queue.contestants import CONCURRENCY, CONTESTANTS, peer_versions
from benchmarks.queue.engines import versions
from benchmarks.queue.measuring import Result, interrupt, measure
from benchmarks.running import bare_claims

KILL = "kill"
ALONE: Mapping[str, Callable[[Servers], Iterator[Figure]]] = {
    "claims": claiming.measure,
    "approvals": holding.measure_approvals,
    "memory": holding.measure_memory,
}
PARTS = (*(entry.name for entry in CONTESTANTS), KILL, *ALONE)
QUIET = 0.5
"""The load average above which other processes are busy on the machine."""


def main() -> int:
    """Run the named parts, or all, and return 0 if every expectation holds."""
    parts = sys.argv[1:] or PARTS
    if unknown := set(parts) - set(PARTS):
        print(f"There is no part {min(unknown)}; there are {', '.join(PARTS)}.")
        return 2
    entries = [entry for entry in CONTESTANTS if entry.name in parts]
    try:
        _print_conditions(with_peers=any(entry.name != table.OURS for entry in entries))
    except (RuntimeError, OSError) as error:
        print(f"Something is missing for the peers, which `make bench-queue` installs: {error}")
        return 2
    figures: list[Figure] = []
    if entries:
        with _servers() as started:
            figures += _side_by_side(entries, started, kill=KILL in parts)
    for name in (name for name in ALONE if name in parts):
        print(f"\n{name}", flush=True)
        with _servers(claiming.MEMORY_DISK if name == "claims" else None) as started:
            figures += _printed(ALONE[name](started))
    return 1 if any(figure.holds is False for figure in figures) else 0


def _print_conditions(*, with_peers: bool) -> None:
    print_machine("pymongo")
    if with_peers:
        print(f"{versions()}; {peer_versions()}")
        print("Durable: PostgreSQL fsync on, synchronous_commit on; Redis appendonly yes, appendfsync always;")
    print("MongoDB: what is queued and what is finished w majority, j true; claims w 1, which take effect only through")
    print(f"a majority write under their fence. One worker process each, {CONCURRENCY} jobs at once.")
    if os.getloadavg()[0] > QUIET:
        print("Others are at work on this machine: the figures are worse than they need be.")


@contextlib.contextmanager
def _servers(memory_disk: Path | None = None) -> Iterator[Servers]:
    where = memory_disk if memory_disk and memory_disk.is_dir() else None
    with tempfile.TemporaryDirectory(dir=where) as folder, servers(Path(folder)) as started:
        yield started


def _side_by_side(entries: Sequence[Entry], started: Servers, *, kill: bool) -> list[Figure]:
    contestants = {entry.name: Contestant(entry, started) for entry in entries}
    results: dict[str, Result] = {}
    for name, contestant in contestants.items():
        print(f"\n{name} ...", end="", flush=True)
        results[name] = measure(contestant)
    print("\n\nside by side")
    for text in table.side_by_side(results, {name: found.engine.name for name, found in contestants.items()}):
        print(text)
    figures = []
    if table.OURS in results:
        bound = figure("bound: bare insert to change event, and one claim", bare_claims(started))
        figures += _printed([bound, *table.expectations(results, bound.median)])
    return figures + (_interruptions(contestants) if kill else [])


def _interruptions(contestants: Mapping[str, Contestant]) -> list[Figure]:
    """Return the figures of a kill -9; all contestants wait for their jobs at the same time, because none works."""
    print("\nkill -9", flush=True)
    interrupted = {name: interrupt(contestant) for name, contestant in contestants.items()}
    back_after = {name: jobs.back_after() for name, jobs in interrupted.items()}
    for text in table.interruptions(back_after, [found.recovery for found in contestants.values()]):
        print(text)
    return _printed([table.interruption_expected(back_after[table.OURS])] if table.OURS in back_after else [])


def _printed(figures: Iterable[Figure]) -> list[Figure]:
    """Return the figures, and print each as it comes."""
    printed = []
    for found in figures:
        print(line(found), flush=True)
        printed.append(found)
    return printed


if __name__ == "__main__":
    sys.exit(main())
