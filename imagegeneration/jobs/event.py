"""The events of a job, numbered without a gap."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import Field

from imagegeneration.core.value import Moment, Value, sparse

EventType = Literal[
    "queued", "started", "partial", "retrying", "generated", "image", "missing", "canceled", "completed", "error"
]
"""`queued`: the job waits, after an approval or a retry. `canceled`: somebody wants no further image of it; what is in
flight is finished. Of an image: its call has `started`; so it looks on the way (`partial`); it brought nothing, was not
charged, and is made again (`retrying`); it is made and paid, and on its way to the bucket (`generated`); it is there
(`image`); there is none (`missing`). The job is over: `completed` with all images, `error` without."""


class News(Value):
    """Something that has happened to a job, or to its image `index`; `code` and `message` say why, where it is bad."""

    type: EventType
    created_at: Moment
    index: int | None = sparse(None)
    attempt_id: str | None = sparse(None)
    url: str | None = sparse(None)
    thumbnail_url: str | None = sparse(None)
    code: str | None = sparse(None)
    message: str | None = sparse(None)


class Event(News):
    """News with its number: `event_id` counts the events of a job from 1."""

    schema_version: Literal[1] = 1
    event_id: int = Field(ge=1)
    job_id: str
    user_id: str


def numbered(news: Iterable[News], first: int, job_id: str, user_id: str) -> list[Event]:
    """The news as events of the job, counted from `first` on."""
    return [
        Event(**one.model_dump(), event_id=number, job_id=job_id, user_id=user_id)
        for number, one in enumerate(news, first)
    ]
