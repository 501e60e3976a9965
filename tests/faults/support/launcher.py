"""Runs the studio's own entry points in processes that can be harmed.

A process is forked from a server that has imported everything, so that starting one takes milliseconds.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

import time_machine

from imagegeneration.configuration import endpoints_of
from imagegeneration.providers import asynchronous
from imagegeneration.runner import __main__ as runner_main
from imagegeneration.runner import schedule, spool_delivery
from imagegeneration.settings import Settings
from tests.faults.support.points import Fault, arm
from tests.integration.providers.support import loopback_fetcher
from tests.support import wait_until

_PR_SET_PDEATHSIG = 1
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["pytest", __name__, "tests.faults.support.approving"])

CLOCK = "clock-ahead"
"""The file that says by how many seconds a clock is to be ahead."""

Work = Callable[[Settings], None]
"""What a process does; a function of a module."""


class Launched:
    """A process of the studio; `folder` has its log and the files by which it says how far it is."""

    def __init__(self, target: Work, settings: Settings, folder: Path, fault: str) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.faults = [Fault.parse(text) for text in fault.split()]
        self._process = _FORKS.Process(
            target=_in_child, args=(target, settings, folder, self.faults, os.getpid()), daemon=True
        )
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.is_alive()

    @property
    def log(self) -> str:
        path = self.folder / "log"
        return path.read_text() if path.exists() else ""

    def await_log(self, text: str) -> None:
        wait_until(lambda: text in self.log, f"the log says {text!r}")

    def await_reached(self, seconds: float = 20) -> None:
        """Return once the process has reached all its faults."""
        for fault in self.faults:
            wait_until(fault.reached_file(self.folder).exists, f"{fault} is reached", seconds=seconds)

    def await_stopped(self) -> None:
        """Return once a SIGSTOP holds every thread of the process."""
        wait_until(lambda: self._thread_states() == {"T"}, "the process is stopped")

    def _thread_states(self) -> set[str]:
        stats = [path.read_text() for path in Path(f"/proc/{self.pid}/task").glob("*/stat")]
        return {stat.rpartition(")")[2].split()[0] for stat in stats}

    def release(self) -> None:
        """Let paused threads go on."""
        for fault in self.faults:
            fault.released_file(self.folder).touch()

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def end(self, seconds: float = 30) -> int:
        """The exit code, once it has ended by itself; negative for a signal."""
        self._process.join(seconds)
        code = self._process.exitcode
        assert code is not None, f"the process did not end within {seconds} s"
        return code

    def kill(self) -> None:
        if self.is_running:
            self._process.kill()
        self._process.join()

    def stop(self) -> int:
        """The exit code of an orderly end."""
        self.send(signal.SIGTERM)
        return self.end()


def run_runner(settings: Settings) -> None:
    """The runner as `python -m imagegeneration.runner` runs it, with shorter pauses between its rounds."""
    spool_delivery.SETTLED_SECONDS = 0.3
    spool_delivery.LONGEST_PAUSE_SECONDS = 0.5
    schedule.DELIVERY_SECONDS = 0.3
    with mock.patch.object(runner_main, "load_settings", return_value=settings):
        sys.exit(runner_main.main())


def run_runner_with_stubs(settings: Settings) -> None:
    """A runner that may also fetch images from the stubs of providers, which are on loopback."""
    ports = [urlsplit(endpoint.url).port or 443 for endpoint in endpoints_of(settings).values()]
    with mock.patch.object(asynchronous, "Fetcher", return_value=loopback_fetcher(*ports)):
        run_runner(settings)


def run_runner_an_hour_ahead(settings: Settings) -> None:
    """A runner on a machine whose clock is an hour ahead."""
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=1)):
        run_runner(settings)


def run_runner_an_hour_behind(settings: Settings) -> None:
    """A runner on a machine whose clock is an hour behind."""
    with time_machine.travel(datetime.now(UTC) - timedelta(hours=1)):
        run_runner(settings)


def run_runner_with_a_clock_to_set(settings: Settings) -> None:
    """A runner on a machine whose clock `set_clock` changes while it runs."""
    with time_machine.travel(datetime.now(UTC)) as clock:
        threading.Thread(target=_follow, args=(clock, settings.data_dir / CLOCK), daemon=True).start()
        run_runner(settings)


def set_clock(data_dir: Path, ahead: timedelta) -> None:
    """Set the clock of the machine with this data folder; return once it is set."""
    asked = data_dir / f"{CLOCK}.new"
    asked.write_text(str(ahead.total_seconds()))
    asked.rename(data_dir / CLOCK)
    wait_until(lambda: not (data_dir / CLOCK).exists(), "the clock is set")


def _follow(clock: Any, asked: Path) -> None:
    is_at = 0.0
    while True:
        if asked.exists():
            ahead = float(asked.read_text())
            clock.shift(ahead - is_at)
            is_at = ahead
            asked.unlink()
        time.sleep(0.01)


def _in_child(target: Work, settings: Settings, folder: Path, faults: Sequence[Fault], tester: int) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    arm(faults, folder)
    target(settings)
