"""API keys: what a program shows to act for a person.

A key is `isk_`, 160 random bits in base32, and a checksum, so that scanners for leaked secrets recognize it for
sure. It is shown once; only its SHA-256 is kept.
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
    """A document of the collection `keys`. `hint` is the beginning of the key, to tell one's keys apart."""

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
        """Neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)


class KeyBody(Value):
    """What a key is for, and what it may do: at most what its owner may. `days` until it expires (null: never)."""

    name: Intent
    scopes: Many[Permission] = Field(min_length=1, max_length=10)
    days: int | None = Field(default=90, ge=1, le=3650)


def new_key() -> str:
    """A fresh key."""
    secret = base64.b32encode(secrets.token_bytes(_SECRET_BYTES)).decode()
    return f"{PREFIX}{secret}{zlib.crc32(secret.encode()):08x}"


def key_sha256(text: str) -> str:
    """The hash by which a key is found."""
    return hashlib.sha256(text.encode()).hexdigest()
