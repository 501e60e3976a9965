"""What can happen to one image, as pure functions (DESIGN.md, section 4, "States of one image").

Each takes the image as it is and gives the image as it shall be; the very same object where the event
changes nothing, because it was reported before or its attempt no longer counts. An image carries the money
of its attempts, so that what an event does to the ledger follows from the two images.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from imagegeneration.assets.asset import StoredImage
from imagegeneration.core.ids import ProviderName
from imagegeneration.core.value import Moment
from imagegeneration.jobs.fallback import NextRoute
from imagegeneration.jobs.job import MAX_ATTEMPTS, Attempt, AttemptError, ErrorCode, JobImage
from imagegeneration.money.money import format_usd_exact
from imagegeneration.money.price import Price
from imagegeneration.providers.generation import Answer, CallFailed, GenerationParameters

_OPEN_STATES = ("CALLING", "UNKNOWN")
"""States that a report about the last attempt still moves."""


def held(
    index: int,
    provider: ProviderName,
    model: str,
    hold_micros: int,
    day: str,
    *,
    credit_cost: int = 0,
    price: Price | None = None,
) -> JobImage:
    """A new image, with its money held and its credits spent; `price` where the hold covers alternates too."""
    opened = _opened(provider, model, hold_micros, day, credit_cost, price)
    return JobImage(index=index, state="HELD", attempts=(opened,))


def started(image: JobImage, attempt_id: str, now: Moment) -> JobImage:
    """HELD -> CALLING, the one-way door."""
    if image.state != "HELD":
        return image
    return _with_last(image, "CALLING", attempt_id=attempt_id, started_at=now)


def submitted(image: JobImage, attempt_id: str, handle: str) -> JobImage:
    """Keep the handle under which the provider can be asked for the answer: it works on the call by itself."""
    if (
        image.state != "CALLING"  # guard: handle-calling
        or image.attempt.attempt_id != attempt_id  # guard: handle-own-attempt
        or image.attempt.handle == handle
    ):
        return image
    return _with_last(image, "CALLING", handle=handle)


def previewed(image: JobImage, attempt_id: str, url: str) -> JobImage:
    """Add the URL of a preview; of no interest any more once the call has ended."""
    if (
        image.state != "CALLING"  # guard: preview-calling
        or image.attempt.attempt_id != attempt_id  # guard: preview-own-attempt
    ):
        return image
    return _with_last(image, "CALLING", partial_urls=(*image.attempt.partial_urls, url))


def generated(
    image: JobImage, attempt_id: str, answer: Answer, cost_micros: int, spool_host: str, now: Moment
) -> JobImage:
    """The provider's answer is in the spool and is an image: CALLING or UNKNOWN -> GENERATED, and the cost is known."""
    facts = _charged(answer, cost_micros, now) | {"outcome": "generated", "error": None}
    return _report(image, attempt_id, "GENERATED", facts, spool_host=spool_host)


def not_an_image(image: JobImage, attempt_id: str, answer: Answer, cost_micros: int, why: str, now: Moment) -> JobImage:
    """The provider charged for something that is no image: FAILED, and charged."""
    error = AttemptError(
        code="PROVIDER", message=f"The provider's answer is not a usable image: {why}. It was charged."
    )
    return _report(
        image, attempt_id, "FAILED", _charged(answer, cost_micros, now) | {"outcome": "not_an_image", "error": error}
    )


def lost(image: JobImage, attempt_id: str, answer: Answer, cost_micros: int, why: str, now: Moment) -> JobImage:
    """The provider made an image that could not be kept: FAILED, and charged."""
    error = AttemptError(code="STORAGE", message=f"The image was made and charged, but could not be kept: {why}.")
    return _report(
        image, attempt_id, "FAILED", _charged(answer, cost_micros, now) | {"outcome": "generated", "error": error}
    )


def set_aside(
    image: JobImage, attempt_id: str, answer: Answer, cost_micros: int, why: str, spool_host: str | None, now: Moment
) -> JobImage:
    """The provider's answer is there and could not be taken in: FAILED, charged, and kept until a person decides.

    `spool_host` None: only the bucket has it.
    """
    kept = "in the bucket" if spool_host is None else f"on {spool_host}, and an operator can have it tried again"
    words = f"The image was made and charged, but could not be taken in: {why}. The answer is kept {kept}."
    facts: dict[str, Any] = {"outcome": "set_aside", "error": AttemptError(code="STORAGE", message=words)}
    if image.state == "GENERATED" and image.attempt.attempt_id == attempt_id:  # what it costs is known
        return _with_last(image, "FAILED", **facts).model_copy(update={"spool_host": spool_host})
    return _report(image, attempt_id, "FAILED", _charged(answer, cost_micros, now) | facts, spool_host=spool_host)


def tried_again(image: JobImage, _now: Moment) -> JobImage:
    """FAILED -> GENERATED by a person: the answer that was set aside is taken in once more."""
    if not image.is_set_aside or image.spool_host is None:
        return image
    return _with_last(image, "GENERATED", outcome="generated", error=None)


def failed(
    image: JobImage,
    attempt_id: str,
    failure: CallFailed,
    now: Moment,
    *,
    again_since: Moment | None,
    following: NextRoute | None = None,
) -> JobImage:
    """The call brought no answer.

    Known not to be charged: back to HELD for another attempt, if the failure may pass and fewer than three
    attempts were made there since `again_since` (None: no further attempt is wanted); else with the alternate, if one
    was approved; else FAILED. What may be a refused prompt is not shopped around. Known to be charged: FAILED, at the
    price. Not known: UNKNOWN, with the most that the call costs counted as spent.
    """
    facts: dict[str, Any] = {
        "finished_at": now,
        "certainty": failure.certainty,
        "provider_request_id": failure.provider_request_id,
    }
    if failure.certainty == "unknown":  # guard: fallback-not-after-unknown-charge
        if image.state != "CALLING" or image.attempt.attempt_id != attempt_id:
            return image
        return _unknown(image, failure.message, facts)
    code: ErrorCode = "MODERATION" if failure.moderated else "PROVIDER"
    outcome = "moderated" if failure.moderated else "unavailable" if failure.retryable else "refused"
    charged = failure.certainty == "charged"
    cost_micros = _price_of(image, attempt_id) if charged else 0
    facts |= {"outcome": outcome, "cost_micros": cost_micros, "error": AttemptError(code=code, message=failure.message)}
    goes_on = (
        again_since is not None  # guard: fallback-wanted
        and image.state == "CALLING"  # guard: fallback-open-call
        and image.attempt.attempt_id == attempt_id  # guard: fallback-own-attempt
    )
    if (
        goes_on
        and not charged  # guard: attempt-not-after-charge
        and failure.retryable
        and _attempts_since(image, again_since) < MAX_ATTEMPTS  # guard: attempt-limit
    ):
        return _with_next(_with_last(image, "HELD", **facts), _again(image.attempt))
    if (
        goes_on
        and not charged  # guard: fallback-not-after-charge
        and following is not None
        and not failure.stops  # guard: fallback-refused-prompt
    ):
        return _with_next(_with_last(image, "HELD", **facts), _alternate(image.attempt, following))
    return _report(image, attempt_id, "FAILED", facts)


def passed_over(image: JobImage, following: NextRoute, now: Moment) -> JobImage:
    """HELD, and on with the alternate, without a call to the one whose turn it was."""
    if image.state != "HELD":  # guard: pass-over-held
        return image
    closed = _with_last(image, "HELD", **_not_sent("PROVIDER", following.why, now))
    return _with_next(closed, _alternate(image.attempt, following))


def interrupted(image: JobImage, now: Moment) -> JobImage:
    """The runner that made the call is gone and nothing is found of the answer: CALLING -> UNKNOWN."""
    if image.state != "CALLING":
        return image
    return _unknown(image, "The runner stopped during the call.", {"finished_at": now, "certainty": "unknown"})


def stored(image: JobImage, attempt_id: str, record: StoredImage) -> JobImage:
    """GENERATED -> STORED: original and thumbnail are in the bucket. Also for an image that was given up as lost."""
    given_up = image.state == "FAILED" and image.attempt.outcome in ("generated", "set_aside")
    if (
        not (image.state == "GENERATED" or given_up)
        or image.attempt.attempt_id != attempt_id  # guard: stored-own-attempt
    ):
        return image
    found = _with_last(image, "STORED", outcome="generated", error=None)
    changes = {
        "image_id": record.image_id,
        "url": record.url,
        "thumbnail_url": record.thumbnail_url,
        "spool_host": None,
    }
    return found.model_copy(update=changes)


def dropped(image: JobImage, code: ErrorCode, message: str, now: Moment) -> JobImage:
    """HELD -> FAILED without a call: the hold is released."""
    if image.state != "HELD":
        return image
    return _with_last(image, "FAILED", **_not_sent(code, message, now))


def reopened(
    image: JobImage,
    request: GenerationParameters,
    hold_micros: int,
    day: str,
    *,
    credit_cost: int = 0,
    price: Price | None = None,
) -> JobImage:
    """FAILED or UNKNOWN -> HELD under a new approval, again with what was asked for first."""
    if not image.is_missing:
        return image
    opened = _opened(request.provider, request.model, hold_micros, day, credit_cost, price)
    return _with_next(image, opened).model_copy(update={"state": "HELD"})


def accepted_as_lost(image: JobImage, now: Moment) -> JobImage:
    """UNKNOWN -> FAILED by a person: the money is given up and stays counted as spent."""
    if image.state != "UNKNOWN":
        return image
    cost = format_usd_exact(image.attempt.cost_micros)
    words = f"Accepted as lost: perhaps charged, up to {cost}, which stays counted as spent."
    return _with_last(image, "FAILED", finished_at=now, error=AttemptError(code="INTERRUPTED", message=words))


def marked_not_charged(image: JobImage, now: Moment) -> JobImage:
    """UNKNOWN -> FAILED by a person who has seen that the provider did not charge: the money is given back."""
    if image.state != "UNKNOWN":
        return image
    error = AttemptError(code="PROVIDER", message="Nothing came back, and somebody has seen that it was not charged.")
    facts = {"finished_at": now, "certainty": "not_charged", "cost_micros": 0, "error": error}
    return _with_last(image, "FAILED", **facts)


def declared_lost(image: JobImage, now: Moment) -> JobImage:
    """GENERATED -> FAILED by a person: the machine that has the bytes is gone for good. It stays charged.

    Also an answer that was set aside is so given up.
    """
    if image.is_set_aside:
        error = AttemptError(
            code="STORAGE", message="The image was made and charged, but could not be taken in. Declared lost."
        )
        return _with_last(image, "FAILED", outcome="generated", finished_at=now, error=error)
    if image.state != "GENERATED":
        return image
    words = f"The image was made and charged, but {image.spool_host}, which has it, is gone. Declared lost."
    error = AttemptError(code="STORAGE", message=words)
    return _with_last(image, "FAILED", finished_at=now, error=error)


def _opened(
    provider: ProviderName,
    model: str,
    hold_micros: int,
    day: str,
    credit_cost: int,
    price: Price | None,
    route: int = 0,
    why: str | None = None,
) -> Attempt:
    return Attempt(
        provider=provider,
        model=model,
        held_micros=hold_micros,
        budget_day=day,
        credits=credit_cost,
        price=price,
        route=route,
        why=why,
    )


def _again(last: Attempt) -> Attempt:
    return _opened(
        last.provider,
        last.model,
        last.held_micros,
        last.budget_day,
        last.credits,
        last.price,
        route=last.route,
        why=last.why,
    )


def _alternate(last: Attempt, to: NextRoute) -> Attempt:
    """An attempt of the alternate. What need not be held any more is let go of; nothing more is held."""
    return _opened(
        to.route.parameters.provider,
        to.route.parameters.model,
        min(to.hold.micros, last.held_micros),  # guard: fallback-hold-limit
        last.budget_day,
        min(to.hold.credits, last.credits),  # guard: fallback-credits-limit
        to.price,
        route=to.route.index,
        why=to.why,
    )


def _not_sent(code: ErrorCode, message: str, now: Moment) -> dict[str, Any]:
    error = AttemptError(code=code, message=message)
    return {"finished_at": now, "outcome": "not_sent", "certainty": "not_charged", "error": error}


def _charged(answer: Answer, cost_micros: int, now: Moment) -> dict[str, Any]:
    return {
        "finished_at": now,
        "certainty": "charged",
        "cost_micros": cost_micros,
        "usage": answer.usage,
        "provider_request_id": answer.provider_request_id,
        "revised_prompt": answer.revised_prompt,
        "others": answer.kept,
    }


def _unknown(image: JobImage, message: str, facts: Mapping[str, Any]) -> JobImage:
    cost = image.attempt.max_cost_micros
    words = f"{message} Perhaps it was charged, up to {format_usd_exact(cost)}; it is counted as spent."
    error = AttemptError(code="INTERRUPTED", message=words)
    changes = {**facts, **_own_credits(image.attempt), "outcome": "interrupted", "cost_micros": cost, "error": error}
    return _with_last(image, "UNKNOWN", **changes)


def _report(
    image: JobImage,
    attempt_id: str,
    state: Literal["GENERATED", "FAILED"],
    facts: Mapping[str, Any],
    spool_host: str | None = None,
) -> JobImage:
    """Apply what became known of an attempt, once. The attempt's id guards it, not the fence.

    It is also accepted after a person has decided about the attempt: the truth outranks the decision. If a
    person has retried the image meanwhile, the facts stay on their attempt and the image is left alone.
    """
    undecided = image.state in _OPEN_STATES or (image.state == "FAILED" and image.attempt.outcome == "interrupted")
    if (
        undecided  # guard: report-open
        and image.attempt.attempt_id == attempt_id  # guard: report-own-attempt
    ):
        found = _with_last(image, state, **facts, **_own_credits(image.attempt))
        return found.model_copy(update={"spool_host": spool_host})
    attempts = list(image.attempts)
    for position, attempt in enumerate(attempts[:-1]):
        if attempt.attempt_id == attempt_id and attempt.outcome == "interrupted":
            attempts[position] = attempt.model_copy(update={**facts, **_own_credits(attempt)})
            return image.model_copy(update={"attempts": tuple(attempts)})
    return image


def _own_credits(attempt: Attempt) -> dict[str, Any]:
    """What the attempt's own call uses up, once nobody else is going to be called for it."""
    return {} if attempt.price is None else {"credits": attempt.price.credits}


def _with_next(image: JobImage, attempt: Attempt) -> JobImage:
    return image.model_copy(update={"attempts": (*image.attempts, attempt)})


def _with_last(image: JobImage, state: str, **facts: Any) -> JobImage:
    attempts = (*image.attempts[:-1], image.attempt.model_copy(update=facts))
    return image.model_copy(update={"state": state, "attempts": attempts})


def _price_of(image: JobImage, attempt_id: str) -> int:
    return next((found.max_cost_micros for found in image.attempts if found.attempt_id == attempt_id), 0)


def _attempts_since(image: JobImage, since: Moment | None) -> int:
    """Count those of the route whose turn it is: an alternate's tries are its own."""
    return sum(
        attempt.started_at is not None and since is not None and attempt.started_at >= since
        for attempt in image.attempts
        if attempt.route == image.attempt.route
    )
