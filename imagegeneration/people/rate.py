"""How often somebody may ask: rates, and where one of them stands. Counting is in people/rate_store.py."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

from imagegeneration.core.value import Value

Action = Literal["enhance", "approve"]
"""What costs money and is counted beside the request that asks for it. A retry is an approval too."""

_EACH: Mapping[int, str] = {60: "a minute", 3600: "an hour", 86_400: "a day"}


class Rate(Value):
    """At most `amount` in `seconds`; `what` says of what, and `plan` where it follows from a person's plan."""

    what: str
    amount: int
    seconds: int
    plan: str | None = None

    @property
    def words(self) -> str:
        """For example `10 approvals a minute`."""
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
    """A counter as it is stored: the counts of the window before and of this one, which ends in `ends_in` seconds."""

    previous: int = 0
    current: int = 0
    ends_in: float

    def moved_to_now(self, seconds: int) -> Window:
        """The counter without the windows that have ended since it was written, each of so many seconds."""
        if self.ends_in > 0:
            return self
        if self.ends_in > -seconds:
            return Window(previous=self.current, ends_in=self.ends_in + seconds)
        return Window(ends_in=seconds)


class Standing(Value):
    """Where a rate stands: how many more it lets through now, and in how many seconds it lets more through."""

    rate: Rate
    remaining: int
    resets_in: int

    @property
    def headers(self) -> Mapping[str, str]:
        """The standing for programs."""
        return {
            "RateLimit-Limit": str(self.rate.amount),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.resets_in),
        }


def standing(rate: Rate, window: Window) -> Standing:
    """Where the rate stands. The window before counts by the share of it that is less than `rate.seconds` ago."""
    now = window.moved_to_now(rate.seconds)
    counted = math.floor(now.previous * now.ends_in / rate.seconds + now.current)
    remaining = max(rate.amount - counted, 0)
    resets_in = now.ends_in if remaining else _until_one_more(rate, now)
    return Standing(rate=rate, remaining=remaining, resets_in=max(math.ceil(resets_in), 1))


def _until_one_more(rate: Rate, now: Window) -> float:
    """Seconds until the share of the window before has shrunk enough, or this window is over."""
    free = rate.amount - now.current
    if free <= 0:
        return now.ends_in
    return now.ends_in - rate.seconds * free / now.previous
