"""API keys, with which clients act for a user.

A key is `isk_`, 160 random bits in base32 and a checksum, so that scanners for leaked secrets recognize it reliably. It
is shown once; only its SHA-256 is stored.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import zlib
from typing import Literal

from pydantic import Field

from imagegeneration.core.roles import Permission
from imagegeneration.core.text import Intent
from imagegeneration.core.value import Many, Moment, Value

PREFIX = "isk_"
_SECRET_BYTES = 20


class ApiKey(Value):
    """A document of the collection `keys`. `hint` is the beginning of the key, which tells a user's keys apart."""

    schema_version: Literal[1] = 1
    key_id: str
    person_id: str
    name: str
    hint: str
    key_sha256: str
    scopes: Many[Permission]
    created_at: Moment
    expires_at: Moment | None
    last_used_at: Moment | None = None
    revoked_at: Moment | None = None

    def is_valid(self, now: Moment) -> bool:
        """Return whether the key is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)


class KeyBody(Value):
    """The name of a key, its scopes (at most the owner's permissions) and its `days` until expiry (null: never)."""

    name: Intent
    scopes: Many[Permission] = Field(min_length=1, max_length=10)
    days: int | None = Field(default=90, ge=1, le=3650)


def new_key() -> str:
    """Return a new key."""
    secret = base64.b32encode(secrets.token_bytes(_SECRET_BYTES)).decode()
    return f"{PREFIX}{secret}{zlib.crc32(secret.encode()):08x}"


def key_sha256(text: str) -> str:
    """Return the hash by which a key is found."""
    return hashlib.sha256(text.encode()).hexdigest()
