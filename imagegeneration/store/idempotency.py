"""The collection `idempotency`: which request a key stood for, for 24 hours."""

from __future__ import annotations

from typing import Literal

from pymongo import IndexModel
from pymongo.errors import DuplicateKeyError
from pymongo.read_concern import ReadConcern

from imagegeneration.domain.value import Moment, Value
from imagegeneration.store.connection import Connection, Document, Session, translated
from imagegeneration.store.schema import validator

KEPT_SECONDS = 24 * 3600


class IdempotencyRecord(Value):
    """The first request made with a key, and the job that it made."""

    schema_version: Literal[1] = 1
    user_id: str
    key: str
    body_sha256: str
    job_id: str
    created_at: Moment


class KeyTaken(Exception):
    """Another request with the same key was first."""


@translated
class IdempotencyStore:
    """Remembers keys, each of one user."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._records = connection.collection("idempotency")

    def prepare(self) -> None:
        """Create the collection, its validator and its indexes; records expire after 24 hours."""
        indexes = [
            IndexModel(["userId", "key"], unique=True),
            IndexModel("createdAt", expireAfterSeconds=KEPT_SECONDS),
        ]
        self._connection.prepare("idempotency", validator(IdempotencyRecord), indexes)

    def get(self, user_id: str, key: str) -> IdempotencyRecord | None:
        """What the key stands for, or None."""
        return _record(self._records.find_one({"userId": user_id, "key": key}, {"_id": False}))

    def settled(self, user_id: str, key: str) -> IdempotencyRecord | None:
        """What a taken key stands for, also if it was taken so lately that `get` does not see it yet."""
        records = self._records.with_options(read_concern=ReadConcern("linearizable"))
        return _record(records.find_one({"userId": user_id, "key": key}, {"_id": False}))

    def insert(self, record: IdempotencyRecord, *, session: Session) -> None:
        """Take the key, inside the transaction that inserts the job. Raises KeyTaken if it is taken."""
        try:
            self._records.insert_one(record.document(), session=session)
        except DuplicateKeyError:
            raise KeyTaken from None


def _record(found: Document | None) -> IdempotencyRecord | None:
    return None if found is None else IdempotencyRecord.model_validate(found)
