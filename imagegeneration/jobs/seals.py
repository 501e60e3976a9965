"""The checks whether a job is as approved: its seals, its hold, and the audit record."""

from __future__ import annotations

from imagegeneration.assets.asset import StoredImage
from imagegeneration.audit.entry import AuditEntry, entry_sha256
from imagegeneration.audit.log import APPROVALS, state_json
from imagegeneration.audit.store import AuditStore
from imagegeneration.jobs.fallback import hold_of
from imagegeneration.jobs.job import Approval, Job, request_sha256
from imagegeneration.jobs.seal import Seal, SealKeys, approved_facts, stored_facts

CHANGED = "The job is not what was approved: its prompt, parameters or price were changed. Nothing was sent."
UNKNOWN_KEY = "The job was approved with a key that is not in APPROVAL_KEYS here. Nothing was sent."
NOT_ON_RECORD = "The approval is not the one on the audit record. Nothing was sent."


class Seals:
    """The seals of approvals and stored images."""

    def __init__(self, audit: AuditStore, keys: SealKeys) -> None:
        self._audit = audit
        self._keys = keys

    def sealed(self, job: Job, approval: Approval, number: int) -> Approval:
        """Return the approval with its seal; `number` is 0 for the first, then counts the retries."""
        return approval.model_copy(update={"seal": self._keys.seal(approved_facts(job, approval, number))})

    def sealed_image(self, image: StoredImage) -> StoredImage:
        """Return the record of a stored image with its seal."""
        return image.model_copy(update={"seal": self._keys.seal(stored_facts(image))})

    def tampered(self, job: Job) -> str | None:
        """Return why the job must not be sent or approved again, in words, or None if it is as approved."""
        approval = job.latest_approval
        seal = self.of_approval(job, len(job.retries))
        if seal == "of an unknown key":
            return UNKNOWN_KEY
        sha256 = request_sha256(job.final_prompt, job.image_count, job.request, job.alternates)
        if (
            seal != "good"
            or sha256 != approval.request_sha256
            or not _are_as_approved(job)  # guard: start-approved-images
        ):
            return CHANGED
        entry = self._audit.latest(job.job_id, APPROVALS)
        return None if entry is not None and says(entry, approval) else NOT_ON_RECORD

    def of_approval(self, job: Job, number: int) -> Seal:
        """Return the state of the seal of the job's approval `number`."""
        approval = job.approvals[number]
        return self._keys.check(approval.seal, approved_facts(job, approval, number))

    def of_image(self, image: StoredImage) -> Seal:
        """Return the state of the seal of a stored image's record."""
        return self._keys.check(image.seal, stored_facts(image))


def says(entry: AuditEntry, approval: Approval) -> bool:
    """Return whether an entry of the audit record is unchanged and is about this approval."""
    return entry_sha256(entry) == entry.sha256 and entry.after == state_json(approval)


def _are_as_approved(job: Job) -> bool:
    """Return whether the job has the approved number of images and each HELD image holds its approved price."""
    if [image.index for image in job.images] != list(range(job.image_count)):
        return False
    for image in job.images:
        hold = hold_of(job, image.attempt)
        if image.state == "HELD" and (hold is None or hold.micros != image.attempt.held_micros):
            return False
    return True
