"""Repeated requests: an idempotency key stands for its first request, and for the job that it made."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass

from imagegeneration.core.errors import InvalidRequest, NotFound, WrongState
from imagegeneration.jobs.bodies import ExecuteBody
from imagegeneration.jobs.idempotency import IdempotencyRecord, IdempotencyStore
from imagegeneration.jobs.job import Job
from imagegeneration.jobs.store import JobStore
from imagegeneration.mongo.transaction import Session

KEY_PATTERN = r"^[!-~]([ -~]{0,253}[!-~])?$"
"""The form of an idempotency key: 1 to 255 printable ASCII characters, no space at either end."""


@dataclass(frozen=True)
class RequestKey:
    """A user's idempotency key, and the hash of the body that was sent with it."""

    user_id: str
    key: str
    body_sha256: str

    @classmethod
    def of(cls, user_id: str, key: str, body: ExecuteBody) -> RequestKey:
        """Return the key with this body. Raises InvalidRequest (IMG_009) for a malformed key."""
        if not re.fullmatch(KEY_PATTERN, key):
            raise InvalidRequest("Idempotency-Key must be 1 to 255 printable ASCII characters.")
        canonical = json.dumps(body.document(), sort_keys=True, separators=(",", ":"))
        return cls(user_id, key, hashlib.sha256(canonical.encode()).hexdigest())


class RepeatedRequests:
    """The lookup of jobs by idempotency key."""

    def __init__(self, records: IdempotencyStore, jobs: JobStore) -> None:
        self._records = records
        self._jobs = jobs

    def job_of(self, key: RequestKey | None) -> Job | None:
        """Return the job that was made with this key, or None if the key is new.

        Raises InvalidRequest (IMG_009) for a key of another body, and NotFound (IMG_008) for a deleted job.
        """
        if key is None:
            return None
        known = self._records.get(key.user_id, key.key)
        return None if known is None else self._replay(known, key)

    def settled_job_of(self, key: RequestKey) -> Job:
        """Return the job of a key that was taken a moment ago. Raises what `job_of` raises, or WrongState (IMG_011)."""
        known = self._records.settled(key.user_id, key.key)
        if known is None:
            raise WrongState("The idempotency key was in use a moment ago. Send the request again.")
        return self._replay(known, key)

    def insert(self, key: RequestKey, job: Job, *, session: Session) -> None:
        """Take the key, in the transaction that inserts the job. Raises AlreadyExists if it is taken."""
        record = IdempotencyRecord(
            user_id=key.user_id,
            key=key.key,
            body_sha256=key.body_sha256,
            job_id=job.job_id,
            created_at=job.created_at,
        )
        self._records.insert(record, session=session)

    def _replay(self, known: IdempotencyRecord, key: RequestKey) -> Job:
        if known.body_sha256 != key.body_sha256:  # guard: one-body-per-key
            raise InvalidRequest("This idempotency key was used for another request.")
        job = self._jobs.get(known.job_id)
        if job is None:
            raise NotFound("The job that this idempotency key stands for was deleted.")
        return job
