"""PostgreSQL and Redis for the peers, as durable as the studio's database: what is acknowledged is on the disk."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness import Servers

DURABLE_POSTGRESQL = ("-c", "fsync=on", "-c", "synchronous_commit=on", "-c", "full_page_writes=on")
DURABLE_REDIS = ("--appendonly", "yes", "--appendfsync", "always")


@dataclass(frozen=True)
class Engine:
    """A running server, and the variables by which a contestant finds it."""

    name: str
    pid: int
    provides: dict[str, str]


def start_postgresql(servers: Servers) -> Engine:
    """Start a PostgreSQL cluster of its own in the benchmark's folder."""
    folder, port = servers.data.path / "postgresql", servers.port()
    as_user = _not_root(folder)
    initdb = [*as_user, str(_postgresql("initdb")), "--pgdata", str(folder), "--username=bench", "--auth=trust"]
    subprocess.run([*initdb, "--encoding=UTF8", "--locale=C"], check=True, stdout=subprocess.DEVNULL, cwd="/")
    listen = ("-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=")
    command = [str(_postgresql("postgres")), "-D", str(folder), "-p", str(port), *listen, *DURABLE_POSTGRESQL]
    pid = servers.start("postgresql", [*as_user, *command], None)
    stop = [*as_user, str(_postgresql("pg_ctl")), "stop", "-D", str(folder), "--mode=immediate", "--silent"]
    servers.stack.callback(subprocess.run, stop, check=False, cwd="/")
    _wait_for(port)
    uri = f"postgresql://bench@127.0.0.1:{port}/postgres"
    return Engine("PostgreSQL", pid, {"POSTGRESQL_URI": uri})


def start_redis(servers: Servers) -> Engine:
    """Start a Redis server with its folder in the benchmark's."""
    folder, port = servers.data.path / f"redis-{time.monotonic_ns()}", servers.port()
    folder.mkdir()
    options = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), "--save", "", *DURABLE_REDIS]
    pid = servers.start(folder.name, [_program("redis-server"), *options], None)
    _wait_for(port)
    return Engine("Redis", pid, {"REDIS_URI": f"redis://127.0.0.1:{port}/0"})


def versions() -> str:
    """Return which engines the peers run on."""
    postgresql = subprocess.run([_postgresql("postgres"), "--version"], check=True, capture_output=True, text=True)
    redis = subprocess.run([_program("redis-server"), "--version"], check=True, capture_output=True, text=True)
    return f"PostgreSQL {postgresql.stdout.split()[2]}, Redis {redis.stdout.split()[2].removeprefix('v=')}"


def _not_root(folder: Path) -> Sequence[str]:
    """Return the beginning of a command that runs as an unprivileged user, who owns `folder`.

    PostgreSQL refuses to be run by root. Any other user needs no such beginning.
    """
    folder.mkdir()
    if os.geteuid() != 0:
        return ()
    users = {user.pw_name: user for user in pwd.getpwall()}
    user = users.get("postgres", users["nobody"])
    shutil.chown(folder, user.pw_uid, user.pw_gid)
    folder.parent.chmod(0o711)
    ids = (f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups")
    return (_program("setpriv"), *ids, "--pdeathsig=KILL", "--")


def _postgresql(name: str) -> Path:
    """Return the path of a program of PostgreSQL: Debian keeps them off the PATH, in a folder for each version."""
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: float(path.parts[4]))
    return installed[-1] if installed else Path(_program(name))


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise RuntimeError(f"{name} is not installed; on Debian: apt-get install postgresql redis-server")
    return found


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"Nothing listens on port {port}")
