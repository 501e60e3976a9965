"""The collection `keys`: API keys, found by their hashes."""

from __future__ import annotations

from collections.abc import Collection as Some
from datetime import datetime

from pymongo import ASCENDING, IndexModel

from imagegeneration.mongo.collection import Collection
from imagegeneration.mongo.connection import Connection
from imagegeneration.mongo.errors import translated
from imagegeneration.mongo.transaction import Session
from imagegeneration.people.key import ApiKey

_INDEXES = (
    IndexModel("keyId", unique=True),
    IndexModel("keySha256", unique=True),
    IndexModel([("personId", ASCENDING), ("createdAt", ASCENDING)]),
)


@translated
class KeyStore:
    """The store of API keys, each of one user."""

    def __init__(self, connection: Connection) -> None:
        self._keys = Collection(connection, "keys", ApiKey, indexes=_INDEXES)

    def insert(self, key: ApiKey, *, session: Session) -> None:
        """Add a key."""
        self._keys.append([key], session=session)

    def find(self, key_sha256: str) -> ApiKey | None:
        """Return the valid key with this hash, or None if there is none, or it is revoked or expired.

        It makes one query in every case, so that its duration does not reveal whether a key ever existed.
        """
        lasts = {"$or": [{"$eq": ["$expiresAt", None]}, {"$gt": ["$expiresAt", "$$NOW"]}]}
        return self._keys.get({"keySha256": key_sha256, "revokedAt": None, "$expr": lasts})

    def of_person(self, person_id: str, *, session: Session | None = None) -> list[ApiKey]:
        """Return all keys of a user, oldest first."""
        return self._keys.find({"personId": person_id}, sort=[("createdAt", ASCENDING)], session=session)

    def delete(self, key_ids: Some[str], *, session: Session) -> None:
        """Delete keys; the audit record keeps what was done with them."""
        self._keys.raw.delete_many({"keyId": {"$in": list(key_ids)}}, session=session)

    def used(self, key_id: str) -> None:
        """Record that the key was used just now."""
        self._keys.compare_and_set({"keyId": key_id}, {"$currentDate": {"lastUsedAt": True}})

    def revoke(self, person_id: str, key_id: str, now: datetime, *, session: Session) -> ApiKey | None:
        """Revoke a user's key. Return it, or None if it does not exist or was already revoked."""
        valid = {"personId": person_id, "keyId": key_id, "revokedAt": None}
        return self._keys.update(valid, {"$set": {"revokedAt": now}}, after=False, session=session)
