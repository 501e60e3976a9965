"""What `make run` knows about an embedded part, whichever it is."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from imagegeneration.settings import Settings


@dataclass(frozen=True)
class Part:
    """A server on loopback that stands in for a configured one.

    `provides` are the variables by which the studio finds it. `prepare` makes it usable once it accepts
    connections; it is given the settings with everything that the parts provide, and raises ConfigurationError
    or StudioError. `warning` is a line for the terminal, if there is something to know.
    """

    name: str
    command: Sequence[str]
    port: int
    provides: Mapping[str, str]
    prepare: Callable[[Settings], None]
    warning: str | None = None

    @property
    def listens(self) -> bool:
        """Whether it accepts connections."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return True
        except OSError:
            return False
