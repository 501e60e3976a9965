"""The transitions of one image, as pure functions (docs/architecture.md).

Each takes an image and returns the next one. It returns the very same object if the event changes nothing, because it
was reported before or because its attempt no longer counts. An image carries the money of its attempts, so that the
effect on the ledger follows from the two images.
"""

from __future__ import annotations

from typing import Any

from imagegeneration.assets.asset import StoredImage
from imagegeneration.core.ids import ProviderName
from imagegeneration.core.value import Moment
from imagegeneration.jobs.attempts import (
    attempts_since,
    charged_facts,
    not_sent,
    price_of,
    report,
    with_last,
    with_next,
    with_unknown_charge,
)
from imagegeneration.jobs.fallback import NextRoute
from imagegeneration.jobs.job import MAX_ATTEMPTS, AttemptError, ErrorCode, JobImage
from imagegeneration.jobs.next_attempts import new_attempt, on_next_route, repeated
from imagegeneration.money.money import format_usd_exact
from imagegeneration.money.price import Price
from imagegeneration.providers.generation import Answer, CallFailed, GenerationParameters


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
    """Return a new image with its money held and its credits used. `price` is given if the hold covers alternates."""
    opened = new_attempt(provider, model, hold_micros, day, credit_cost, price)
    return JobImage(index=index, state="HELD", attempts=(opened,))


def started(image: JobImage, attempt_id: str, now: Moment) -> JobImage:
    """Pass the one-way door: HELD -> CALLING."""
    if image.state != "HELD":
        return image
    return with_last(image, "CALLING", attempt_id=attempt_id, started_at=now)


def submitted(image: JobImage, attempt_id: str, handle: str) -> JobImage:
    """Store the `handle` under which the provider, which has accepted the call, can be asked for the answer."""
    if (
        image.state != "CALLING"  # guard: handle-calling
        or image.attempt.attempt_id != attempt_id  # guard: handle-own-attempt
        or image.attempt.handle == handle
    ):
        return image
    return with_last(image, "CALLING", handle=handle)


def previewed(image: JobImage, attempt_id: str, url: str) -> JobImage:
    """Add a preview at `url`. A preview that comes after the call has ended changes nothing."""
    if (
        image.state != "CALLING"  # guard: preview-calling
        or image.attempt.attempt_id != attempt_id  # guard: preview-own-attempt
    ):
        return image
    return with_last(image, "CALLING", partial_urls=(*image.attempt.partial_urls, url))


def generated(
    image: JobImage, attempt_id: str, answer: Answer, cost_micros: int, spool_host: str, now: Moment
) -> JobImage:
    """Settle an answer that is spooled and is an image: CALLING or UNKNOWN -> GENERATED. The cost is known now."""
    facts = charged_facts(answer, cost_micros, now) | {"outcome": "generated", "error": None}
    return report(image, attempt_id, "GENERATED", facts, spool_host=spool_host)


def not_an_image(image: JobImage, attempt_id: str, answer: Answer, cost_micros: int, why: str, now: Moment) -> JobImage:
    """Fail an image whose answer is no image: FAILED, and charged."""
    error = AttemptError(
        code="PROVIDER", message=f"The provider's answer is not a usable image: {why}. It was charged."
    )
    return report(
        image,
        attempt_id,
        "FAILED",
        charged_facts(answer, cost_micros, now) | {"outcome": "not_an_image", "error": error},
    )


def lost(image: JobImage, attempt_id: str, answer: Answer, cost_micros: int, why: str, now: Moment) -> JobImage:
    """Fail an image that was made but could not be kept: FAILED, and charged."""
    error = AttemptError(code="STORAGE", message=f"The image was made and charged, but could not be kept: {why}.")
    return report(
        image, attempt_id, "FAILED", charged_facts(answer, cost_micros, now) | {"outcome": "generated", "error": error}
    )


def set_aside(
    image: JobImage, attempt_id: str, answer: Answer, cost_micros: int, why: str, spool_host: str | None, now: Moment
) -> JobImage:
    """Set an answer aside that could not be taken in: FAILED, charged, and kept until a user decides.

    `spool_host` is None if only the bucket has the answer.
    """
    kept = "in the bucket" if spool_host is None else f"on {spool_host}, and an operator can have it tried again"
    words = f"The image was made and charged, but could not be taken in: {why}. The answer is kept {kept}."
    facts: dict[str, Any] = {"outcome": "set_aside", "error": AttemptError(code="STORAGE", message=words)}
    if image.state == "GENERATED" and image.attempt.attempt_id == attempt_id:  # its cost is known
        return with_last(image, "FAILED", **facts).model_copy(update={"spool_host": spool_host})
    return report(image, attempt_id, "FAILED", charged_facts(answer, cost_micros, now) | facts, spool_host=spool_host)


def tried_again(image: JobImage, _now: Moment) -> JobImage:
    """Take an answer that was set aside in once more, as a user decided: FAILED -> GENERATED."""
    if not image.is_set_aside or image.spool_host is None:
        return image
    return with_last(image, "GENERATED", outcome="generated", error=None)


def failed(
    image: JobImage,
    attempt_id: str,
    failure: CallFailed,
    now: Moment,
    *,
    again_since: Moment | None,
    following: NextRoute | None = None,
) -> JobImage:
    """Record a call that brought no answer.

    A failure known not to be charged returns the image to HELD for another attempt, if the failure may pass and fewer
    than three attempts of this route started after `again_since`. Otherwise the alternate in `following` takes over, if
    there is one, else the image is FAILED. `again_since` is None if no further attempt is wanted. A prompt that was
    perhaps refused is not sent to an alternate.

    A failure known to be charged makes the image FAILED, at the price. If the charge is unclear, the image is UNKNOWN,
    and the most that the call costs counts as spent.
    """
    facts: dict[str, Any] = {
        "finished_at": now,
        "certainty": failure.certainty,
        "provider_request_id": failure.provider_request_id,
    }
    if failure.certainty == "unknown":  # guard: fallback-not-after-unknown-charge
        if image.state != "CALLING" or image.attempt.attempt_id != attempt_id:
            return image
        return with_unknown_charge(image, failure.message, facts)
    code: ErrorCode = "MODERATION" if failure.moderated else "PROVIDER"
    outcome = "moderated" if failure.moderated else "unavailable" if failure.retryable else "refused"
    charged = failure.certainty == "charged"
    cost_micros = price_of(image, attempt_id) if charged else 0
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
        and attempts_since(image, again_since) < MAX_ATTEMPTS  # guard: attempt-limit
    ):
        return with_next(with_last(image, "HELD", **facts), repeated(image.attempt))
    if (
        goes_on
        and not charged  # guard: fallback-not-after-charge
        and following is not None
        and not failure.stops  # guard: fallback-refused-prompt
    ):
        return with_next(with_last(image, "HELD", **facts), on_next_route(image.attempt, following))
    return report(image, attempt_id, "FAILED", facts)


def passed_over(image: JobImage, following: NextRoute, now: Moment) -> JobImage:
    """Skip the current route without a call: the image stays HELD and the alternate takes over."""
    if image.state != "HELD":  # guard: pass-over-held
        return image
    closed = with_last(image, "HELD", **not_sent("PROVIDER", following.why, now))
    return with_next(closed, on_next_route(image.attempt, following))


def interrupted(image: JobImage, now: Moment) -> JobImage:
    """Record that the runner that made the call is gone and left no answer: CALLING -> UNKNOWN."""
    if image.state != "CALLING":
        return image
    return with_unknown_charge(
        image, "The runner stopped during the call.", {"finished_at": now, "certainty": "unknown"}
    )


def stored(image: JobImage, attempt_id: str, record: StoredImage) -> JobImage:
    """Record that original and thumbnail are in the bucket: GENERATED, or FAILED as lost or set aside -> STORED."""
    given_up = image.state == "FAILED" and image.attempt.outcome in ("generated", "set_aside")
    if (
        not (image.state == "GENERATED" or given_up)
        or image.attempt.attempt_id != attempt_id  # guard: stored-own-attempt
    ):
        return image
    found = with_last(image, "STORED", outcome="generated", error=None)
    changes = {
        "image_id": record.image_id,
        "url": record.url,
        "thumbnail_url": record.thumbnail_url,
        "spool_host": None,
    }
    return found.model_copy(update=changes)


def dropped(image: JobImage, code: ErrorCode, message: str, now: Moment) -> JobImage:
    """Fail an image without a call and release its hold: HELD -> FAILED."""
    if image.state != "HELD":
        return image
    return with_last(image, "FAILED", **not_sent(code, message, now))


def reopened(
    image: JobImage,
    request: GenerationParameters,
    hold_micros: int,
    day: str,
    *,
    credit_cost: int = 0,
    price: Price | None = None,
) -> JobImage:
    """Open an image again under a new approval, starting with the request: FAILED or UNKNOWN -> HELD."""
    if not image.is_missing:
        return image
    opened = new_attempt(request.provider, request.model, hold_micros, day, credit_cost, price)
    return with_next(image, opened).model_copy(update={"state": "HELD"})


def accepted_as_lost(image: JobImage, now: Moment) -> JobImage:
    """Accept an unclear charge as lost, as a user decided: UNKNOWN -> FAILED. It stays counted as spent."""
    if image.state != "UNKNOWN":
        return image
    cost = format_usd_exact(image.attempt.cost_micros)
    words = f"Accepted as lost: perhaps charged, up to {cost}, which stays counted as spent."
    return with_last(image, "FAILED", finished_at=now, error=AttemptError(code="INTERRUPTED", message=words))


def marked_not_charged(image: JobImage, now: Moment) -> JobImage:
    """Release the money, as a user has seen that the provider did not charge: UNKNOWN -> FAILED."""
    if image.state != "UNKNOWN":
        return image
    error = AttemptError(code="PROVIDER", message="Nothing came back, and somebody has seen that it was not charged.")
    facts = {"finished_at": now, "certainty": "not_charged", "cost_micros": 0, "error": error}
    return with_last(image, "FAILED", **facts)


def declared_lost(image: JobImage, now: Moment) -> JobImage:
    """Give up an image, as a user decided that its machine is lost: GENERATED -> FAILED. It stays charged.

    An answer that was set aside is given up the same way.
    """
    if image.is_set_aside:
        error = AttemptError(
            code="STORAGE", message="The image was made and charged, but could not be taken in. Declared lost."
        )
        return with_last(image, "FAILED", outcome="generated", finished_at=now, error=error)
    if image.state != "GENERATED":
        return image
    words = f"The image was made and charged, but {image.spool_host}, which has it, is gone. Declared lost."
    error = AttemptError(code="STORAGE", message=words)
    return with_last(image, "FAILED", finished_at=now, error=error)
