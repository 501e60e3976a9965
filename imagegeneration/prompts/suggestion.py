"""How prompt suggestions fare."""

from __future__ import annotations

from imagegeneration.core.value import Moment, Value


class SuggestionTimes(Value):
    """How many prompt suggestions this process was asked for since then, and how many came within the time limit."""

    asked: int
    in_time: int
    since: Moment
    limit_seconds: float
