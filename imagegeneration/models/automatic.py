"""What leaving the choice to the studio leads to, read from the rows of the models side by side.

The rows that give up nothing are the candidates of exactly what is asked for, so a row and its tag name the model that
a selection would name (docs/adr/0029).
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
    """The row that a priority leads to (None: the default), and why; or None, and why not."""

    priority: Priority | None
    row: Candidate | None
    why: str


@dataclass(frozen=True)
class Comparison:
    """Every model side by side, and what leaving the choice to the studio leads to, by default and by each priority."""

    estimate: Estimate
    automatic: Sequence[Automatic]


def automatic(
    priority: Priority | None, options: Options, rows: Sequence[Candidate], registry: ModelRegistry
) -> Automatic:
    """Return what leaving the choice to the studio leads to with these options otherwise.

    By a priority it is never a model that does not work at present; by default a job may wait for it.
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
