"""The data folder, in which everything persists: used by one `make run` at a time, with the ports it must keep."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import random
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter

from imagegeneration.core.errors import ConfigurationError

PORTS = range(20_000, 30_000)
"""The ports of embedded parts: below the range that Linux uses for outgoing connections, to avoid collisions."""

OTHERS = 0o077
"""The permissions of all users but the owner. The umask keeps them off new files; they are removed from old ones."""

PATIENCE_SECONDS = 3.0
"""How long a port may still belong to an ending part of the run before, in seconds."""

_PORTS = TypeAdapter(dict[str, Annotated[int, Field(ge=1, le=65535)]])


def _random_text() -> str:
    return secrets.token_hex(32)


class DataDir:
    """DATA_DIR as the embedded parts use it, closed to other users of the machine.

    Raises ConfigurationError if it cannot be made, written or closed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self.path.stat().st_mode & OTHERS:
                self._close_to_others()
        except OSError as error:
            raise ConfigurationError(f"DATA_DIR is wrong: {self.path}: {error.strerror}.") from None

    def _close_to_others(self) -> None:
        """Remove the permissions of group and others from a folder of an earlier version, and from all in it."""
        if any(self.path.iterdir()) and not self._lock_file.exists():
            raise ConfigurationError(
                f"DATA_DIR is wrong: {self.path} is open to other users and holds other things. "
                f"Name a new folder, or close it: chmod 700 {self.path}"
            )
        for path in (*self.path.rglob("*"), self.path):  # the folder last: an interrupted run is repeated
            if not path.is_symlink():
                path.chmod(path.stat().st_mode & 0o7777 & ~OTHERS)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Lock out every other `make run`. The kernel releases the lock when this process ends, however it ends."""
        try:
            file = self._lock_file.open("a+", encoding="utf-8")
        except OSError as error:
            raise ConfigurationError(f"DATA_DIR is wrong: {self.path}: {error.strerror}.") from None
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                raise ConfigurationError(
                    f"{self.path} is in use by another `make run`, process {file.read().strip() or '?'}. "
                    "Stop it, or choose another folder with DATA_DIR."
                ) from None
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
            yield

    def secret(self, name: str) -> str:
        """Return the secret called `name`: 64 hexadecimal digits, made once at random, then kept."""
        return self.secret_file(name).read_text()

    def secret_file(self, name: str, make: Callable[[], str] = _random_text) -> Path:
        """Return the file of the secret called `name`, which only its owner can read; `make` gives its first text."""
        path = self.path / name
        if not path.exists():
            draft = path.with_suffix(".new")
            with open(draft, "w", opener=_only_for_its_owner) as file:
                file.write(make())
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        return path

    def port(self, part: str) -> int:
        """Return the port of an embedded part, chosen once and then kept: a replica set and CDN URLs name it.

        Raises ConfigurationError if another program has taken it.
        """
        remembered = self._ports()
        if part in remembered:
            port = remembered[part]
            if not _comes_free(port):
                raise ConfigurationError(
                    f"Port {port}, which the embedded {part} of {self.path} must keep, is in use. "
                    "Stop the program that has it."
                )
            return port
        port = next(port for port in random.sample(PORTS, len(PORTS)) if port_is_free("127.0.0.1", port))
        self._remember({**remembered, part: port})
        return port

    def _ports(self) -> dict[str, int]:
        try:
            return _PORTS.validate_json(self._ports_file.read_bytes())
        except FileNotFoundError:
            return {}
        except ValueError:
            raise ConfigurationError(f"{self._ports_file} is damaged; restore it, or empty {self.path}.") from None

    def _remember(self, ports: dict[str, int]) -> None:
        draft = self._ports_file.with_suffix(".new")
        with draft.open("w") as file:
            json.dump(ports, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._ports_file)

    @property
    def _lock_file(self) -> Path:
        return self.path / "lock"

    @property
    def _ports_file(self) -> Path:
        return self.path / "ports.json"


def port_is_free(host: str, port: int) -> bool:
    """Return whether a server could listen there. Raises OSError if `host` is no address of this machine."""
    family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # Like a server: only a listener is in the way, not old connections that linger.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            probe.listen()
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
    return True


def _only_for_its_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _comes_free(port: int) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not port_is_free("127.0.0.1", port):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
