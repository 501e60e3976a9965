"""The models of an automatic choice, read from the rows that compare all models.

A row that gives up nothing is a candidate for exactly the request, so a row and its tag name the model that a selection
would choose (docs/adr/0029-priorities-by-figures.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imagegeneration.models.options import Options, Priority
from imagegeneration.models.ranking import Candidate, Estimate, choose, or_waiting, why_none
from imagegeneration.models.registry import ModelRegistry
from imagegeneration.models.selection import MADE_BY_DEFAULT, default_among

NOTHING_WORKS = "No model that can make this works at present."


@dataclass(frozen=True)
class Automatic:
    """The row of a priority and the reason, or None and why there is none. `priority` None is the default choice."""

    priority: Priority | None
    row: Candidate | None
    why: str


@dataclass(frozen=True)
class Comparison:
    """Every model side by side, and the automatic choice, by default and by each priority."""

    estimate: Estimate
    automatic: Sequence[Automatic]


def automatic(
    priority: Priority | None, options: Options, rows: Sequence[Candidate], registry: ModelRegistry
) -> Automatic:
    """Return the automatic choice with these options otherwise.

    A priority never leads to a model that does not work at present. By default, a job may wait for its model.
    """
    if priority is None and not options.loras and registry.default is not None:
        default = default_among(rows, registry)
        if default is not None:
            return Automatic(None, default, f"{default.label}: {MADE_BY_DEFAULT}.")
        if (why := registry.why_not(registry.default.model)) is not None and not options.references:
            return Automatic(None, None, why)
    left = options.model_copy(update={"model": None, "provider": "auto", "priority": priority})
    exact = [row for row in rows if not row.given_up]
    chosen = choose(or_waiting(exact), left)
    if chosen is None:
        return Automatic(priority, None, why_none(rows))
    row, why = chosen
    is_working = any(one.able for one in exact)
    return Automatic(priority, row, why) if is_working or priority is None else Automatic(priority, None, NOTHING_WORKS)
