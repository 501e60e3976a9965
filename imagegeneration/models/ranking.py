"""Ranking models: by a priority, by a preferred provider, or by PRD 003's rules for LoRAs (docs/adr/0029).

A preferred provider counts first. A priority is decided by the figures that are shown beside each model. A rule that
names a model which cannot be called gives way to the best of those that can.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from imagegeneration.core.ids import ProviderName
from imagegeneration.core.value import Many, Micros, Value
from imagegeneration.models.options import Options, Priority

WITH_LORAS = "fal-ai/flux-lora"
"""The model of a request with LoRAs that names neither a model nor a priority. Fal serves PRD 003's standard (2 LoRAs)
and advanced (5) Flux as one application.
"""


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


class Estimate(Value):
    """Every model that could be asked, the able ones first and cheapest first; and the best of them by each measure."""

    recommendations: Many[Candidate]
    cheapest: str | None
    fastest: str | None
    best_quality: str | None


_BEST: Mapping[Priority, Callable[[Candidate], tuple[float, ...]]] = {
    "speed": lambda candidate: (candidate.expected_seconds, _price(candidate)),
    "cost": lambda candidate: (_price(candidate), candidate.expected_seconds),
    "quality": lambda candidate: (-candidate.quality_score, _price(candidate)),
}
_WORDS: Mapping[Priority, str] = {"speed": "the fastest", "cost": "the cheapest", "quality": "the best"}


def choose(candidates: Sequence[Candidate], options: Options) -> tuple[Candidate, str] | None:
    """Return the model to be called for these options, and why in words; None where none is able."""
    able = [candidate for candidate in candidates if candidate.able]
    priority = options.priority or "quality"
    if preferred := [candidate for candidate in able if candidate.provider == options.provider]:
        return _because(best(preferred, priority), f"of {options.provider}, which is preferred")
    standard = next((candidate for candidate in able if candidate.model == WITH_LORAS), None)
    if standard is not None and options.loras and options.priority is None:
        return _because(standard, "the standard model for LoRAs")
    return _because(best(able, priority), f"{_WORDS[priority]} of those that can do it") if able else None


def or_waiting(candidates: Sequence[Candidate]) -> Sequence[Candidate]:
    """Return these; where all that could do it are paused, as if they were not: a job waits then instead."""
    if any(candidate.able for candidate in candidates):
        return candidates
    return [candidate.model_copy(update={"able": not candidate.limitations}) for candidate in candidates]


def best(candidates: Sequence[Candidate], priority: Priority) -> Candidate:
    """Return the first by a priority, of one or more."""
    return min(candidates, key=_BEST[priority])


def estimate(found: Sequence[Candidate]) -> Estimate:
    """Sort them, the able ones and the cheap ones first, and name the best of the able ones that give up nothing."""
    able = [one for one in found if one.able and not one.given_up]
    return Estimate(
        recommendations=tuple(sorted(found, key=lambda one: (not one.able, one.price_micros or 0, one.label))),
        cheapest=best(able, "cost").model if able else None,
        fastest=best(able, "speed").model if able else None,
        best_quality=best(able, "quality").model if able else None,
    )


def why_none(candidates: Sequence[Candidate]) -> str:
    """Say what keeps each of the candidates from doing all that is asked for, of the first five."""
    reasons = [f"{one.label}: {' '.join((*one.limitations, *one.given_up))}" for one in candidates[:5]]
    return " ".join(["No model can do all of this.", *reasons])


def _because(candidate: Candidate, why: str) -> tuple[Candidate, str]:
    return candidate, f"{candidate.label}: {why}."


def _price(candidate: Candidate) -> float:
    return float("inf") if candidate.price_micros is None else candidate.price_micros
