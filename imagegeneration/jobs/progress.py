"""The progress of a job, estimated from how long its model usually takes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import Field

from imagegeneration.core.value import Value
from imagegeneration.jobs.job import Job, JobImage

MOST_PERCENT = 95
"""The highest estimate. An unfinished image never shows more, however long it takes."""


class Progress(Value):
    """The progress of a running job. `images_over` is known; `percent` is an estimate, and marked as one.

    `is_late` is true if an image takes longer than `expected_seconds`.
    """

    percent: int = Field(ge=0, le=MOST_PERCENT)
    is_estimate: bool = True
    is_late: bool = False
    images_over: int
    image_count: int
    expected_seconds: float


def progress_of(job: Job, expected_seconds: float, now: datetime) -> Progress | None:
    """Return the job's progress if an image takes about `expected_seconds`, or None if the job is over."""
    if job.is_over:
        return None
    return Progress(
        percent=min(MOST_PERCENT, _mean([_percent(image, expected_seconds, now) for image in job.images])),
        is_late=any(_is_late(image, expected_seconds, now) for image in job.images),
        images_over=sum(image.is_over for image in job.images),
        image_count=job.image_count,
        expected_seconds=expected_seconds,
    )


def _percent(image: JobImage, expected_seconds: float, now: datetime) -> int:
    if image.is_over:
        return 100
    if image.state == "GENERATED":
        return MOST_PERCENT
    started_at = image.attempt.started_at
    if image.state == "HELD" or started_at is None or expected_seconds <= 0:
        return 0
    return max(0, min(MOST_PERCENT, int(100 * (now - started_at).total_seconds() / expected_seconds)))


def _is_late(image: JobImage, expected_seconds: float, now: datetime) -> bool:
    started_at = image.attempt.started_at
    if image.state != "CALLING" or started_at is None or expected_seconds <= 0:
        return False
    return (now - started_at).total_seconds() > expected_seconds


def _mean(percents: Sequence[int]) -> int:
    return sum(percents) // len(percents)
