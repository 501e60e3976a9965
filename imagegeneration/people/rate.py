"""Rates, and where one of them stands. people/rate_store.py counts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

from imagegeneration.core.value import Value

Action = Literal["enhance", "approve"]
"""An action that costs money and is counted beside its request. A retry counts as an approval."""

_EACH: Mapping[int, str] = {60: "a minute", 3600: "an hour", 86_400: "a day"}


class Rate(Value):
    """At most `amount` of `what` in `seconds`; `plan` is the user's plan that sets it, or None."""

    what: str
    amount: int
    seconds: int
    plan: str | None = None

    @property
    def words(self) -> str:
        """Return the rate in words, for example `10 approvals a minute`."""
        said = f"{self.amount} {self.what} {_EACH[self.seconds]}"
        return said if self.plan is None else f"{said} with the plan {self.plan}"


ACTION_RATES: Mapping[Action, Rate] = {
    "enhance": Rate(what="prompt suggestions", amount=20, seconds=60),
    "approve": Rate(what="approvals", amount=10, seconds=60),
}
SIGN_INS = Rate(what="sign-ins from one address", amount=30, seconds=60)
FAILED_SIGN_INS = Rate(what="failed sign-ins on record", amount=60, seconds=60)
WRONG_KEYS = Rate(what="wrong keys from one address", amount=60, seconds=60)


class Window(Value):
    """A stored counter: the counts of the previous and the current window, which ends in `ends_in` seconds."""

    previous: int = 0
    current: int = 0
    ends_in: float

    def moved_to_now(self, seconds: int) -> Window:
        """Return the counter without the windows of `seconds` that have ended since it was written."""
        if self.ends_in > 0:
            return self
        if self.ends_in > -seconds:
            return Window(previous=self.current, ends_in=self.ends_in + seconds)
        return Window(ends_in=seconds)


class Standing(Value):
    """How much of a rate is left now, and the seconds until more is possible."""

    rate: Rate
    remaining: int
    resets_in: int

    @property
    def headers(self) -> Mapping[str, str]:
        """Return the standing as response headers."""
        return {
            "RateLimit-Limit": str(self.rate.amount),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.resets_in),
        }


def standing(rate: Rate, window: Window) -> Standing:
    """Return where the rate stands. The previous window counts by its share in the last `rate.seconds`."""
    now = window.moved_to_now(rate.seconds)
    counted = math.floor(now.previous * now.ends_in / rate.seconds + now.current)
    remaining = max(rate.amount - counted, 0)
    resets_in = now.ends_in if remaining else _until_one_more(rate, now)
    return Standing(rate=rate, remaining=remaining, resets_in=max(math.ceil(resets_in), 1))


def _until_one_more(rate: Rate, now: Window) -> float:
    """Return the seconds until the share of the previous window is small enough, or this window ends."""
    free = rate.amount - now.current
    if free <= 0:
        return now.ends_in
    return now.ends_in - rate.seconds * free / now.previous
