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
from imagegeneration.money.credit import CreditQuote
from imagegeneration.providers.breaker import EVERYTHING
from imagegeneration.providers.generation import GenerationParameters

_MARKDOWN = re.compile(r"[\\`*_{}\[\]()#+.!|<>~$:^-]")

Tone = Literal["neutral", "active", "good", "bad", "off"]
"""`off`: over, without success or failure."""


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
