"""The ranking of models: by a priority, a preferred provider, or the rules for LoRAs.

The rules are those of the PRD "Image Generation v2" (docs/adr/0029-priorities-by-figures.md). A preferred provider
counts first. A priority is decided by the figures that are shown beside each model. If the model that a rule names
cannot be called, the best callable one is chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from imagegeneration.core.ids import ProviderName
from imagegeneration.core.value import Many, Micros, Value
from imagegeneration.models.options import Options, Priority

WITH_LORAS = "fal-ai/flux-lora"
"""The model of a request with LoRAs without a model or a priority.

Fal serves the standard Flux (2 LoRAs) and the advanced one (5) of the PRD "Image Generation v2" as one application.
"""


class Candidate(Value):
    """A model that may be chosen. `price_micros` is an upper bound for one image, or None if it has no price.

    `limitations` say in words what of the request it cannot do. `over_limit` says that its price is above the limit of
    an image, `pause` why no call is started at present, and `trouble` what is wrong with its provider by the latest
    check. It is `able` if there is none of these. `given_up` says which options were dropped because it cannot do them.
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
    """Every candidate, the able ones first and cheapest first, and the best able one by each measure."""

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
    """Return the model for these options and the reason in words, or None if none is able."""
    able = [candidate for candidate in candidates if candidate.able]
    priority = options.priority or "quality"
    if preferred := [candidate for candidate in able if candidate.provider == options.provider]:
        return _because(best(preferred, priority), f"of {options.provider}, which is preferred")
    standard = next((candidate for candidate in able if candidate.model == WITH_LORAS), None)
    if standard is not None and options.loras and options.priority is None:
        return _because(standard, "the standard model for LoRAs")
    return _because(best(able, priority), f"{_WORDS[priority]} of those that can do it") if able else None


def or_waiting(candidates: Sequence[Candidate]) -> Sequence[Candidate]:
    """Return the candidates. If none is able, those without limitations count as able, and their jobs wait."""
    if any(candidate.able for candidate in candidates):
        return candidates
    return [candidate.model_copy(update={"able": not candidate.limitations}) for candidate in candidates]


def best(candidates: Sequence[Candidate], priority: Priority) -> Candidate:
    """Return the best of one or more candidates by a priority."""
    return min(candidates, key=_BEST[priority])


def estimate(found: Sequence[Candidate]) -> Estimate:
    """Sort the candidates, able and cheap ones first, and name the best able ones that give up nothing."""
    able = [one for one in found if one.able and not one.given_up]
    return Estimate(
        recommendations=tuple(sorted(found, key=lambda one: (not one.able, one.price_micros or 0, one.label))),
        cheapest=best(able, "cost").model if able else None,
        fastest=best(able, "speed").model if able else None,
        best_quality=best(able, "quality").model if able else None,
    )


def why_none(candidates: Sequence[Candidate]) -> str:
    """Return why each of the first five candidates cannot do the request, in words."""
    reasons = [f"{one.label}: {' '.join((*one.limitations, *one.given_up))}" for one in candidates[:5]]
    return " ".join(["No model can do all of this.", *reasons])


def _because(candidate: Candidate, why: str) -> tuple[Candidate, str]:
    return candidate, f"{candidate.label}: {why}."


def _price(candidate: Candidate) -> float:
    return float("inf") if candidate.price_micros is None else candidate.price_micros
