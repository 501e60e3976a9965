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
"""The ways to leave the choice to the studio: by a priority, or by default (None)."""


def offers(options: Options, found: Comparison, troubles: Mapping[ProviderName, str]) -> list[dict[str, Any]]:
    """Return the rows of the panel: the automatic choices first, then each model, the unable ones last.

    `troubles` say what is wrong with the providers that do not work at present.
    """
    left = [_left_to_the_studio(one, options, troubles) for one in found.automatic]
    return [*left, *(_by_name(one, found.estimate, options, troubles) for one in found.estimate.recommendations)]


def read_pick(key: str) -> tuple[str | None, Priority | None]:
    """Return the model or the priority that a row stands for; an unknown row stands for the default."""
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
    """Return what speaks against a model, and what is given up with it."""
    found = (*candidate.limitations, candidate.over_limit, candidate.pause, troubles.get(candidate.provider))
    return [text for text in (*found, *candidate.given_up) if text]


def _is_off(candidate: Candidate) -> bool:
    """Return whether a row cannot be chosen.

    A model that only its provider's latest check speaks against can be chosen: the check may be minutes old.
    """
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
