"""Whether the parts that everything needs answer."""

from __future__ import annotations

from imagegeneration.errors import StudioError
from imagegeneration.storage import Storage
from imagegeneration.store.connection import Connection


class Health:
    """Asks the database and the bucket."""

    def __init__(self, connection: Connection, storage: Storage) -> None:
        self._connection = connection
        self._storage = storage

    def problems(self) -> dict[str, StudioError]:
        """What is down, by name (`database`, `storage`), with the error; empty if all is well."""
        found: dict[str, StudioError] = {}
        for name, check in (("database", self._connection.ping), ("storage", self._storage.check)):
            try:
                check()
            except StudioError as error:
                found[name] = error
        return found
