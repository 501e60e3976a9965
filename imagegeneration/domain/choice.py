"""Choosing a model: PRD 003's rules as a table, and what every able model would cost (PRD 003, 4.2 B and D; PRD 002).

First counts what was asked for by name, then the person's preferred provider, then the rules. A rule that names a
model which is not to be had gives way to the best of those that are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from imagegeneration.domain.generation import ProviderName
from imagegeneration.domain.value import Many, Micros, Value

Priority = Literal["speed", "quality", "cost"]


class Candidate(Value):
    """A model that may be chosen. `price_micros` is an upper bound for one image (None: it has no price).

    `limitations` say in words what of the request it cannot do, and `pause` why nothing is started at present; it is
    `able` where there is neither.
    """

    model: str
    provider: ProviderName
    label: str
    price_micros: Micros | None
    is_estimate: bool
    expected_seconds: float
    quality_score: int
    limitations: Many[str]
    pause: str | None = None
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


@dataclass(frozen=True)
class Rule:
    """One of PRD 003's rules: where it applies it names models (or all of a provider's), best first."""

    applies: Callable[[Wishes], bool]
    models: Sequence[str]
    why: str


STANDARD = ADVANCED = "fal-ai/flux-lora"
"""Fal serves PRD 003's standard (2 LoRAs) and advanced (5) Flux as one application."""

JUGGERNAUT = "rundiffusion-fal/juggernaut-flux-lora"
OPENAI = ("gpt-image-2.5-flare",)

RULES: Sequence[Rule] = (
    Rule(lambda wishes: wishes.loras == 0 and wishes.priority == "speed", OPENAI, "fast, and no LoRA is wanted"),
    Rule(lambda wishes: wishes.loras > 2, (ADVANCED,), "it takes up to five LoRAs"),
    Rule(lambda wishes: wishes.loras > 0 and wishes.priority == "quality", (JUGGERNAUT,), "the best with LoRAs"),
    Rule(lambda wishes: wishes.loras == 0 and wishes.priority == "cost", OPENAI, "cheap, and no LoRA is wanted"),
    Rule(lambda wishes: wishes.loras > 0 and wishes.priority == "cost", (STANDARD,), "the cheapest with LoRAs"),
    Rule(lambda wishes: wishes.priority is not None or wishes.loras > 0, (STANDARD,), "the standard model"),
)
"""PRD 003, "Provider Selection Logic", rules 1 to 4 and the default, with the living models of the catalog."""

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
    rule = next((rule for rule in RULES if rule.applies(wishes)), None)
    for name in rule.models if rule else ():
        for candidate in able:
            if rule and candidate.model == name:
                return _choice(candidate, rule.why)
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
