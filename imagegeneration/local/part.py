"""An embedded part of `make run`."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from imagegeneration.local.process import Log, Process
from imagegeneration.settings import Settings


@dataclass(frozen=True)
class Part:
    """A server on loopback that stands in for a configured one.

    `provides` are the variables by which the studio finds it. `prepare` makes it usable once it accepts connections. It
    gets the settings with everything that the parts provide, and raises ConfigurationError or StudioError. `warning` is
    a line for the terminal, if any. `env` goes to this part alone, beside what all processes get. `stop_signal` ends it
    in order.
    """

    name: str
    command: Sequence[str]
    port: int
    provides: Mapping[str, str]
    prepare: Callable[[Settings], None]
    warning: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None
    stop_signal: signal.Signals = signal.SIGTERM

    @property
    def listens(self) -> bool:
        """Return whether it accepts connections."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return True
        except OSError:
            return False

    def process(self, env: Mapping[str, str], log: Log) -> Process:
        """Return its process, not yet started, with `env` and the variables for this part alone."""
        return Process(self.name, self.command, {**env, **self.env}, log, cwd=self.cwd, stop_signal=self.stop_signal)
