"""The accounting of image changes: the money, credits and usage that a change moves, attempt by attempt. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import zip_longest
from typing import NamedTuple

from imagegeneration.jobs.job import Attempt, Job, JobImage
from imagegeneration.money.movement import Movement

BILL_TOLERANCE = Fraction(105, 100)
"""How many times its hold a bill may be before the model is paused. A higher bill is recorded all the same."""


class _Standing(NamedTuple):
    """What an attempt counts for at one moment."""

    held_micros: int = 0
    spent_micros: int = 0
    credits: int = 0
    images: int = 0


def movements(job: Job, old: Sequence[JobImage], new: Sequence[JobImage]) -> Sequence[Movement]:
    """Return what the change from `old` to `new` moves, in the order of images and attempts.

    An image that is not among `old` is new. Attempts that move nothing are left out.
    """
    before = {image.index: image for image in old}
    found = (movement for image in new for movement in _of_image(job, before.get(image.index), image))
    return [movement for movement in found if not movement.is_empty]


def billed_above_hold(old: JobImage, new: JobImage) -> Attempt | None:
    """Return the attempt whose bill, known by this change, is well above its price, or None if there is none.

    Such a bill means that the catalog is wrong. BILL_TOLERANCE allows for a few extra tokens, which are no reason to
    pause a model.
    """
    pairs = zip(new.attempts, old.attempts, strict=False)
    billed = (attempt for attempt, before in pairs if attempt.cost_micros > before.cost_micros)
    return next((attempt for attempt in billed if attempt.cost_micros > attempt.max_cost_micros * BILL_TOLERANCE), None)


def _of_image(job: Job, old: JobImage | None, new: JobImage) -> Iterator[Movement]:
    known = () if old is None else old.attempts
    for attempt, before in zip_longest(new.attempts, known):
        was = _Standing() if old is None or before is None else _standing(old, before)
        now = _standing(new, attempt)
        yield Movement(
            day=attempt.budget_day,
            user_id=job.user_id,
            provider=attempt.provider,  # guard: movement-own-provider
            model=attempt.model,
            job_id=job.job_id,
            index=new.index,
            attempt_id=attempt.attempt_id,
            outcome=attempt.outcome,
            held_micros=now.held_micros - was.held_micros,
            spent_micros=now.spent_micros - was.spent_micros,
            credits=now.credits - was.credits,
            images=now.images - was.images,
            seconds=0.0 if before is not None and before.finished_at is not None else _seconds(attempt),
        )


def _standing(image: JobImage, attempt: Attempt) -> _Standing:
    """Return what an attempt of the image counts for. An unclear charge uses up credits, as it does money."""
    is_open = image.state in ("HELD", "CALLING") and attempt is image.attempt
    return _Standing(
        held_micros=attempt.held_micros if is_open else 0,
        spent_micros=attempt.cost_micros,
        credits=0 if attempt.certainty == "not_charged" else attempt.credits,
        images=int(attempt.outcome == "generated"),
    )


def _seconds(attempt: Attempt) -> float:
    if attempt.started_at is None or attempt.finished_at is None:
        return 0.0
    return (attempt.finished_at - attempt.started_at).total_seconds()
