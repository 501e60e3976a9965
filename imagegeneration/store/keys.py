"""The collection `keys`: API keys, by their hashes."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from pymongo import ASCENDING, IndexModel

from imagegeneration.domain.key import ApiKey
from imagegeneration.store.connection import Connection, Session, translated
from imagegeneration.store.schema import validator

_NO_ID = {"_id": False}


@translated
class KeyStore:
    """Keeps keys, each of one person."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._keys = connection.collection("keys")

    def prepare(self) -> None:
        """Create the collection, its validator and its indexes."""
        indexes = [
            IndexModel("keyId", unique=True),
            IndexModel("keySha256", unique=True),
            IndexModel([("personId", ASCENDING), ("createdAt", ASCENDING)]),
        ]
        self._connection.prepare("keys", validator(ApiKey), indexes)

    def insert(self, key: ApiKey, *, session: Session) -> None:
        """Add a key."""
        self._keys.insert_one(key.document(), session=session)

    def find(self, key_sha256: str) -> ApiKey | None:
        """The key with this hash, unless it is revoked or expired.

        One look whatever the answer, so that its time does not tell a key that once was from one that never was.
        """
        lasts = {"$or": [{"$eq": ["$expiresAt", None]}, {"$gt": ["$expiresAt", "$$NOW"]}]}
        valid = {"keySha256": key_sha256, "revokedAt": None, "$expr": lasts}
        found = self._keys.find_one(valid, _NO_ID)
        return None if found is None else ApiKey.model_validate(found)

    def of_person(self, person_id: str, *, session: Session | None = None) -> list[ApiKey]:
        """Return all keys of a person, oldest first."""
        found = self._keys.find({"personId": person_id}, _NO_ID, session=session).sort("createdAt", ASCENDING)
        return [ApiKey.model_validate(key) for key in found]

    def delete(self, key_ids: Collection[str], *, session: Session) -> None:
        """Delete keys; what was done with them stays in the audit record."""
        self._keys.delete_many({"keyId": {"$in": list(key_ids)}}, session=session)

    def used(self, key_id: str) -> None:
        """The key was used just now."""
        self._keys.update_one({"keyId": key_id}, {"$currentDate": {"lastUsedAt": True}})

    def revoke(self, person_id: str, key_id: str, now: datetime, *, session: Session) -> ApiKey | None:
        """Make a person's key worthless. Return the key, or None if there is none, or it was revoked before."""
        found = self._keys.find_one_and_update(
            {"personId": person_id, "keyId": key_id, "revokedAt": None},
            {"$set": {"revokedAt": now}},
            projection=_NO_ID,
            session=session,
        )
        return None if found is None else ApiKey.model_validate(found)
