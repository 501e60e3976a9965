"""Choosing a model: by name, by a priority, or by PRD 003's rules for LoRAs (docs/adr/0029).

First counts what was asked for by name, then the person's preferred provider. A priority is decided by the figures that
are shown beside each model. A rule that names a model which is not to be had gives way to the best of those that are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from imagegeneration.core.ids import ProviderName
from imagegeneration.core.value import Many, Micros, Value

Priority = Literal["speed", "quality", "cost"]


class Candidate(Value):
    """A model that may be chosen. `price_micros` is an upper bound for one image (None: it has no price).

    `limitations` say in words what of the request it cannot do, `over_limit` that its price is above the limit of an
    image, `pause` why nothing is started at present, and `trouble` what is wrong with its provider by the latest check.
    It is `able` where there is none of these. `given_up` is what was not asked of it, as it cannot do it.
    """

    model: str
    provider: ProviderName
    label: str
    price_micros: Micros | None
    is_estimate: bool
    expected_seconds: float
    quality_score: int
    limitations: Many[str]
    over_limit: str | None = None
    pause: str | None = None
    trouble: str | None = None
    given_up: Many[str] = ()
    able: bool


class Choice(Value):
    """The model that was chosen, and why, in words."""

    model: str
    provider: ProviderName
    why: str


@dataclass(frozen=True)
class Wishes:
    """What the choice depends on."""

    loras: int = 0
    priority: Priority | None = None
    preferred: ProviderName | None = None


WITH_LORAS = "fal-ai/flux-lora"
"""The model of a request with LoRAs that names neither a model nor a priority. Fal serves PRD 003's standard (2 LoRAs)
and advanced (5) Flux as one application.
"""

_BEST: Mapping[Priority, Callable[[Candidate], tuple[float, ...]]] = {
    "speed": lambda candidate: (candidate.expected_seconds, _price(candidate)),
    "cost": lambda candidate: (_price(candidate), candidate.expected_seconds),
    "quality": lambda candidate: (-candidate.quality_score, _price(candidate)),
}
_WORDS: Mapping[Priority, str] = {"speed": "the fastest", "cost": "the cheapest", "quality": "the best"}


def choose(candidates: Sequence[Candidate], wishes: Wishes) -> Choice | None:
    """The model to be used; None where none is able."""
    able = [candidate for candidate in candidates if candidate.able]
    if preferred := [candidate for candidate in able if candidate.provider == wishes.preferred]:
        return _choice(best(preferred, wishes.priority or "quality"), f"of {wishes.preferred}, which is preferred")
    standard = next((candidate for candidate in able if candidate.model == WITH_LORAS), None)
    if standard is not None and wishes.loras and wishes.priority is None:
        return _choice(standard, "the standard model for LoRAs")
    if not able:
        return None
    priority = wishes.priority or "quality"
    return _choice(best(able, priority), f"{_WORDS[priority]} of those that can do it")


def or_waiting(candidates: Sequence[Candidate]) -> Sequence[Candidate]:
    """Those same; where all that could do it are paused, as if they were not: a job waits then, and is not refused."""
    if any(candidate.able for candidate in candidates):
        return candidates
    return [candidate.model_copy(update={"able": not candidate.limitations}) for candidate in candidates]


def best(candidates: Sequence[Candidate], priority: Priority) -> Candidate:
    """The first by a priority, of one or more."""
    return min(candidates, key=_BEST[priority])


def _choice(candidate: Candidate, why: str) -> Choice:
    return Choice(model=candidate.model, provider=candidate.provider, why=f"{candidate.label}: {why}.")


def _price(candidate: Candidate) -> float:
    return float("inf") if candidate.price_micros is None else candidate.price_micros
