"""The collection `limits`: every version of the spend limits that operators set."""

from __future__ import annotations

from pymongo import ASCENDING, DESCENDING, IndexModel

from imagegeneration.money.money import Account, LimitsVersion
from imagegeneration.mongo.collection import Collection
from imagegeneration.mongo.connection import Connection
from imagegeneration.mongo.transaction import Session

_INDEX = IndexModel([("account", ASCENDING), ("version", DESCENDING)], unique=True)


class LimitsStore:
    """The store of versions. It appends and reads; it has no method that changes one."""

    def __init__(self, connection: Connection) -> None:
        self._limits = Collection(connection, "limits", LimitsVersion, indexes=[_INDEX])

    def latest(self, account: Account) -> LimitsVersion | None:
        """Return the latest version, or None if limits were never set."""
        return self._limits.get({"account": account}, sort=[("version", DESCENDING)])

    def insert(self, version: LimitsVersion, *, session: Session) -> None:
        """Add a version. Raises AlreadyExists if its number exists."""
        self._limits.insert(version, session=session)
