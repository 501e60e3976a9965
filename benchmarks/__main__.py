"""`python -m benchmarks [NAME ...]`: measure, and print a table."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks import approving, changing, gate, providers, reading, running, viewing
from benchmarks.harness import line, print_machine, servers

BENCHMARKS = {
    "approving": approving,
    "changing": changing,
    "gate": gate,
    "providers": providers,
    "reading": reading,
    "running": running,
    "viewing": viewing,
}


def main() -> int:
    """Run the named benchmarks, or all, and return 0 if every expectation holds."""
    names = sys.argv[1:] or list(BENCHMARKS)
    if unknown := set(names) - set(BENCHMARKS):
        print(f"There is no benchmark {min(unknown)}; there are {', '.join(BENCHMARKS)}.")
        return 2
    print_machine("streamlit", "fastapi", "pymongo", "openai")
    fell_short = False
    for name in names:
        print(f"\n{name}", flush=True)
        with tempfile.TemporaryDirectory() as folder, servers(Path(folder)) as started:
            for found in BENCHMARKS[name].measure(started):
                print(line(found), flush=True)
                fell_short |= found.holds is False
    return 1 if fell_short else 0


if __name__ == "__main__":
    sys.exit(main())
