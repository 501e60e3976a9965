"""A child process and its log file."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

LOG_MAX_BYTES = 10_000_000
"""The size in bytes above which a log is moved aside; the log that was moved before is dropped."""

_PR_SET_PDEATHSIG = 1
"""From <linux/prctl.h>: the signal that a process gets when the thread that made it ends."""


class Log:
    """The file for a child's output. A failure of the file stops nothing else."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read = 0

    def begin(self) -> None:
        """Make room for an empty file; the previous one is kept as `.1`."""
        if self.path.exists():
            self.path.replace(self._previous)
        self._read = 0

    def writer(self) -> BinaryIO:
        """Return the file, made if it does not exist, for a child to append to."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return self.path.open("ab")

    def new_lines(self) -> list[str]:
        """Return the complete lines that were written since the last call."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._read)
                complete, end, _ = file.read().rpartition(b"\n")
        except OSError:
            return []
        self._read += len(complete) + len(end)
        return complete.decode(errors="replace").splitlines()

    def last_lines(self, count: int) -> list[str]:
        """Return the last lines of the file that are not blank, or none if it cannot be read."""
        try:
            lines = self.path.read_text(errors="replace").splitlines()
        except OSError:
            return []
        return [line for line in lines if line.strip()][-count:]

    def bound(self) -> None:
        """Empty the file once it is too large. Its writers append, so they continue at the new beginning."""
        with contextlib.suppress(OSError):
            if self.path.stat().st_size > LOG_MAX_BYTES:
                shutil.copyfile(self.path, self._previous)
                os.truncate(self.path, 0)
                self._read = 0

    @property
    def _previous(self) -> Path:
        return self.path.with_name(f"{self.path.name}.1")


class Process:
    """A child process that dies with its parent, in its own session, so that a terminal's Ctrl-C does not reach it."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        env: Mapping[str, str],
        log: Log,
        *,
        cwd: Path | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.name = name
        self.log = log
        self.started_at = 0.0
        self._command = command
        self._env = env
        self._cwd = cwd
        self._stop_signal = stop_signal
        self._popen: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the child, on the main thread only: Linux ends a child with the thread that made it."""
        with self.log.writer() as output:
            self._popen = subprocess.Popen(
                self._command,
                env=self._env,
                cwd=self._cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent(),  # noqa: PLW1509 - it takes no lock that another thread could hold
            )
        self.started_at = time.monotonic()

    @property
    def was_started(self) -> bool:
        """Return whether it was started at least once."""
        return self._popen is not None

    @property
    def is_running(self) -> bool:
        """Return whether it was started and has not ended."""
        return self._popen is not None and self._popen.poll() is None

    @property
    def pid(self) -> int:
        """Return the process id. Raises RuntimeError before the first start."""
        if self._popen is None:
            raise RuntimeError(f"{self.name} was not started")
        return self._popen.pid

    @property
    def ending(self) -> str:
        """Return how the child ended, in words."""
        code = self._popen.returncode if self._popen else None
        if code is not None and code < 0:
            return f"was ended by {signal.Signals(-code).name}"
        return f"ended with exit code {code}"

    def terminate(self) -> None:
        """Ask the child to end."""
        if self._popen is not None and self.is_running:
            self._popen.send_signal(self._stop_signal)

    def kill(self) -> None:
        """End the child at once, with everything that it has started."""
        if self._popen is not None and self.is_running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._popen.pid, signal.SIGKILL)
            self._popen.wait()


def _die_with_parent() -> Callable[[], None] | None:
    """Return what a child runs before its program, or None if the platform has no way to die with the parent.

    The child gets SIGKILL, so that a start right after finds ports and files free.
    """
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    parent = os.getpid()

    def ask_kernel() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # the parent died before the request
            os._exit(1)

    return ask_kernel
