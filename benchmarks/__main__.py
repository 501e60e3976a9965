"""`python -m benchmarks [NAME ...]`: measure, and print a table."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from benchmarks import approving, reading, running, viewing
from benchmarks.harness import SEED, Figure, servers

BENCHMARKS = {"approving": approving, "reading": reading, "running": running, "viewing": viewing}


def main() -> int:
    """Run the named benchmarks, or all; 0 if every expectation holds."""
    names = sys.argv[1:] or list(BENCHMARKS)
    if unknown := set(names) - set(BENCHMARKS):
        print(f"There is no benchmark {min(unknown)}; there are {', '.join(BENCHMARKS)}.")
        return 2
    _print_machine()
    fell_short = False
    for name in names:
        print(f"\n{name}", flush=True)
        with tempfile.TemporaryDirectory() as folder, servers(Path(folder)) as started:
            for found in BENCHMARKS[name].measure(started):
                print(_line(found), flush=True)
                fell_short |= found.holds is False
    return 1 if fell_short else 0


def _print_machine() -> None:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    libraries = ", ".join(f"{name} {version(name)}" for name in ("streamlit", "fastapi", "pymongo", "openai"))
    machine = f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}"
    print(f"{machine}, Python {platform.python_version()}; {libraries}")
    print(f"seed {SEED}, load average at start {os.getloadavg()[0]:.2f}")


def _line(found: Figure) -> str:
    digits = 2 if found.unit == "cores" else 1 if found.unit == "ms" else 0
    median = f"{found.median:,.{digits}f} {found.unit}"
    p95 = "" if found.p95 is None else f"p95 {found.p95:,.1f} ms"
    verdict = {None: "", True: "ok", False: "FALLS SHORT"}[found.holds]
    return f"  {found.name:<62} {median:>16}  {p95:<14} {found.expected:<18} {verdict}".rstrip()


if __name__ == "__main__":
    sys.exit(main())
