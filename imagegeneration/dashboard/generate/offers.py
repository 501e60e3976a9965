"""The models side by side, as the Options panel offers them: price, time and quality of each. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from imagegeneration.core.ids import ProviderName
from imagegeneration.dashboard.kit import words
from imagegeneration.models.choice import Candidate, Choice, Priority
from imagegeneration.models.choosing import Estimate
from imagegeneration.models.options import Options
from imagegeneration.money.money import format_usd

AUTOMATIC: Mapping[Priority | None, str] = {
    None: "As usual",
    "speed": "Automatic, for speed",
    "quality": "Automatic, for quality",
    "cost": "Automatic, for price",
}
"""How the choice can be left to the studio: by a priority, or as it usually does."""


@dataclass(frozen=True)
class Automatic:
    """What is left to the studio by a priority: the model that it would choose, and why; None, and why not."""

    priority: Priority | None
    model: str | None
    why: str


def offers(
    options: Options, automatic: Sequence[Automatic], estimate: Estimate, troubles: Mapping[ProviderName, str]
) -> list[dict[str, Any]]:
    """The rows of the panel: what is left to the studio first, then each model, those that are not able last.

    `troubles` say of the providers that do not work at present that they do not.
    """
    known = {candidate.model: candidate for candidate in estimate.recommendations}
    left = [_left_to_the_studio(one, known, options, troubles) for one in automatic]
    return [*left, *(_by_name(candidate, estimate, options, troubles) for candidate in estimate.recommendations)]


def read_pick(key: str) -> tuple[str | None, Priority | None]:
    """The model or the priority that a row stands for; a row that is not there stands for what is usual."""
    kind, _, name = key.partition(":")
    if kind == "model" and name:
        return name, None
    return None, next((priority for priority in AUTOMATIC if priority == name), None)


def automatic(priority: Priority | None, choice: Choice | None, estimate: Estimate, why_not: str = "") -> Automatic:
    """What a priority leads to: never a model whose provider does not work, and never one that cannot be approved."""
    if choice is None:
        return Automatic(priority, None, why_not)
    row = next((one for one in estimate.recommendations if one.model == choice.model), None)
    if priority is not None and (row is None or not row.able):
        return Automatic(priority, None, "No model that can make this works at present.")
    return Automatic(priority, choice.model, choice.why)


def _left_to_the_studio(
    one: Automatic, known: Mapping[str, Candidate], options: Options, troubles: Mapping[ProviderName, str]
) -> dict[str, Any]:
    candidate = None if one.model is None else known.get(one.model)
    return {
        "key": f"auto:{one.priority or ''}",
        "title": AUTOMATIC[one.priority],
        "about": " ".join([one.why, *([] if candidate is None else _said_of(candidate, troubles))]),
        "tags": [],
        "off": candidate is None or _is_off(candidate),
        "checked": options.model is None and options.priority == one.priority,
        **_figures(candidate),
    }


def _by_name(
    candidate: Candidate, estimate: Estimate, options: Options, troubles: Mapping[ProviderName, str]
) -> dict[str, Any]:
    best = (
        ("cheapest", estimate.cheapest),
        ("fastest", estimate.fastest),
        ("best quality", estimate.best_quality),
    )
    return {
        "key": f"model:{candidate.model}",
        "title": candidate.label,
        "about": " ".join(_said_of(candidate, troubles)),
        "tags": [tag for tag, model in best if model == candidate.model],
        "off": _is_off(candidate),
        "checked": options.model == candidate.model,
        **_figures(candidate),
    }


def _said_of(candidate: Candidate, troubles: Mapping[ProviderName, str]) -> list[str]:
    """What speaks against a model, and what is given up with it."""
    found = (*candidate.limitations, candidate.over_limit, candidate.pause, troubles.get(candidate.provider))
    return [text for text in (*found, *candidate.given_up) if text]


def _is_off(candidate: Candidate) -> bool:
    """Whether a row cannot be chosen. What only its latest check speaks against can: a check may be minutes old."""
    return bool(candidate.limitations or candidate.over_limit or candidate.pause)


def _figures(candidate: Candidate | None) -> dict[str, str | bool | None]:
    if candidate is None:
        return {"price": None, "estimate": False, "time": "", "quality": ""}
    micros = candidate.price_micros
    return {
        "price": None if micros is None else format_usd(micros),
        "estimate": candidate.is_estimate and micros is not None,
        "time": words.duration(candidate.expected_seconds),
        "quality": f"{candidate.quality_score} of 10",
    }
