"""The comparison of the settings that all running processes must share."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Mapping, Sequence

from imagegeneration.core.errors import StudioError
from imagegeneration.core.ids import ProviderName, new_id
from imagegeneration.mongo.connection import Connection
from imagegeneration.processes.process import Address, Kind, Mismatch, ProcessInfo, mismatches
from imagegeneration.processes.process_store import ProcessStore

ALIVE_SECONDS = 150.0
"""How long a process counts as running after it was seen. Dashboards renew it once a minute, runners more often."""

_DIGITS = 8


class Processes:
    """The registry of running processes, with this one among them."""

    def __init__(
        self,
        connection: Connection,
        store: ProcessStore,
        kind: Kind,
        seal_keys: Sequence[str],
        endpoints: Mapping[ProviderName, str],
    ) -> None:
        """Take fingerprints of the keys that seal approvals, the active one first, and of the providers' addresses."""
        self._connection = connection
        self._processes = store
        self._is_written = False
        self._own = ProcessInfo(
            process_id=new_id("process"),
            kind=kind,
            host=socket.gethostname(),
            seal_keys=tuple(seal_keys),
            addresses=tuple(Address(provider=name, digits=sha256[:_DIGITS]) for name, sha256 in endpoints.items()),
            seen_at=connection.now(),
        )

    def seen(self) -> None:
        """Record that this process runs, with its fingerprints."""
        self._is_written = True
        self._processes.seen(self._own.model_copy(update={"seen_at": self._connection.now()}))

    def close(self) -> None:
        """Delete this process, so that one restarted with other settings does not find its old entry."""
        if self._is_written:
            with contextlib.suppress(StudioError):  # the database is down: the entry expires by itself
                self._processes.gone(self._own.process_id)

    def mismatches(self) -> Sequence[Mismatch]:
        """Return the settings on which this process disagrees with another one that runs."""
        now = self._connection.now()
        others = self._processes.others(self._own.process_id, now, ALIVE_SECONDS)
        return list(mismatches(self._own, others))
