"""A job as its card in the gallery shows it. Pure; the texts are shown as they are, never as markup."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from imagegeneration.domain.job import Job, JobImage
from imagegeneration.domain.outlook import Outlook
from imagegeneration.domain.progress import Progress
from imagegeneration.ui import words

Card = dict[str, Any]


@dataclass(frozen=True)
class Reader:
    """Who looks at a job: what they may do with it, and what people are called.

    `may_change`: run it again, retry and cancel it; `may_decide`: about images in doubt; `may_edit`: its images.
    One who `sees_others` is told whose it is.
    """

    may_change: bool = True
    may_decide: bool = True
    may_edit: bool = True
    sees_others: bool = False
    names: Mapping[str, str] = field(default_factory=dict)

    def name(self, user_id: str) -> str:
        """Return what a user is called, or the id of one who is not known."""
        return self.names.get(user_id) or words.capital(words.person(user_id))


ALONE = Reader()
"""The local admin, while nobody signs in."""


def card(
    job: Job,
    about_seconds: float | None = None,
    outlook: Outlook | None = None,
    progress: Progress | None = None,
    reader: Reader = ALONE,
) -> Card:
    """Everything the card of a job shows. Times are for the browser, which knows its reader's clock."""
    status, tone = words.job_status(job)
    now = datetime.now(UTC)
    return {
        "id": job.job_id,
        "title": job.intent,
        "owner": reader.name(job.user_id) if reader.sees_others else None,
        "prompt": job.final_prompt,
        "status": status,
        "tone": tone,
        "made_as": _made_as(job),
        "sandbox": job.request.provider == "sandbox",
        "over": job.is_over,
        "made": words.made_of(job),
        "cost": words.job_cost(job),
        "place": words.place(outlook) if outlook is not None else _how_far(job, progress),
        "percent": None if progress is None else progress.percent,
        "error": None if job.error_code == "CANCELED" else job.error,
        "created": words.milliseconds(job.created_at),
        "since": words.milliseconds(job.latest_approval.approved_at),
        "until": words.milliseconds(job.completed_at),
        "about": None if about_seconds is None else f"about {words.duration(about_seconds)} an image",
        "images": [_tile(image, now) for image in job.images],
        "urls": list(job.cdn_urls),
        "retry": reader.may_change and job.status == "FAILED" and any(image.is_missing for image in job.images),
        "cancel": reader.may_change and not job.is_over and job.cancel_requested_at is None,
    }


def _made_as(job: Job) -> str:
    """What was asked for, and how many of the images an alternate makes, or has made."""
    asked = f"{words.capital(words.provider(job.request.provider))}: {words.made_as(job.request)}"
    instead = Counter(image.attempt.model for image in job.images if image.attempt.why)
    return "; ".join(
        [asked, *(f"{words.plural(count, 'image')} by {model} instead" for model, count in instead.items())]
    )


def _how_far(job: Job, progress: Progress | None) -> str | None:
    return None if progress is None or job.status != "RUNNING" else words.how_far(progress)


def _tile(image: JobImage, now: datetime) -> Card:
    return {
        "state": image.state,
        "word": words.image_word(image, now),
        "thumb": image.thumbnail_url,
        "partial": next(reversed(image.attempt.partial_urls), None)
        if image.state in ("CALLING", "GENERATED")
        else None,
        "url": image.url,
        "since": words.milliseconds(image.attempt.started_at) if image.state == "CALLING" else None,
    }


def is_active(job: Job) -> bool:
    """The job changes by itself, so that its page has to look often."""
    return not job.is_over
