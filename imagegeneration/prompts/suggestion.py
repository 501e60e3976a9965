"""The timeliness of prompt suggestions."""

from __future__ import annotations

from imagegeneration.core.value import Moment, Value


class SuggestionTimes(Value):
    """How many suggestions this process was asked for since `since`, and how many came within the time limit."""

    asked: int
    in_time: int
    since: Moment
    limit_seconds: float
