"""The wording of the dashboard: states, outcomes, money and times in plain words. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from imagegeneration.audit.log import STUDIO
from imagegeneration.core.roles import Permission, Role
from imagegeneration.jobs.decision import Decision
from imagegeneration.jobs.job import Attempt, Certainty, ImageState, Job, JobImage, Outcome
from imagegeneration.jobs.outlook import Outlook
from imagegeneration.jobs.progress import Progress
from imagegeneration.money.credit import CreditQuote
from imagegeneration.money.money import format_usd_exact
from imagegeneration.operations.operations import WAITING
from imagegeneration.providers.breaker import EVERYTHING
from imagegeneration.providers.generation import GenerationParameters

_MARKDOWN = re.compile(r"[\\`*_{}\[\]()#+.!|<>~$:^-]")

Tone = Literal["neutral", "active", "good", "bad", "off"]
"""`off`: over, without success or failure."""

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


DECIDED: Mapping[Decision, str] = {
    "accept_lost": "Accepted as lost. The money stays counted as spent.",
    "not_charged": "Marked as not charged. The money is given back.",
    "declare_lost": "Declared lost. The money stays spent.",
    "try_again": "The answer is tried again. If it cannot be taken in, the image is listed here again.",
}

ROLE_WORDS: Mapping[Role, tuple[str, str]] = {
    "admin": ("Admin", "everything, and people, keys and the audit record"),
    "creator": ("Creator", "generates images and sees their own jobs"),
    "reviewer": ("Reviewer", "sees all finished jobs and changes nothing"),
    "operator": ("Operator", "runners, pauses, limits and images in doubt, no prompts of others"),
}
"""The name of each role, and what it is for."""

PERMISSION_WORDS: Mapping[Permission, tuple[str, str]] = {
    "generate": ("Generate", "enhance prompts, approve jobs, retry and cancel them: this spends money"),
    "look": ("Look", "read jobs and the addresses of their images"),
    "review": ("Review", "read the finished jobs of everybody"),
    "operate": ("Operate", "pause, resume, set limits, decide about images in doubt"),
    "administer": ("Administer", "change what people may do, read the audit record"),
}
"""The name of each permission, and what it allows."""

PROVIDERS = {
    "openai": "OpenAI",
    "google": "Google",
    "fal": "Fal",
    "replicate": "Replicate",
    "stability": "Stability",
    "forge": "Forge",
    "sandbox": "the sandbox",
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


def ordinal(number: int) -> str:
    """Return a number as an ordinal: `1st`, `2nd`, `3rd`, `11th`."""
    teens = 10 <= number % 100 <= 20
    return f"{number:,}" + ("th" if teens else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th"))


def person(user_id: str) -> str:
    """Return who did something, for use within a sentence."""
    return {"local": "you, on this machine", STUDIO.user_id: STUDIO.user_id}.get(user_id, user_id)


def provider(name: str) -> str:
    """Return the name of a provider, for use within a sentence."""
    return PROVIDERS.get(name, name)


def roles(names: Sequence[Role]) -> str:
    """Return the names of roles: `Admin, Creator`."""
    return ", ".join(ROLE_WORDS[name][0] for name in names) or "No role"


def scope(name: str) -> str:
    """Return what a breaker stops, within a sentence: `everything`, `OpenAI`, `the model gpt-image-2.5-flare`."""
    kind, _, what = name.partition(":")
    if kind == EVERYTHING:
        return "everything"
    return provider(what) if kind == "provider" else f"the model {what}"


def capital(text: str) -> str:
    """Return the text with a capital first letter, as the beginning of a sentence."""
    return text[:1].upper() + text[1:]


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


def plural(count: int, noun: str) -> str:
    """Return a count with its noun: `1 image`, `2 images`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def credits_of(quote: CreditQuote) -> str:
    """Return what an approval costs in credits: `2 credits of 14`."""
    return f"{plural(quote.cost, 'credit')} of {max(quote.left, 0)}"


def size(name: str) -> str:
    """Return a size in pixels: `1536 × 1024`."""
    return name.replace("x", " × ")


def made_as(request: GenerationParameters, *, draws_seed: bool = False) -> str:
    """Return what is sent beside the prompt, in one line; with `draws_seed` the seed is not known yet."""
    seeds = [str(seed) for seed in request.seeds or (request.seed,)]
    seed = "a random seed" if draws_seed else f"seed {seeds[0]}"
    if request.seeds:
        seed = "random seeds, another for each image" if draws_seed else f"seeds {', '.join(seeds)}"
    parts = (
        request.model,
        size(request.size),
        f"{request.quality} quality",
        request.output_format.upper(),
        request.background and f"{request.background} background",
        None if request.seed is None else seed,
        request.steps and plural(request.steps, "step"),
        None if request.guidance is None else f"guidance {request.guidance:g}",
        plural(len(request.loras), "LoRA") if request.loras else None,
        "a negative prompt" if request.negative_prompt else None,
        request.partial_images and f"shown {times(request.partial_images)} on the way",
    )
    return ", ".join(part for part in parts if part)


def times(count: int) -> str:
    """Return a number of times: `once`, `2 times`."""
    return "once" if count == 1 else f"{count} times"


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


def duration(seconds: float) -> str:
    """Return a span of time: `850 ms`, `12 s`, `3 min 5 s`, `2 h 4 min`."""
    if seconds < 1:
        return f"{round(seconds * 1000)} ms"
    if seconds < 10:
        return f"{seconds:.1f} s".replace(".0 s", " s")
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def file_size(size: int) -> str:
    """Return a size in rounded units, with the exact count of bytes."""
    if size < 1024:
        return f"{size} bytes"
    value, unit = (size / 1024**2, "MB") if size >= 1024**2 else (size / 1024, "KB")
    return f"{value:.1f} {unit} ({size:,} bytes)"


def short_size(size: int) -> str:
    """Return a size in rounded units: `70 bytes`, `2.0 KB`, `3.0 MB`."""
    return file_size(size).partition(" (")[0]


def zone(name: str | None, offset_minutes: int | None) -> tzinfo:
    """Return the reader's time zone, from what the browser says.

    `offset_minutes` is as JavaScript counts: UTC minus local. Machines without a time zone database still get the right
    clock from the offset.
    """
    if name:
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass
    if offset_minutes is not None and abs(offset_minutes) <= 24 * 60 - 1:
        return timezone(timedelta(minutes=-offset_minutes))
    return UTC


def clock(moment: datetime, reader: tzinfo, now: datetime) -> str:
    """Return `moment` on the reader's clock: `01:00 today`, `01:00 tomorrow`, or with its date; UTC is named."""
    local, today = moment.astimezone(reader), now.astimezone(reader).date()
    days = (local.date() - today).days
    day = {0: "today", 1: "tomorrow"}.get(days, f"on {local:%d %B %Y}")
    suffix = " UTC" if reader is UTC else ""
    return f"{local:%H:%M}{suffix} {day}"


def literal(text: str) -> str:
    """Return `text` for a label that is read as Markdown, so that it is shown as it is ($ would start a formula)."""
    return _MARKDOWN.sub(r"\\\g<0>", text)


def milliseconds(moment: datetime | None) -> int | None:
    """Return a moment as JavaScript counts it, for the browser to show in its reader's zone and language."""
    return None if moment is None else round(moment.timestamp() * 1000)
