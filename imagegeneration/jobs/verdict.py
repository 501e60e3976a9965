"""What a job comes to, given its images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from imagegeneration.core.value import Value
from imagegeneration.jobs.job import ErrorCode, JobImage

ERROR_PRECEDENCE: Sequence[ErrorCode] = get_args(ErrorCode)
"""Which code a job shows if several apply. INTERRUPTED is first, because money may be involved."""


class Verdict(Value):
    """The end of a job, derived from its images."""

    status: Literal["DONE", "FAILED"]
    error_code: ErrorCode | None
    error: str | None


def verdict(images: Sequence[JobImage]) -> Verdict | None:
    """Return how a job with these images ends, or None while an image is HELD, CALLING or GENERATED."""
    if not all(image.is_over for image in images):
        return None
    errors = [image.attempt.error for image in images if image.is_missing and image.attempt.error is not None]
    if not errors:
        return Verdict(status="DONE", error_code=None, error=None)
    error = min(errors, key=lambda found: ERROR_PRECEDENCE.index(found.code))
    made = sum(image.state == "STORED" for image in images)
    message = error.message if made == 0 else f"{made} of {len(images)} images were made. {error.message}"
    return Verdict(status="FAILED", error_code=error.code, error=message)
