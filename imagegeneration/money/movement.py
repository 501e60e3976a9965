"""Movements: how a change moves the money, the credits and the usage of one call."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from imagegeneration.core.ids import ProviderName


@dataclass(frozen=True)
class Movement:
    """The amounts that a change moves for one attempt at an image; below zero if they are given back.

    `attempt_id` is None until the provider is called, and `outcome` until the attempt has ended. `images` is the number
    of images made and `seconds` the length of the call; both count once, when it ends.
    """

    day: str
    user_id: str
    provider: ProviderName
    model: str
    job_id: str
    index: int
    attempt_id: str | None
    outcome: str | None
    held_micros: int = 0
    spent_micros: int = 0
    credits: int = 0
    images: int = 0
    seconds: float = 0.0

    @property
    def is_empty(self) -> bool:
        """Return whether nothing moves."""
        return not (self.held_micros or self.spent_micros or self.credits or self.images or self.seconds)


def money_moved(movements: Iterable[Movement]) -> Mapping[tuple[str, ProviderName], tuple[int, int]]:
    """Return the micro-dollars (held, spent) that move on each day at each provider, without zero pairs."""
    moved: defaultdict[tuple[str, ProviderName], tuple[int, int]] = defaultdict(lambda: (0, 0))
    for each in movements:
        held, spent = moved[each.day, each.provider]
        moved[each.day, each.provider] = (held + each.held_micros, spent + each.spent_micros)
    return {key: deltas for key, deltas in moved.items() if deltas != (0, 0)}


def credits_moved(movements: Iterable[Movement]) -> int:
    """Return how many more credits are used up; below zero if they are given back."""
    return sum(each.credits for each in movements)
