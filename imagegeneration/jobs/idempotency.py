"""The collection `idempotency`: the request that each key stands for, kept for 24 hours."""

from __future__ import annotations

from typing import Literal

from pymongo import IndexModel
from pymongo.read_concern import ReadConcern

from imagegeneration.core.value import Moment, Value
from imagegeneration.mongo.collection import Collection
from imagegeneration.mongo.connection import Connection
from imagegeneration.mongo.errors import translated
from imagegeneration.mongo.transaction import Session

KEPT_SECONDS = 24 * 3600
"""How long a key stands for its first request, in seconds."""

_INDEXES = (
    IndexModel(["userId", "key"], unique=True),  # guard: one-job-per-key
    IndexModel("createdAt", expireAfterSeconds=KEPT_SECONDS),
)


class IdempotencyRecord(Value):
    """The first request made with a key, and the job that it made."""

    schema_version: Literal[1] = 1
    user_id: str
    key: str
    body_sha256: str
    job_id: str
    created_at: Moment


@translated
class IdempotencyStore:
    """The store of idempotency keys, each of one user."""

    def __init__(self, connection: Connection) -> None:
        self._records = Collection(connection, "idempotency", IdempotencyRecord, indexes=_INDEXES)

    def get(self, user_id: str, key: str) -> IdempotencyRecord | None:
        """Return what the key stands for, or None."""
        return self._records.get({"userId": user_id, "key": key})

    def settled(self, user_id: str, key: str) -> IdempotencyRecord | None:
        """Return what a taken key stands for, even if it was taken too recently for `get` to see it."""
        records = self._records.raw.with_options(read_concern=ReadConcern("linearizable"))
        return self._records.parse(records.find_one({"userId": user_id, "key": key}))

    def insert(self, record: IdempotencyRecord, *, session: Session) -> None:
        """Take the key, inside the transaction that inserts the job. Raises AlreadyExists if it is taken."""
        self._records.insert(record, session=session)
