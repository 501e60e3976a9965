"""The supervisor of the studio on one machine: starts its processes in order, restarts them, stops them in order."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FrameType

from imagegeneration.core.errors import ConfigurationError, StudioError
from imagegeneration.local.process import Process

TICK_SECONDS = 0.1
START_SECONDS = 60.0
"""How long one process may take until it can be used, in seconds."""

SAME_SIGNAL_SECONDS = 0.5
"""Signals this close together, in seconds, count as one: make forwards what the process group already received."""

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 15.0
"""The longest pause between the death of a process and its next start, in seconds.

The pause doubles each time, until the process has run for a minute.
"""
STEADY_SECONDS = 60.0

LINES_A_TICK = 20
LINES_OF_A_DEATH = 6
LINE_MAX = 240
_WORTH_SHOWING = re.compile(r"\b(warning|error|critical)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Step:
    """A process and what the supervisor knows about it.

    `missing` says in words why it cannot be used yet, or returns None once it can; then `prepare` runs. `stop_seconds`
    is how long it may take to end. `shown` makes its warnings appear in the terminal.
    """

    process: Process
    missing: Callable[[], str | None]
    stop_seconds: float
    prepare: Callable[[], None] | None = None
    shown: bool = False


class StartFailed(Exception):
    """The failure of a process to start; the message says which and why, with the last lines of its log."""


class _StopRequested(Exception):
    """The signal to stop while a process is still starting."""


class Supervisor:
    """The supervisor of `steps`, started in order and stopped in reverse.

    `say` prints a line, and `on_ready` is called once all are up.
    """

    def __init__(self, steps: Sequence[Step], say: Callable[[str], None], on_ready: Callable[[], None]) -> None:
        self._steps = steps
        self._say = say
        self._on_ready = on_ready
        self._signals: list[float] = []
        self._restarts = {step.process.name: _Restart() for step in steps}

    def run(self) -> int:
        """Run until a SIGINT, SIGTERM or SIGHUP; a second one ends everything at once.

        Return the exit code: 0 after a stop in order, 1 if a process did not start or had to be killed.
        """
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        code = 0
        try:
            self._start()
            self._on_ready()
            while not self._signals:
                self._keep_running()
                time.sleep(TICK_SECONDS)
        except _StopRequested:
            pass
        except StartFailed as error:
            self._say(str(error))
            code = 1
        finally:
            in_order = self._stop()
        return code if in_order else 1

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if not self._signals or now - self._signals[-1] > SAME_SIGNAL_SECONDS:
            self._signals.append(now)

    def _start(self) -> None:
        """Start each process once those before it can be used: each step finds what it needs."""
        for step in self._steps:
            self._say(f"Starting {step.process.name} ...")
            step.process.log.begin()
            step.process.start()
            self._wait_until_up(step)
            try:
                if step.prepare is not None:
                    step.prepare()
            except (ConfigurationError, StudioError) as error:
                raise StartFailed(f"{_title(step)} cannot be used: {error}") from None

    def _wait_until_up(self, step: Step) -> None:
        deadline = time.monotonic() + START_SECONDS
        while (missing := step.missing()) is not None:
            if self._signals:
                raise _StopRequested
            self._show_warnings()
            for started in self._steps:
                if started.process.was_started and not started.process.is_running:
                    raise StartFailed(
                        f"{_title(started)} {started.process.ending} while starting.{_last_lines(started)}"
                    )
            if time.monotonic() > deadline:
                raise StartFailed(f"{_title(step)} {missing} after {START_SECONDS:.0f} s.{_last_lines(step)}")
            time.sleep(TICK_SECONDS)

    def _keep_running(self) -> None:
        self._show_warnings()
        for step in self._steps:
            process, restart = step.process, self._restarts[step.process.name]
            if process.is_running:
                continue
            if restart.at is None:
                pause = restart.plan(process.started_at)
                self._say(f"{_title(step)} {process.ending}; starting it again in {pause:g} s.{_last_lines(step)}")
            elif time.monotonic() >= restart.at:
                restart.at = None
                process.start()

    def _show_warnings(self) -> None:
        for step in self._steps:
            if step.shown and step.process.was_started:
                lines = [line for line in step.process.log.new_lines() if _WORTH_SHOWING.search(line)]
                for line in lines[:LINES_A_TICK]:
                    self._say(f"[{step.process.name}] {line}")
            if step.process.was_started:
                step.process.log.bound()

    def _stop(self) -> bool:
        """Stop everything in reverse order, and return whether all ended by themselves."""
        in_order = True
        for step in reversed(self._steps):
            if step.process.is_running:
                self._say(f"Stopping {step.process.name} ...")
                step.process.terminate()
                in_order = self._wait_until_down(step) and in_order
            step.process.kill()
        return in_order

    def _wait_until_down(self, step: Step) -> bool:
        begun = time.monotonic()
        told = False
        while step.process.is_running:
            waited = time.monotonic() - begun
            if len(self._signals) > 1:
                return False
            if waited > step.stop_seconds:
                self._say(f"{_title(step)} does not end; it is killed.")
                return False
            if waited > 3 and not told:
                self._say(f"Waiting for {step.process.name}, up to {step.stop_seconds:.0f} s; Ctrl-C stops it at once.")
                told = True
            self._show_warnings()
            time.sleep(TICK_SECONDS)
        return True


@dataclass
class _Restart:
    """The next start of a process that died."""

    at: float | None = None
    deaths: int = 0

    def plan(self, started_at: float) -> float:
        """Set `at` and return how many seconds that is from now."""
        now = time.monotonic()
        if now - started_at > STEADY_SECONDS:
            self.deaths = 0
        pause = min(FIRST_PAUSE_SECONDS * 2.0 ** min(self.deaths, 10), LONGEST_PAUSE_SECONDS)
        self.deaths += 1
        self.at = now + pause
        return pause


def _title(step: Step) -> str:
    return f"The {step.process.name}"


def _last_lines(step: Step) -> str:
    log = step.process.log
    lines = log.last_lines(LINES_OF_A_DEATH)
    return "".join((f" The end of {log.path}:", *(f"\n    {line[:LINE_MAX]}" for line in lines))) if lines else ""
