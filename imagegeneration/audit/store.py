"""The collections `audit` and `audit_head`: the append-only chain of decisions and its head."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pydantic import ValidationError
from pymongo import DESCENDING, IndexModel

from imagegeneration.audit.entry import Action, AuditEntry, AuditHead
from imagegeneration.core.errors import InternalFault
from imagegeneration.mongo.collection import Collection
from imagegeneration.mongo.connection import Connection
from imagegeneration.mongo.errors import translated
from imagegeneration.mongo.schema import Document
from imagegeneration.mongo.transaction import Session

_INDEXES = (
    IndexModel("number", unique=True),
    IndexModel("entryId", unique=True),
    IndexModel([("actor", DESCENDING), ("number", DESCENDING)]),
    IndexModel([("action", DESCENDING), ("number", DESCENDING)]),
    IndexModel([("subject", DESCENDING), ("number", DESCENDING)]),
)
_HEAD = "head"
_NO_ID = {"_id": False}


@translated
class AuditStore:
    """The store of audit entries. It appends and reads; it has no method that changes an entry.

    An append moves the head in the same transaction. Two appends at once conflict and one runs again, so the chain
    never forks.
    """

    def __init__(self, connection: Connection) -> None:
        self._audit = Collection(connection, "audit", AuditEntry, indexes=_INDEXES)
        self._heads = Collection(connection, "audit_head", AuditHead)

    def ensure_head(self) -> None:
        """Create the head of the chain if it is missing, so that transactions only update it."""
        self._heads.ensure(AuditHead(), _HEAD)

    def head(self, *, session: Session | None = None) -> AuditHead:
        """Return the head of the chain. Raises InternalFault (IMG_015) if it cannot be read."""
        try:
            return self._heads.get({"_id": _HEAD}, session=session) or AuditHead()
        except ValidationError as error:
            raise InternalFault("The head of the audit record was changed, and cannot be read.") from error

    def append(self, entry: AuditEntry, *, session: Session) -> None:
        """Add the entry that follows the head, in the transaction of the change it records."""
        head = AuditHead(number=entry.number, sha256=entry.sha256)
        self._heads.raw.update_one({"_id": _HEAD}, {"$set": head.document()}, session=session)
        self._audit.raw.insert_one(entry.document(), session=session)

    def find(
        self,
        *,
        actors: Sequence[str] = (),
        actions: Sequence[Action] = (),
        subject: str | None = None,
        before: int | None = None,
        limit: int,
    ) -> list[AuditEntry]:
        """Return up to `limit` entries by these actors and of these actions, newest first. An empty filter matches all.

        `subject` also matches its parts, such as an image of a job. All entries are numbered below `before`.
        """
        query: Document = {}
        if subject is not None:
            query["subject"] = {"$in": [subject, re.compile(f"^{re.escape(subject)}/")]}
        if actors:
            query["actor"] = {"$in": list(actors)}
        if actions:
            query["action"] = {"$in": list(actions)}
        if before is not None:
            query["number"] = {"$lt": before}
        return self._audit.find(query, sort=[("number", DESCENDING)], limit=limit)

    def latest(self, subject: str, actions: Sequence[Action]) -> AuditEntry | None:
        """Return the last entry of these actions about exactly `subject`, or None if there is no readable one."""
        query: Document = {"subject": subject, "action": {"$in": list(actions)}}
        found = self._audit.raw.find_one(query, _NO_ID, sort=[("number", DESCENDING)])
        return None if found is None else _readable(found)

    def about(self, subject: str, actions: Sequence[Action], *, session: Session) -> list[AuditEntry | None]:
        """Return the entries of these actions about exactly `subject`, oldest first; an unreadable one is None."""
        query: Document = {"subject": subject, "action": {"$in": list(actions)}}
        return [_readable(found) for found in self._audit.raw.find(query, _NO_ID, session=session).sort("number")]

    def subjects(self, actions: Sequence[Action]) -> list[str]:
        """Return the subjects of the entries of these actions."""
        found = self._audit.raw.aggregate(
            [{"$match": {"action": {"$in": list(actions)}}}, {"$group": {"_id": "$subject"}}]
        )
        return [str(group["_id"]) for group in found]

    def links(self, to: int) -> Iterator[AuditEntry | None]:
        """Yield the entries numbered 1 up to `to` as they are stored; an unreadable one is None."""
        for document in self._audit.raw.find({"number": {"$gte": 1, "$lte": to}}, _NO_ID).sort("number"):
            yield _readable(document)

    def last_number(self) -> int:
        """Return the highest number of a stored entry, independent of the head, or 0 if there is no entry."""
        found = self._audit.raw.find_one(
            {"number": {"$type": "number"}}, {"number": True}, sort=[("number", DESCENDING)]
        )
        return 0 if found is None else int(found["number"])


def _readable(document: Document) -> AuditEntry | None:
    try:
        return AuditEntry.model_validate(document)
    except ValidationError:
        return None
