"""Database servers of a test's own, to be killed and stopped."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from pymongo import MongoClient
from pymongo.errors import AutoReconnect

from imagegeneration.local.datadir import DataDir
from imagegeneration.local.mongod import REPLICA_SET, mongod_part
from imagegeneration.local.part import Part
from imagegeneration.local.process import Log, Process
from tests.support import wait_until

OFTEN_JOURNALED = ("--journalCommitInterval", "1")
ELECTION_MS = 1_000


class Mongods:
    """A replica set with so many members."""

    def __init__(self, folder: Path, members: int) -> None:
        data = DataDir(folder)
        names = [f"mongod-{number}" for number in range(members)]
        self._parts = [mongod_part(folder / name, data.port(name)) for name in names]
        self._processes = [
            Process(name, [*part.command, *OFTEN_JOURNALED], os.environ, Log(folder / f"{name}.log"))
            for name, part in zip(names, self._parts, strict=True)
        ]

    @property
    def uri(self) -> str:
        return f"mongodb://{','.join(_addresses(self._parts))}/?replicaSet={REPLICA_SET}"

    def __enter__(self) -> Self:
        for process in self._processes:
            process.start()
        wait_until(lambda: all(part.listens for part in self._parts), "the servers listen", seconds=30)
        members = [{"_id": number, "host": address} for number, address in enumerate(_addresses(self._parts))]
        config = {"_id": REPLICA_SET, "members": members, "settings": {"electionTimeoutMillis": ELECTION_MS}}
        with MongoClient[dict[str, Any]](_addresses(self._parts)[0], directConnection=True) as first:
            first.admin.command("replSetInitiate", config)
        self.await_primary()
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.kill()

    def await_primary(self) -> None:
        """Return once the set has a primary."""
        with MongoClient[dict[str, Any]](self.uri, serverSelectionTimeoutMS=60_000) as client:
            wait_until(lambda: client.admin.command("hello")["isWritablePrimary"], "there is a primary", seconds=60)

    def kill(self, seconds: float) -> None:
        """SIGKILL every server, and start them again after so many seconds."""
        for process in self._processes:
            process.kill()
        time.sleep(seconds)
        for process in self._processes:
            process.start()
        self.await_primary()

    def stop(self, seconds: float) -> None:
        """SIGSTOP every server for so many seconds."""
        for number in (signal.SIGSTOP, signal.SIGCONT):
            for process in self._processes:
                os.kill(process.pid, number)
            if number == signal.SIGSTOP:
                time.sleep(seconds)

    def step_down(self) -> None:
        """Make the primary give way; return once another is primary."""
        with MongoClient[dict[str, Any]](self.uri) as client:
            before = client.primary or wait_until(lambda: client.primary, "there is a primary")
            with contextlib.suppress(AutoReconnect):  # some versions end the connection with it
                client.admin.command("replSetStepDown", 10, secondaryCatchUpPeriodSecs=5)
            wait_until(lambda: client.primary not in (None, before), "there is another primary", seconds=30)


def _addresses(parts: Sequence[Part]) -> list[str]:
    return [f"127.0.0.1:{part.port}" for part in parts]
