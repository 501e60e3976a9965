"""The real servers of a benchmark, and how a figure is printed."""

from __future__ import annotations

import contextlib
import os
import platform
import secrets
import socket
import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx
from pymongo import MongoClient
from pymongo.database import Database

from imagegeneration.bootstrap import Studio, build_studio
from imagegeneration.local.bucket import bucket_part
from imagegeneration.local.datadir import DataDir
from imagegeneration.local.mongod import mongod_part
from imagegeneration.local.process import Log, Process
from imagegeneration.settings import load_settings

ROOT = Path(__file__).parents[1]
SEED = 20261121


@dataclass(frozen=True)
class Figure:
    """One line of the table; times are in milliseconds unless `unit` says otherwise."""

    name: str
    median: float
    p95: float | None = None
    unit: str = "ms"
    expected: str = ""
    holds: bool | None = None


def figure(
    name: str, seconds: Sequence[float], *, p95_below: float | None = None, median_below: float | None = None
) -> Figure:
    """Return the figure of measured times, with bounds in milliseconds."""
    times = sorted(second * 1000 for second in seconds)
    median, p95 = statistics.median(times), times[min(len(times) - 1, int(len(times) * 0.95))]
    if p95_below is not None:
        return Figure(name, median, p95, "ms", f"p95 < {p95_below:g} ms", p95 < p95_below)
    if median_below is not None:
        return Figure(name, median, p95, "ms", f"median < {median_below:g} ms", median < median_below)
    return Figure(name, median, p95)


def line(found: Figure) -> str:
    """Return a figure as a line of the table."""
    digits = {"ms": 1, "s": 2, "cores": 2, "MB": 1}.get(found.unit, 0)
    median = f"{found.median:,.{digits}f} {found.unit}"
    p95 = "" if found.p95 is None else f"p95 {found.p95:,.1f} ms"
    verdict = {None: "", True: "ok", False: "FALLS SHORT"}[found.holds]
    return f"  {found.name:<62} {median:>16}  {p95:<14} {found.expected:<18} {verdict}".rstrip()


def print_machine(*libraries: str) -> None:
    """Print the machine, and whether other processes are busy on it."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    machine = f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}"
    versions = ", ".join(f"{name} {version(name)}" for name in libraries)
    print(f"{machine}, Python {platform.python_version()}; {versions}")
    print(f"seed {SEED}, load average at start {os.getloadavg()[0]:.2f}")


@dataclass
class Servers:
    """A database and a bucket, with everything else that a benchmark starts, all on loopback and in one folder."""

    data: DataDir
    environment: dict[str, str]
    stack: contextlib.ExitStack
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(10_000)))
    mongod_pid: int = 0

    @property
    def database(self) -> Database[dict[str, Any]]:
        """Return the studio's database, with the studio's own write concern."""
        client = self.stack.enter_context(
            MongoClient[dict[str, Any]](self.environment["MONGODB_URI"], w="majority", journal=True, tz_aware=True)
        )
        return client[self.environment["MONGODB_DATABASE"]]

    def studio(self, **environment: str) -> Studio:
        """Return the studio in this process."""
        variables = {name: value for name, value in (self.environment | environment).items() if value}
        studio = build_studio(load_settings(_env_file=None, **_lowered(variables)))
        self.stack.callback(studio.close)
        return studio

    def start(self, name: str, command: Sequence[str], ready: str | None, **environment: str) -> int:
        """Start a process that ends with the benchmark, and return its pid once the URL `ready` answers."""
        log = Log(self.data.path / f"{name}.log")
        log.begin()
        process = Process(name, command, self.environment | environment, log)
        process.start()
        self.stack.callback(process.kill)
        deadline = time.monotonic() + 60
        while ready is not None and not _answers(ready):
            if time.monotonic() > deadline or not process.is_running:
                raise RuntimeError(f"{name} did not start:\n" + "\n".join(log.last_lines(20)))
            time.sleep(0.05)
        return process.pid

    def port(self) -> int:
        """Return a free port."""
        return self.data.port(f"bench-{next(self.numbers)}")

    def wait_for(self, port: int) -> None:
        """Wait until a server listens on the port."""
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                return
            time.sleep(0.05)

    def dashboard(self, **environment: str) -> tuple[str, int]:
        """Start the dashboard with the API as production does, and return its base URL and its pid."""
        port = self.port()
        command = [sys.executable, "-m", "uvicorn", "app:app", "--app-dir", str(ROOT), "--log-level", "warning"]
        command += ["--http", "imagegeneration.api.protocol:TimedProtocol"]
        url = f"http://127.0.0.1:{port}"
        pid = self.start(
            f"dashboard-{port}",
            [*command, "--host", "127.0.0.1", "--port", str(port)],
            f"{url}/image/health/ready",
            **environment,
        )
        return url, pid

    def runner(self, **environment: str) -> int:
        """Start a runner, and return its pid once it has signed on."""
        before = self.database.runners.count_documents({})
        pid = self.start("runner", [sys.executable, "-m", "imagegeneration.runner"], None, **environment)
        while self.database.runners.count_documents({}) == before:
            time.sleep(0.05)
        return pid

    def stub(self, megabytes: float, seconds: float = 0.0) -> str:
        """Start the provider that answers after `seconds`, and return its base URL."""
        port = self.port()
        url = f"http://127.0.0.1:{port}"
        options = [str(port), str(megabytes), str(seconds)]
        self.start(f"stub-{port}", [sys.executable, "-m", "benchmarks.stub", *options], url)
        return url

    def sandbox(self) -> str:
        """Start the sandbox without its delays, and return its base URL."""
        port = self.port()
        log = self.data.path / f"calls-{port}.jsonl"
        options = ["--port", str(port), "--log", str(log), "--delay", "0", "--text-delay", "0"]
        url = f"http://127.0.0.1:{port}"
        self.start(
            f"sandbox-{port}", [sys.executable, "-m", "imagegeneration.local.sandbox", *options], f"{url}/sandbox/calls"
        )
        return url


@contextlib.contextmanager
def servers(folder: Path) -> Iterator[Servers]:
    """Yield a fresh database and bucket in `folder`, and end them with everything started on top of them."""
    data = DataDir(folder)
    mongod = mongod_part(folder / "mongodb", data.port("mongod"))
    bucket = bucket_part(data, "images")
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "R2_", "MONGODB_"))
    }
    environment |= {**mongod.provides, **bucket.provides, "MONGODB_DATABASE": "bench", "DATA_DIR": str(folder)}
    environment |= {"QUEUE_LIMIT": "10000000", "DAILY_BUDGET_USD": "1000000", "DAILY_BUDGET_PER_USER_USD": "1000000"}
    environment |= {"PYTHONPATH": str(ROOT), "SANDBOX_URL": "", "APPROVAL_KEYS": secrets.token_hex(32)}
    with contextlib.ExitStack() as stack:
        started = Servers(data, environment, stack)
        for part in (mongod, bucket):
            process = part.process(environment, Log(folder / f"{part.name}.log"))
            process.start()
            stack.callback(process.kill)
            started.mongod_pid = process.pid if part is mongod else started.mongod_pid
            while not part.listens:
                time.sleep(0.02)
            part.prepare(load_settings(_env_file=None, **_lowered(mongod.provides), **_lowered(bucket.provides)))
        yield started


def request_body(number: int, images: int = 1) -> dict[str, Any]:
    """Return an approved request, a little different for each number."""
    prompt = f"A calm homepage category card for a SaaS product, number {number}, soft light, generous spacing"
    return {
        "intent": "homepage category card",
        "rawPrompt": "simple saas ui",
        "finalPrompt": prompt,
        "imageCount": images,
    }


def _lowered(variables: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in variables.items()}


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code == 200
    except httpx.TransportError:
        return False
