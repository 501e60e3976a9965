"""The models side by side, as the Options panel offers them: price, time and quality of each. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imagegeneration.core.ids import ProviderName
from imagegeneration.dashboard.kit import words
from imagegeneration.models.automatic import Automatic, Comparison
from imagegeneration.models.options import Options, Priority
from imagegeneration.models.ranking import Candidate, Estimate
from imagegeneration.money.money import format_usd

AUTOMATIC: Mapping[Priority | None, str] = {
    None: "As usual",
    "speed": "Automatic, for speed",
    "quality": "Automatic, for quality",
    "cost": "Automatic, for price",
}
"""How the choice can be left to the studio: by a priority, or as it usually does."""


def offers(options: Options, found: Comparison, troubles: Mapping[ProviderName, str]) -> list[dict[str, Any]]:
    """Return the rows of the panel: what is left to the studio first, then each model, those that are not able last.

    `troubles` say of the providers that do not work at present that they do not.
    """
    left = [_left_to_the_studio(one, options, troubles) for one in found.automatic]
    return [*left, *(_by_name(one, found.estimate, options, troubles) for one in found.estimate.recommendations)]


def read_pick(key: str) -> tuple[str | None, Priority | None]:
    """The model or the priority that a row stands for; a row that is not there stands for what is usual."""
    kind, _, name = key.partition(":")
    if kind == "model" and name:
        return name, None
    return None, next((priority for priority in AUTOMATIC if priority == name), None)


def _left_to_the_studio(one: Automatic, options: Options, troubles: Mapping[ProviderName, str]) -> dict[str, Any]:
    candidate = one.row
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
