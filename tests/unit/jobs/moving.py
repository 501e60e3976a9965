"""What a change of images moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from imagegeneration.jobs.accounting import movements
from imagegeneration.jobs.job import JobImage
from imagegeneration.money import movement
from imagegeneration.money.movement import Movement
from tests.unit.dashboard.samples import job

JOB = job()


def moved(old: Sequence[JobImage], new: Sequence[JobImage]) -> Sequence[Movement]:
    """Return the movements of the change."""
    return movements(JOB, old, new)


def money_moved(old: Sequence[JobImage], new: Sequence[JobImage]) -> Mapping[tuple[str, str], tuple[int, int]]:
    """Return the micro-dollars (held, spent) that the change moves, by day and provider."""
    return movement.money_moved(moved(old, new))


def credits_moved(old: Sequence[JobImage], new: Sequence[JobImage]) -> int:
    """Return how many more credits the new images use up."""
    return movement.credits_moved(moved(old, new))
