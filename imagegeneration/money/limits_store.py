"""The collection `limits`: every version of the spend limits that operators set."""

from __future__ import annotations

from pymongo import ASCENDING, DESCENDING, IndexModel

from imagegeneration.money.money import Account, LimitsVersion
from imagegeneration.mongo.collection import Collection
from imagegeneration.mongo.connection import Connection
from imagegeneration.mongo.transaction import Session

_INDEX = IndexModel([("account", ASCENDING), ("version", DESCENDING)], unique=True)


class LimitsStore:
    """Appends and reads versions; there is no way to change one."""

    def __init__(self, connection: Connection) -> None:
        self._limits = Collection(connection, "limits", LimitsVersion, indexes=[_INDEX])

    def latest(self, account: Account) -> LimitsVersion | None:
        """Return the version in force, or None if limits were never set."""
        return self._limits.get({"account": account}, sort=[("version", DESCENDING)])

    def insert(self, version: LimitsVersion, *, session: Session) -> None:
        """Add a version. Raises AlreadyExists if there is one with this number."""
        self._limits.insert(version, session=session)
