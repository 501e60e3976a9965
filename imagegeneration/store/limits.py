"""The collection `limits`: every version of the spend limits that operators set."""

from __future__ import annotations

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.errors import DuplicateKeyError

from imagegeneration.domain.money import Account, LimitsVersion
from imagegeneration.store.connection import Connection, Session, translated
from imagegeneration.store.schema import validator


class VersionTaken(Exception):
    """Somebody else has set this version of the limits."""


@translated
class LimitsStore:
    """Appends and reads versions; there is no way to change one."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._limits = connection.collection("limits")

    def prepare(self) -> None:
        """Create the collection, its validator and its index."""
        versions = IndexModel([("account", ASCENDING), ("version", DESCENDING)], unique=True)
        self._connection.prepare("limits", validator(LimitsVersion), [versions])

    def latest(self, account: Account) -> LimitsVersion | None:
        """The version that counts; None if nobody ever set limits."""
        found = self._limits.find_one({"account": account}, {"_id": False}, sort=[("version", DESCENDING)])
        return None if found is None else LimitsVersion.model_validate(found)

    def insert(self, version: LimitsVersion, *, session: Session) -> None:
        """Add a version. Raises VersionTaken if there is one with this number."""
        try:
            self._limits.insert_one(version.document(), session=session)
        except DuplicateKeyError:
            raise VersionTaken from None
