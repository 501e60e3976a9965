"""The collection `audit`: decisions about the studio itself, append-only."""

from __future__ import annotations

from pymongo import DESCENDING, IndexModel

from imagegeneration.domain.audit import AuditEntry
from imagegeneration.store.connection import Connection, Session, translated
from imagegeneration.store.schema import validator


@translated
class AuditStore:
    """Appends and reads entries; there is no way to change one."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._audit = connection.collection("audit")

    def prepare(self) -> None:
        """Create the collection, its validator and its indexes."""
        indexes = [IndexModel("entryId", unique=True), IndexModel([("at", DESCENDING)])]
        self._connection.prepare("audit", validator(AuditEntry), indexes)

    def append(self, entry: AuditEntry, *, session: Session) -> None:
        """Add an entry, inside the transaction that makes the change."""
        self._audit.insert_one(entry.document(), session=session)

    def latest(self, limit: int) -> list[AuditEntry]:
        """The latest entries, newest first."""
        found = self._audit.find({}, {"_id": False}).sort([("at", DESCENDING), ("entryId", DESCENDING)]).limit(limit)
        return [AuditEntry.model_validate(entry) for entry in found]
