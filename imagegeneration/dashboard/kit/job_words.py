"""Jobs, images and attempts in words: states, outcomes, costs. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from imagegeneration.dashboard.kit.words import Tone, duration, ordinal, plural
from imagegeneration.jobs.job import Attempt, Certainty, ImageState, Job, JobImage, Outcome
from imagegeneration.jobs.outlook import Outlook
from imagegeneration.jobs.progress import Progress
from imagegeneration.money.money import format_usd_exact
from imagegeneration.operations.operations import WAITING

IMAGE_WORDS: Mapping[ImageState, str] = {
    "HELD": "Waiting",
    "CALLING": "Generating",
    "GENERATED": "Saving",
    "STORED": "Done",
    "FAILED": "Failed",
    "UNKNOWN": "Perhaps charged",
}


IMAGE_TONES: Mapping[ImageState, Tone] = {
    "HELD": "neutral",
    "CALLING": "active",
    "GENERATED": "active",
    "STORED": "good",
    "FAILED": "bad",
    "UNKNOWN": "bad",
}


OUTCOME_WORDS: Mapping[Outcome, str] = {
    "generated": "Generated",
    "not_an_image": "The answer was no usable image",
    "set_aside": "The answer could not be taken in, and is kept",
    "moderated": "Refused by the provider's safety rules",
    "refused": "Refused by the provider",
    "unavailable": "The provider was not available",
    "interrupted": "Interrupted, so the outcome is unknown",
    "not_sent": "Never sent",
}


CERTAINTY_WORDS: Mapping[Certainty, str] = {
    "charged": "Charged",
    "not_charged": "Not charged",
    "unknown": "Perhaps charged",
}


def is_waiting_for_storage(image: JobImage, now: datetime) -> bool:
    """Return whether the image is paid for and has been on its way to the bucket for some time."""
    finished_at = image.attempt.finished_at
    return image.state == "GENERATED" and finished_at is not None and now - finished_at >= WAITING


def image_word(image: JobImage, now: datetime) -> str:
    """Return the state of an image as a word."""
    if image.is_canceled:
        return "Canceled"
    return "Waiting for storage" if is_waiting_for_storage(image, now) else IMAGE_WORDS[image.state]


def image_tone(image: JobImage) -> Tone:
    """Return the tone of an image's state."""
    return "off" if image.is_canceled else IMAGE_TONES[image.state]


def how_far(progress: Progress) -> str:
    """Return how far a job at work is, or that it takes longer than the estimate."""
    if progress.is_late:
        return "Taking longer than usual"
    return f"About {progress.percent} % done, by an estimate"


def place(outlook: Outlook) -> str:
    """Return where a queued job stands, and when it begins or why it does not."""
    where = "Next in the queue" if outlook.position == 1 else f"{ordinal(outlook.position)} in the queue"
    if outlook.hindrance is not None:
        return f"{where}. {outlook.hindrance}"
    if outlook.starts_in_seconds is None:
        return where
    if outlook.starts_in_seconds < 1:
        return f"{where}, starts at any moment"
    return f"{where}, starts in about {duration(round(outlook.starts_in_seconds))}"


def job_status(job: Job) -> tuple[str, Tone]:
    """Return the job's status as a word, with its tone."""
    if job.status == "DONE":
        return "Done", "good"
    if job.status == "FAILED":
        if job.error_code == "CANCELED":
            return "Canceled", "off"
        return ("Perhaps charged" if job.error_code == "INTERRUPTED" else "Failed"), "bad"
    if job.cancel_requested_at is not None:
        return "Canceling", "active"
    return ("Running", "active") if job.status == "RUNNING" else ("Queued", "neutral")


def made_of(job: Job) -> str:
    """Return how far the job is: `2 of 3 images`."""
    made = sum(image.state == "STORED" for image in job.images)
    if job.status == "DONE":
        return plural(made, "image")
    return f"{made} of {plural(job.image_count, 'image')}"


def attempt_cost(attempt: Attempt) -> str:
    """Return what one attempt cost, and where the figure comes from; a missing usage is never shown as $0.00."""
    if attempt.certainty is None:
        return f"Up to {format_usd_exact(attempt.held_micros)} is held"
    if attempt.certainty == "not_charged":
        return "Nothing was charged"
    if attempt.certainty == "unknown":
        return f"Perhaps {format_usd_exact(attempt.cost_micros)}, counted as spent"
    cost = format_usd_exact(attempt.cost_micros)
    if attempt.outcome == "moderated":
        return f"{cost}: the provider charges for what it withholds"
    if attempt.usage is None:
        return f"{cost}, as quoted: the provider reported no usage"
    if attempt.usage.implausible:
        return f"{cost}, as quoted: the provider's count of tokens cannot be right"
    if attempt.usage.undivided_tokens:
        return f"{cost}, an estimate: the provider did not say how many tokens were images"
    return cost


def usage(attempt: Attempt) -> str | None:
    """Return the provider's own count of tokens in words, or None before there is an answer."""
    if attempt.usage is None:
        return "The provider reported no usage" if attempt.certainty == "charged" else None
    tokens = attempt.usage
    parts = [f"{tokens.input_text_tokens:,} text in", f"{tokens.output_tokens:,} image out"]
    if tokens.input_image_tokens:
        parts.insert(1, f"{tokens.input_image_tokens:,} image in")
    if tokens.undivided_tokens:
        parts.insert(1, f"{tokens.undivided_tokens:,} text or image in")
    if tokens.output_text_tokens:
        parts.append(f"{tokens.output_text_tokens:,} text out")
    return f"{', '.join(parts)} tokens"


def job_cost(job: Job) -> str:
    """Return what the job has cost, in one line."""
    if not job.is_over:
        if job.cost_micros == 0:
            return f"Up to {format_usd_exact(job.held_micros)} is held"
        return f"{format_usd_exact(job.cost_micros)} so far, up to {format_usd_exact(job.held_micros)} more is held"
    if job.unknown_micros:
        return (
            f"{format_usd_exact(job.cost_micros)}, of which {format_usd_exact(job.unknown_micros)} was perhaps charged"
        )
    if job.cost_micros == 0 and all(image.attempt.certainty == "not_charged" for image in job.images):
        return "Nothing was charged"
    return format_usd_exact(job.cost_micros)
