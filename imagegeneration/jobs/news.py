"""The news of a job, as pure consequences of how its images change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from imagegeneration.jobs.event import EventType, News
from imagegeneration.jobs.job import ImageState, JobImage

_OF_STATE: Mapping[ImageState, EventType] = {
    "HELD": "retrying",
    "CALLING": "started",
    "GENERATED": "generated",
    "STORED": "image",
    "FAILED": "missing",
    "UNKNOWN": "missing",
}


def news_of(old: Iterable[JobImage], new: Sequence[JobImage], now: datetime) -> tuple[News, ...]:
    """Return the news of a change from the `old` images to the `new` ones (a new job has no old ones)."""
    before = {image.index: image for image in old}
    is_new = bool(new) and not before
    if is_new or any(image.state == "HELD" and before[image.index].is_missing for image in new):
        return (News(type="queued", created_at=now),)
    changed = (image for image in new if image.state != before[image.index].state)
    partial = (image for image in new if _looks_otherwise(before[image.index], image))
    return (*(_news(image, now) for image in changed), *(_look(image, now) for image in partial))


def end_of(fields: Mapping[str, Any], now: datetime) -> News:
    """Return the news that ends a job, given what is written about it."""
    if fields["status"] == "DONE":
        return News(type="completed", created_at=now)
    return News(type="error", created_at=now, code=fields.get("errorCode"), message=fields.get("error"))


def _looks_otherwise(old: JobImage, new: JobImage) -> bool:
    return new.state == old.state == "CALLING" and new.attempt.partial_urls != old.attempt.partial_urls


def _look(image: JobImage, now: datetime) -> News:
    last = image.attempt
    url = last.partial_urls[-1]
    return News(type="partial", created_at=now, index=image.index, attempt_id=last.attempt_id, url=url)


def _news(image: JobImage, now: datetime) -> News:
    last = image.attempt
    if image.state == "HELD":  # opened for another try: what is told is of the one before
        last = image.attempts[-2]
    return News(
        type=_OF_STATE[image.state],
        created_at=now,
        index=image.index,
        attempt_id=last.attempt_id,
        url=image.url,
        thumbnail_url=image.thumbnail_url,
        code=None if last.error is None else last.error.code,
        message=None if last.error is None else last.error.message,
    )
