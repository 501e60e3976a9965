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

from imagegeneration.domain.access import Permission
from imagegeneration.domain.text import Intent
from imagegeneration.domain.value import Many, Moment, Value

PREFIX = "isk_"
_SECRET_BYTES = 20
_LENGTH = len(PREFIX) + 32 + 8


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
    return f"{PREFIX}{secret}{_checksum(secret)}"


def is_key(text: str) -> bool:
    """Whether this has the form and the checksum of a key."""
    if len(text) != _LENGTH or not text.isascii() or not text.startswith(PREFIX):
        return False
    secret, checksum = text[len(PREFIX) : -8], text[-8:]
    return secrets.compare_digest(_checksum(secret), checksum)


def key_sha256(text: str) -> str:
    """The hash by which a key is found."""
    return hashlib.sha256(text.encode()).hexdigest()


def _checksum(secret: str) -> str:
    return f"{zlib.crc32(secret.encode()):08x}"
