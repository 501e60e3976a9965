"""A job as a card of the gallery. Pure; the texts are shown as they are, never as markup."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from imagegeneration.assets.asset import StoredImage
from imagegeneration.dashboard.kit import job_words, words
from imagegeneration.jobs.job import Job, JobImage
from imagegeneration.jobs.outlook import Outlook
from imagegeneration.jobs.progress import Progress

Card = dict[str, Any]


@dataclass(frozen=True)
class Reader:
    """The reader of a job: what they may do with it, and the display names of users.

    `may_change`: run it again, retry and cancel it; `may_decide`: about images with an unclear charge; `may_edit`: its
    images. With `sees_others` the card says whose job it is.
    """

    may_change: bool = True
    may_decide: bool = True
    may_edit: bool = True
    sees_others: bool = False
    names: Mapping[str, str] = field(default_factory=dict)

    def name(self, user_id: str) -> str:
        """Return the name of a user, or the id if the name is unknown."""
        return self.names.get(user_id) or words.capital(words.person(user_id))


ALONE = Reader()
"""The local admin, for a studio without sign-in."""


def card(
    job: Job,
    about_seconds: float | None = None,
    outlook: Outlook | None = None,
    progress: Progress | None = None,
    reader: Reader = ALONE,
    stored: Sequence[StoredImage] = (),
) -> Card:
    """Return everything that the card of a job shows. Times are for the browser, which knows its reader's clock.

    Images that are `stored` come with their size in pixels.
    """
    status, tone = job_words.job_status(job)
    width, height = job.request.pixels
    ratio = width / height
    now = datetime.now(UTC)
    sizes = {image.image_id: words.size(f"{image.width}x{image.height}") for image in stored}
    return {
        "id": job.job_id,
        "title": job.intent,
        "owner": reader.name(job.user_id) if reader.sees_others else None,
        "prompt": job.final_prompt,
        "status": status,
        "tone": tone,
        "made_as": _made_as(job),
        "over": job.is_over,
        "made": job_words.made_of(job),
        "cost": job_words.job_cost(job),
        "place": job_words.place(outlook) if outlook is not None else _how_far(job, progress),
        "percent": None if progress is None else progress.percent,
        "error": None if job.error_code == "CANCELED" else job.error,
        "created": words.milliseconds(job.created_at),
        "since": words.milliseconds(job.latest_approval.approved_at),
        "until": words.milliseconds(job.completed_at),
        "about": None if about_seconds is None else f"about {words.duration(about_seconds)} an image",
        "share": tile_share(job.image_count, ratio),
        "ratio": round(ratio, 4),
        "images": [_tile(image, now) | {"size": sizes.get(image.image_id or "")} for image in job.images],
        "urls": list(job.cdn_urls),
        "retry": reader.may_change and job.status == "FAILED" and any(image.is_missing for image in job.images),
        "cancel": reader.may_change and not job.is_over and job.cancel_requested_at is None,
    }


def _made_as(job: Job) -> str:
    """Return what was asked for, and how many of the images an alternate makes or has made."""
    asked = f"{words.capital(words.provider(job.request.provider))}: {words.made_as(job.request)}"
    instead = Counter(image.attempt.model for image in job.images if image.attempt.why)
    return "; ".join(
        [asked, *(f"{words.plural(count, 'image')} by {model} instead" for model, count in instead.items())]
    )


def _how_far(job: Job, progress: Progress | None) -> str | None:
    if progress is None or job.status != "RUNNING":
        return None
    if all(image.is_over or image.state == "GENERATED" for image in job.images):
        return "Saving the images"
    return job_words.how_far(progress)


def tile_share(count: int, ratio: float) -> float:
    """Return what share of a card's width each of its images gets, in percent, so that all are whole and largest.

    `ratio` is their width to height; a card has 4 by 3 for them.
    """

    def width(columns: int) -> float:
        rows = -(-count // columns)
        return min(1 / columns, ratio * 3 / 4 / rows)

    return round(100 * max(map(width, range(1, count + 1))), 2)


def state(image: JobImage) -> str:
    """Return the state of an image as the browser draws it: canceled is a state of its own."""
    return "CANCELED" if image.is_canceled else image.state


def _tile(image: JobImage, now: datetime) -> Card:
    return {
        "state": state(image),
        "word": job_words.image_word(image, now),
        "thumb": image.thumbnail_url,
        "partial": next(reversed(image.attempt.partial_urls), None)
        if image.state in ("CALLING", "GENERATED")
        else None,
        "url": image.url,
        "since": words.milliseconds(image.attempt.started_at) if image.state == "CALLING" else None,
    }


def is_active(job: Job) -> bool:
    """Return whether the job changes without the reader, so that its page has to be read often."""
    return not job.is_over
