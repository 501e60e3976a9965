"""A job's record as the dialog shows it: every fact, in words if there are words. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Literal

from imagegeneration.assets.asset import StoredImage
from imagegeneration.dashboard.jobs.cards import ALONE, Reader, card, state
from imagegeneration.dashboard.jobs.record_actions import Again, again_offer, image_choice, retry_offer
from imagegeneration.dashboard.kit import job_words, words
from imagegeneration.jobs.approvals import RetryQuote
from imagegeneration.jobs.job import Approval, Attempt, Job, JobImage
from imagegeneration.money.money import format_usd_exact
from imagegeneration.prompts.moderation import Moderation
from imagegeneration.providers.generation import GenerationParameters, Lora

FactRow = dict[str, Any]

Kind = Literal["plain", "code", "text", "time", "bad"]


def record(
    job: Job,
    images: Sequence[StoredImage],
    price: RetryQuote | None,
    gone: Collection[str] = (),
    sources: Sequence[StoredImage] = (),
    *,
    again: Again | None = None,
    reader: Reader = ALONE,
) -> dict[str, Any]:
    """Return the card of the job, with everything known about it.

    `gone` are machines that will not deliver what they have. `sources` are the images that the job edits, as far as
    they still exist.
    """
    stored = {image.image_id: image for image in images}
    decidable = job.images if reader.may_decide else ()
    return card(job, reader=reader) | {
        "sections": [
            {"title": "Job", "rows": _job(job, reader)},
            {"title": "Prompts", "rows": _prompts(job)},
            *_approvals(job, reader),
            {"title": "Request", "rows": [*_request(job), *_made_from(job, sources)]},
        ],
        "details": [
            _image(job, image, stored.get(image.image_id or ""))
            | {"edit": image.image_id if reader.may_edit and image.state == "STORED" else None}
            for image in job.images
        ],
        "offer": None if price is None else retry_offer(price),
        "again": None if again is None else again_offer(job, again),
        "choices": [asdict(choice) for image in decidable if (choice := image_choice(job, image, gone)) is not None],
    }


def row(label: str, value: object, kind: Kind = "plain") -> list[FactRow]:
    """Return one fact, or none if there is no value."""
    return [] if value is None or value == "" else [{"label": label, "value": value, "kind": kind}]


def moment(label: str, value: Any) -> list[FactRow]:
    """Return one point in time, which the browser writes in its reader's zone."""
    return row(label, words.milliseconds(value), "time")


def _job(job: Job, reader: Reader) -> list[FactRow]:
    status, _ = job_words.job_status(job)
    took = None if job.duration_ms is None else words.duration(job.duration_ms / 1000)
    source = {"dashboard": "The dashboard", "api": "The API"}[job.source]
    return [
        *row("Owner", reader.name(job.user_id) if reader.sees_others else None),
        *row("Status", f"{status}, {job_words.made_of(job)}"),
        *row("Why", job.error, "plain" if job.error_code == "CANCELED" else "bad"),
        *row("Quoted", f"Up to {format_usd_exact(sum(one.quoted_micros for one in (job.approval, *job.retries)))}"),
        *row("Cost", job_words.job_cost(job)),
        *moment("Created", job.created_at),
        *moment("Started", job.started_at),
        *moment("Finished", job.completed_at),
        *row("Took", took),
        *moment("Cancel asked for", job.cancel_requested_at),
        *row("Came from", source),
        *row("Linked to", ", ".join(f"{link.type} {link.id}" for link in job.links)),
        *row("Job id", job.job_id, "code"),
    ]


def _prompts(job: Job) -> list[FactRow]:
    as_typed = job.raw_prompt == job.final_prompt
    return [
        *row("Intent", job.intent, "text"),
        *row("Typed and sent, without a change" if as_typed else "Sent", job.final_prompt, "text"),
        *([] if as_typed else row("Typed", job.raw_prompt, "text")),
    ]


def _approvals(job: Job, reader: Reader) -> list[dict[str, Any]]:
    titles = ["Approval", *(f"Retry {number}" for number in range(1, len(job.approvals)))]
    return [{"title": title, "rows": _approval(one, reader)} for title, one in zip(titles, job.approvals, strict=True)]


def _approval(approval: Approval, reader: Reader) -> list[FactRow]:
    return [
        *row("Approved by", reader.name(approval.approved_by)),
        *moment("Approved", approval.approved_at),
        *row("Price shown", f"Up to {format_usd_exact(approval.quoted_micros)}"),
        *_moderation(approval.moderation),
        *row("Price table", approval.price_table),
        *row("Request SHA-256", approval.request_sha256, "code"),
        *row("Endpoint SHA-256", approval.endpoint_sha256, "code"),
    ]


def _moderation(moderation: Moderation | None) -> list[FactRow]:
    if moderation is None:
        return []
    said = moderation.remark or "Nothing was found in the prompt"
    return [
        *row("Moderation", said, "bad" if moderation.remark else "plain"),
        *row("Moderated by", moderation.model),
    ]


def _request(job: Job) -> list[FactRow]:
    request = job.request
    provider = "Sandbox, no real money" if request.provider == "sandbox" else words.provider(request.provider)
    return [
        *row("Provider", provider),
        *row("Model", request.model),
        *row("Images", str(job.image_count)),
        *row("Size", words.size(request.size)),
        *row("Quality", request.quality),
        *row("Format", request.output_format.upper()),
        *row("Background", request.background),
        *_seeds(request),
        *row("Steps", None if request.steps is None else str(request.steps)),
        *row("Guidance", None if request.guidance is None else f"{request.guidance:g}"),
        *row("Negative prompt", request.negative_prompt, "text"),
        *row("Images on the way", str(request.partial_images) if request.partial_images else None),
        *(fact for lora in request.loras for fact in row("LoRA", _lora(lora), "text")),
        *_alternates(job),
    ]


def _seeds(request: GenerationParameters) -> list[FactRow]:
    """Return the seed, or the seed of each image in their order."""
    if request.seeds:
        return row("Seeds, image by image", ", ".join(map(str, request.seeds)))
    return row("Seed", None if request.seed is None else str(request.seed))


def _lora(lora: Lora) -> str:
    where = lora.path if lora.name is None else f"{lora.name} ({lora.path})"
    return f"{where}, weight {lora.weight:g}"


def _alternates(job: Job) -> list[FactRow]:
    """Return the alternates, in their order."""
    return [
        fact
        for number, one in enumerate(job.alternates, 1)
        for fact in row(f"Alternate {number}", f"{one.model} of {words.provider(one.provider)}, {_made(one)}")
    ]


def _made(parameters: GenerationParameters) -> str:
    return f"{parameters.size.replace('x', ' × ')}, {parameters.quality}, {parameters.output_format.upper()}"


def _made_from(job: Job, sources: Sequence[StoredImage]) -> list[FactRow]:
    """Return the images that are edited, by the hash that was approved, each with its picture while it exists."""
    known = {image.image_id: image for image in sources}
    rows: list[FactRow] = []
    for number, reference in enumerate(job.request.references, 1):
        label = "Made from" if len(job.request.references) == 1 else f"Made from, {number}"
        image = known.get(reference.image_id)
        if image is not None:
            rows += [{"label": label, "value": image.url, "kind": "image", "thumb": image.thumbnail_url}]
        rows += row("Its image id" if image else label, reference.image_id, "code")
        rows += row("Its SHA-256", reference.sha256, "code")
    return rows


def _image(job: Job, image: JobImage, stored: StoredImage | None) -> dict[str, Any]:
    return {
        "title": f"Image {image.index + 1}",
        "state": state(image),
        "word": job_words.image_word(image, datetime.now(UTC)),
        "tone": job_words.image_tone(image),
        "thumb": image.thumbnail_url,
        "url": image.url,
        "file": None if image.url is None else image.url.rsplit("/", 1)[-1],
        "rows": [] if stored is None else _stored(job, stored),
        "attempts": [
            {"title": _attempt_title(number, image), "rows": _attempt(attempt)}
            for number, attempt in enumerate(image.attempts, 1)
        ],
    }


def _attempt_title(number: int, image: JobImage) -> str:
    return f"Attempt {number} of {len(image.attempts)}" if len(image.attempts) > 1 else "Attempt"


def _stored(job: Job, image: StoredImage) -> list[FactRow]:
    routes = [job.request, *job.alternates]
    asked = next((one for one in routes if (one.provider, one.model) == (image.provider, image.model)), job.request)
    return [
        *row("Size", _asked_and_got(asked.size.replace("x", " × "), f"{image.width} × {image.height}")),
        *row("Format", _asked_and_got(asked.output_format.upper(), image.mime_type.partition("/")[2].upper())),
        *row("File", words.file_size(image.size_bytes)),
        *row("SHA-256", image.sha256, "code"),
        *row("CDN URL", image.url, "code"),
        *row("Thumbnail", image.thumbnail_url, "code"),
        *row("Image id", image.image_id, "code"),
        *moment("Stored", image.created_at),
    ]


def _asked_and_got(asked: str, got: str) -> str:
    return f"{got}, as asked" if asked == got else f"{got} (asked for {asked})"


def _attempt(attempt: Attempt) -> list[FactRow]:
    took = None
    if attempt.started_at is not None and attempt.finished_at is not None:
        took = words.duration((attempt.finished_at - attempt.started_at).total_seconds())
    return [
        *row("Provider", words.capital(words.provider(attempt.provider))),
        *row("Model", attempt.model),
        *row("Fell back because", attempt.why),
        *row("Outcome", None if attempt.outcome is None else job_words.OUTCOME_WORDS[attempt.outcome]),
        *row("Why", None if attempt.error is None else attempt.error.message, "bad"),
        *row("Charged", None if attempt.certainty is None else job_words.CERTAINTY_WORDS[attempt.certainty]),
        *row("Quoted", f"Up to {format_usd_exact(attempt.max_cost_micros)}"),
        *row("Cost", job_words.attempt_cost(attempt)),
        *row("Usage", job_words.usage(attempt)),
        *row("Further pictures of the answer, kept 30 days", "; ".join(attempt.others), "code"),
        *row("Revised prompt", attempt.revised_prompt, "text"),
        *moment("Started", attempt.started_at),
        *moment("Finished", attempt.finished_at),
        *row("Took", took),
        *row("Budget of", attempt.budget_day),
        *row("Provider request id", attempt.provider_request_id, "code"),
        *row("Attempt id", attempt.attempt_id, "code"),
    ]
