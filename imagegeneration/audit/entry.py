"""The decisions of users, clients and the studio, in a chain of hashes that shows any later change.

Each entry carries the hash of the entry before it. Changing, removing or moving an entry means computing all later
hashes again. A copy of the head that is kept elsewhere shows even that.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from imagegeneration.core.value import Moment, Value

Action = Literal[
    "approved",
    "retried",
    "canceled",
    "image.decided",
    "limits.changed",
    "paused",
    "resumed",
    "tested",
    "signed-in",
    "signed-out",
    "sign-in.failed",
    "person.changed",
    "key.made",
    "key.revoked",
    "credits.granted",
    "lora.added",
    "lora.changed",
    "lora.deleted",
]

BEGINNING = "0" * 64
"""The value that the first entry has in place of a previous hash."""


class AuditEntry(Value):
    """One decision, append-only: actor, time, subject, and the state before and after as JSON.

    `number` counts from 1 without a gap. `key` is the name of the API key, if one was used.
    """

    schema_version: Literal[1] = 1
    number: int
    entry_id: str
    at: Moment
    actor: str
    key: str | None
    request_id: str | None
    action: Action
    subject: str
    reason: str
    before: str | None
    after: str | None
    previous_sha256: str
    sha256: str


class AuditHead(Value):
    """The end of the chain: the number of entries and the hash of the last one."""

    number: int = Field(default=0, ge=0)
    sha256: str = Field(default=BEGINNING, pattern=r"^[0-9a-f]{64}$")


@dataclass(frozen=True)
class Break:
    """The first place where the chain is broken, and the problem."""

    number: int
    problem: str


def entry_sha256(entry: AuditEntry) -> str:
    """Return the hash of all fields of the entry except its own hash; the previous hash is included."""
    facts = entry.model_dump(mode="json", by_alias=True, exclude={"sha256"})
    canonical = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def first_break(entries: Iterable[AuditEntry | None], head: AuditHead) -> Break | None:
    """Return the first entry that was changed, removed, added or moved, or None if the chain is intact up to its head.

    An item of `entries` is None if its document is not a valid entry.
    """
    last = AuditHead()
    for entry in entries:
        if entry is None:
            return Break(last.number + 1, "it was changed, and cannot be read")
        if entry.number == last.number:
            return Break(entry.number, "it is there twice")
        if entry.number != last.number + 1:
            return Break(last.number + 1, f"it is missing; number {entry.number} follows")
        if entry.previous_sha256 != last.sha256:
            return Break(entry.number, "it does not follow the entry before it")
        if entry_sha256(entry) != entry.sha256:
            return Break(entry.number, "it was changed")
        last = AuditHead(number=entry.number, sha256=entry.sha256)
    if last.number < head.number:
        return Break(last.number + 1, f"it is missing; the chain had {head.number} entries")
    if last != head:
        return Break(last.number, "it is not the one that the head names")
    return None
