"""What a user can do about a job's images, as the dialog offers it. Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from imagegeneration.core.errors import StudioError
from imagegeneration.dashboard.kit import words
from imagegeneration.dashboard.kit.rows import Row
from imagegeneration.dashboard.operations import choices
from imagegeneration.jobs.approvals import RetryQuote
from imagegeneration.jobs.job import Job, JobImage
from imagegeneration.money.money import format_usd, format_usd_exact

Again = int | StudioError
"""The most that running the job again costs in micro-dollars, or why it cannot be run again."""


def image_choice(job: Job, image: JobImage, gone: Collection[str]) -> Row | None:
    """Return what a user can decide about the image, or None if there is nothing to decide."""
    attempt, name = image.attempt, f"Image {image.index + 1}"
    attempt_id, cost = attempt.attempt_id or "", attempt.cost_micros
    if image.state == "UNKNOWN":
        return Row(
            key=attempt_id,
            title=f"{name} was perhaps charged: up to {format_usd_exact(cost)}",
            lines=(("Retry it, or decide what becomes of the money:",),),
            actions=choices.perhaps_charged(job.job_id, image.index, attempt_id, cost),
        )
    if image.is_set_aside:
        return Row(
            key=attempt_id,
            title=f"{name} was made, and could not be taken in",
            lines=((f"{format_usd_exact(cost)} was paid for it. Its answer is kept.",),),
            actions=choices.set_aside(job.job_id, image.index, attempt_id, cost),
        )
    host = image.spool_host or ""
    if image.state == "GENERATED" and host in gone:
        return Row(
            key=attempt_id,
            title=f"{name} is on a machine that is gone",
            lines=((f"{format_usd_exact(cost)} was paid for it. If {host} comes back, it is delivered by itself.",),),
            actions=(choices.declare_lost(host, [(job.job_id, image.index, attempt_id)], cost, of=attempt_id),),
        )
    return None


def again_offer(job: Job, again: Again) -> dict[str, Any]:
    """Return what a new job like this one makes and costs, as it is confirmed, or why there can be none."""
    if isinstance(again, StudioError):
        return {"text": f"{again.message} {again.resolution}", "label": "", "accept": None}
    text = "This makes a new job with the same prompt and options. You pay for it like for any other job."
    label = f"Generate {words.plural(job.image_count, 'image')} for up to {format_usd(again)}"
    return {"text": text, "label": label, "accept": again}


def retry_offer(price: RetryQuote) -> dict[str, Any]:
    """Return what a retry is offered with: its words, its label, its price, and what may be paid twice."""
    missing = f"the {price.missing} missing images" if price.missing > 1 else "the missing image"
    warning = None
    if price.unknown:
        charged = "1 image was" if price.unknown == 1 else f"{price.unknown} images were"
        warning = (
            f"{charged} perhaps charged already: up to {format_usd(price.unknown_micros)}. The provider's answer was "
            "lost, so nobody knows. A retry makes such an image again and may be charged a second time."
        )
    return {
        "label": f"Retry {missing} for up to {format_usd(price.total_micros)}",
        "accept": price.total_micros,
        "warning": warning,
        "agree": f"I accept that up to {format_usd(price.unknown_micros)} may have been spent for nothing.",
    }
