"""The events of a job, numbered without a gap: pure consequences of the changes written to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from imagegeneration.core.value import Moment, Value, sparse
from imagegeneration.jobs.job import ImageState, Job, JobImage

EventType = Literal[
    "queued", "started", "partial", "retrying", "generated", "image", "missing", "canceled", "completed", "error"
]
"""The types of events. `queued`: the job waits, after an approval or a retry. `canceled`: no further image is started.

For an image: `started`: its call has begun; `partial`: a preview is there; `retrying`: it failed without a charge and
is tried again; `generated`: it is made and paid; `image`: it is in the bucket; `missing`: it failed. For a job that is
over: `completed` with all images, `error` without.
"""

_OF_STATE: Mapping[ImageState, EventType] = {
    "HELD": "retrying",
    "CALLING": "started",
    "GENERATED": "generated",
    "STORED": "image",
    "FAILED": "missing",
    "UNKNOWN": "missing",
}


class JobEvent(Value):
    """An event of a job, or of its image `index`. `code` and `message` say why it failed.

    `event_id` counts the events of a job from 1.
    """

    schema_version: Literal[1] = 1
    event_id: int = Field(ge=1)
    job_id: str
    user_id: str
    type: EventType
    created_at: Moment
    index: int | None = sparse(None)
    attempt_id: str | None = sparse(None)
    url: str | None = sparse(None)
    thumbnail_url: str | None = sparse(None)
    code: str | None = sparse(None)
    message: str | None = sparse(None)


def events_of(
    job: Job, old: Sequence[JobImage], new: Sequence[JobImage], fields: Mapping[str, Any], now: datetime
) -> list[JobEvent]:
    """Return the events of a change of `job` from the `old` images to the `new` ones, written with `fields`.

    A new job has no old images. The events are numbered after `job.last_event`.
    """
    kinds = [*_of_cancel(job, fields), *_of_images(old, new), *_of_end(fields)]
    return [
        JobEvent(event_id=number, job_id=job.job_id, user_id=job.user_id, created_at=now, **kind)
        for number, kind in enumerate(kinds, job.last_event + 1)
    ]


def numbered_after(last: int, events: Iterable[JobEvent]) -> list[JobEvent]:
    """Return the events renumbered from `last + 1` on."""
    return [event.model_copy(update={"event_id": number}) for number, event in enumerate(events, last + 1)]


def final_event(job: Job) -> JobEvent:
    """Return the last event of a job that is over, derived from its document."""
    fields = {"status": job.status, "errorCode": job.error_code, "error": job.error}
    before_it = job.model_copy(update={"last_event": job.last_event - 1})
    return events_of(before_it, (), (), fields, job.updated_at)[0]


def _of_cancel(job: Job, fields: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if job.cancel_requested_at is None and fields.get("cancelRequestedAt") is not None:
        yield {"type": "canceled"}


def _of_images(old: Sequence[JobImage], new: Sequence[JobImage]) -> Iterator[Mapping[str, Any]]:
    before = {image.index: image for image in old}
    is_new = bool(new) and not before
    if is_new or any(image.state == "HELD" and before[image.index].is_missing for image in new):
        yield {"type": "queued"}
        return
    yield from (_of_image(image) for image in new if image.state != before[image.index].state)
    yield from (_of_preview(image) for image in new if _has_preview(before[image.index], image))


def _of_end(fields: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if fields.get("status") == "DONE":
        yield {"type": "completed"}
    if fields.get("status") == "FAILED":
        yield {"type": "error", "code": fields.get("errorCode"), "message": fields.get("error")}


def _has_preview(old: JobImage, new: JobImage) -> bool:
    return new.state == old.state == "CALLING" and new.attempt.partial_urls != old.attempt.partial_urls


def _of_preview(image: JobImage) -> Mapping[str, Any]:
    last = image.attempt
    return {"type": "partial", "index": image.index, "attempt_id": last.attempt_id, "url": last.partial_urls[-1]}


def _of_image(image: JobImage) -> Mapping[str, Any]:
    last = image.attempt
    if image.state == "HELD":  # opened for another attempt: the event is about the one before
        last = image.attempts[-2]
    return {
        "type": _OF_STATE[image.state],
        "index": image.index,
        "attempt_id": last.attempt_id,
        "url": image.url,
        "thumbnail_url": image.thumbnail_url,
        "code": None if last.error is None else last.error.code,
        "message": None if last.error is None else last.error.message,
    }
