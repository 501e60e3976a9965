"""Changes of one attempt, which the transitions of an image are made of. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from imagegeneration.core.value import Moment
from imagegeneration.jobs.job import Attempt, AttemptError, ErrorCode, JobImage
from imagegeneration.money.money import format_usd_exact
from imagegeneration.providers.generation import Answer

OPEN_STATES = ("CALLING", "UNKNOWN")
"""The states in which a report about the last attempt still changes the image."""


def not_sent(code: ErrorCode, message: str, now: Moment) -> dict[str, Any]:
    """Return the facts of an attempt that ends before anything was sent."""
    error = AttemptError(code=code, message=message)
    return {"finished_at": now, "outcome": "not_sent", "certainty": "not_charged", "error": error}


def charged_facts(answer: Answer, cost_micros: int, now: Moment) -> dict[str, Any]:
    """Return the facts of an attempt that was charged, at `cost_micros`."""
    return {
        "finished_at": now,
        "certainty": "charged",
        "cost_micros": cost_micros,
        "usage": answer.usage,
        "provider_request_id": answer.provider_request_id,
        "revised_prompt": answer.revised_prompt,
        "others": answer.kept,
    }


def with_unknown_charge(image: JobImage, message: str, facts: Mapping[str, Any]) -> JobImage:
    """Return the image with an unclear charge: the most that the attempt can have cost counts as spent."""
    cost = image.attempt.max_cost_micros
    words = f"{message} Perhaps it was charged, up to {format_usd_exact(cost)}; it is counted as spent."
    error = AttemptError(code="INTERRUPTED", message=words)
    changes = {**facts, **own_credits(image.attempt), "outcome": "interrupted", "cost_micros": cost, "error": error}
    return with_last(image, "UNKNOWN", **changes)


def report(
    image: JobImage,
    attempt_id: str,
    state: Literal["GENERATED", "FAILED"],
    facts: Mapping[str, Any],
    spool_host: str | None = None,
) -> JobImage:
    """Apply what became known about an attempt, once. The attempt's id guards this, not the fence.

    A report also applies after a user has decided about the attempt: the truth outranks the decision. If a user has
    retried the image meanwhile, the facts stay on their attempt and the image does not change.
    """
    undecided = image.state in OPEN_STATES or (image.state == "FAILED" and image.attempt.outcome == "interrupted")
    if (
        undecided  # guard: report-open
        and image.attempt.attempt_id == attempt_id  # guard: report-own-attempt
    ):
        found = with_last(image, state, **facts, **own_credits(image.attempt))
        return found.model_copy(update={"spool_host": spool_host})
    attempts = list(image.attempts)
    for position, attempt in enumerate(attempts[:-1]):
        if attempt.attempt_id == attempt_id and attempt.outcome == "interrupted":
            attempts[position] = attempt.model_copy(update={**facts, **own_credits(attempt)})
            return image.model_copy(update={"attempts": tuple(attempts)})
    return image


def own_credits(attempt: Attempt) -> dict[str, Any]:
    """Return the credits of the attempt's own call, which replace the hold once no alternate can take over."""
    return {} if attempt.price is None else {"credits": attempt.price.credits}


def with_next(image: JobImage, attempt: Attempt) -> JobImage:
    """Return the image with a further attempt."""
    return image.model_copy(update={"attempts": (*image.attempts, attempt)})


def with_last(image: JobImage, state: str, **facts: Any) -> JobImage:
    """Return the image in `state`, with these facts on its last attempt."""
    attempts = (*image.attempts[:-1], image.attempt.model_copy(update=facts))
    return image.model_copy(update={"state": state, "attempts": attempts})


def price_of(image: JobImage, attempt_id: str) -> int:
    """Return the most that the attempt can cost in micro-dollars, or 0 if it is not of this image."""
    return next((found.max_cost_micros for found in image.attempts if found.attempt_id == attempt_id), 0)


def attempts_since(image: JobImage, since: Moment | None) -> int:
    """Count the started attempts of the current route: an alternate has attempts of its own."""
    return sum(
        attempt.started_at is not None and since is not None and attempt.started_at >= since
        for attempt in image.attempts
        if attempt.route == image.attempt.route
    )
