"""The seal of an approval: an HMAC over all that was approved, with a key that is not in the database.

With write access to the database alone a SHA-256 can be computed again. A seal needs a key from the environment
(APPROVAL_KEYS).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from imagegeneration.assets.asset import StoredImage
from imagegeneration.jobs.job import Approval, Job

KEY_MIN = 32
"""Minimum length of a key, in characters."""

Seal = Literal["good", "missing", "wrong", "of an unknown key"]


@dataclass(frozen=True)
class SealKeys:
    """The keys of APPROVAL_KEYS. The first one seals; all are accepted, so that a key can be replaced while in use."""

    keys: Sequence[bytes]

    @property
    def names(self) -> Sequence[str]:
        """Return the eight digits that name each key, the one that seals first."""
        return [_name(key) for key in self.keys]

    def seal(self, facts: Mapping[str, Any]) -> str:
        """Return the seal of `facts`: the name of its key, and the HMAC."""
        return f"{_name(self.keys[0])}:{_hmac(self.keys[0], facts)}"

    def check(self, seal: str | None, facts: Mapping[str, Any]) -> Seal:
        """Return whether `seal` is the seal of `facts`."""
        if seal is None:
            return "missing"
        name, _, digest = seal.partition(":")
        key = next((key for key in self.keys if _name(key) == name), None)
        if key is None:
            return "of an unknown key"
        return "good" if hmac.compare_digest(digest.encode(), _hmac(key, facts).encode()) else "wrong"


def approved_facts(job: Job, approval: Approval, number: int) -> Mapping[str, Any]:
    """Return what an approval seals: the job as it was approved, and the approval, its price included.

    `number` is 0 for the first approval and counts the retries, so that no approval can replace another.
    """
    approved = job.model_dump(
        mode="json",
        by_alias=True,
        include={
            *("job_id", "user_id", "intent", "raw_prompt", "final_prompt", "image_count"),
            *("created_at", "request"),
            "alternates",  # guard: seal-alternates
        },
    )
    return approved | {"number": number, "approval": approval.model_dump(mode="json", by_alias=True, exclude={"seal"})}


def stored_facts(image: StoredImage) -> Mapping[str, Any]:
    """Return what the record of a stored image seals: everything in it, the hash of the bytes included."""
    return image.model_dump(mode="json", by_alias=True, exclude={"seal"})


def _name(key: bytes) -> str:
    """Return eight digits that tell keys apart and reveal nothing about them."""
    return hmac.new(key, b"name", hashlib.sha256).hexdigest()[:8]


def _hmac(key: bytes, facts: Mapping[str, Any]) -> str:
    canonical = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hmac.new(key, canonical.encode(), hashlib.sha256).hexdigest()
