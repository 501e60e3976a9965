"""The contestants, each with its worker as its documentation recommends it: one process, 50 jobs at once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness import ROOT, Servers
from benchmarks.queue.contestant import Entry
from benchmarks.queue.engines import Engine, start_postgresql, start_redis

CONCURRENCY = 50
LEASE_SECONDS = 30
_OURS = Path(sys.executable).parent
_PEERS = ROOT / ".venv-peers" / "bin"
_APPS = "benchmarks.queue.apps"


def _mongodb(servers: Servers) -> Engine:
    runner = {"RUNNER_CONCURRENCY": str(CONCURRENCY), "PROVIDER_CONCURRENCY": str(CONCURRENCY)}
    runner |= {"RUNNER_LEASE_SECONDS": str(LEASE_SECONDS)}
    runner |= {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "OPENAI_API_KEY": "none"}
    return Engine("MongoDB", servers.mongod_pid, runner)


def peer_versions() -> str:
    """Return which releases of the peers are measured."""
    names = ", ".join(f"'{entry.name}'" for entry in CONTESTANTS[1:])
    code = f"from importlib.metadata import version\nprint(*(f'{{n}} {{version(n)}}' for n in ({names})), sep=', ')"
    return subprocess.run([_PEERS / "python", "-c", code], check=True, capture_output=True, text=True).stdout.strip()


CONTESTANTS: Sequence[Entry] = (
    Entry("ours", "studio_app", _mongodb, _OURS, ("python", "-m", f"{_APPS}.studio_app"), "30 s + 1 s"),
    Entry(
        "procrastinate",
        "procrastinate_app",
        start_postgresql,
        _PEERS,
        (
            *("procrastinate", f"--app={_APPS}.procrastinate_app.app", "--log-level=warning"),
            *("worker", f"--concurrency={CONCURRENCY}"),
        ),
        "30 s + 10 min",
    ),
    Entry(
        "celery",
        "celery_app",
        start_redis,
        _PEERS,
        ("celery", f"--app={_APPS}.celery_app", "worker", "--pool=threads", f"--concurrency={CONCURRENCY}"),
        "1 h",
    ),
    Entry(
        "dramatiq",
        "dramatiq_app",
        start_redis,
        _PEERS,
        ("dramatiq", f"{_APPS}.dramatiq_app", "--processes=1", f"--threads={CONCURRENCY}"),
        "1 min + chance",
    ),
    Entry(
        "arq",
        "arq_app",
        start_redis,
        _PEERS,
        ("arq", f"{_APPS}.arq_app.WorkerSettings", f"--custom-log-dict={_APPS}.arq_app.LOGGING"),
        "5 min + 10 s",
    ),
)
