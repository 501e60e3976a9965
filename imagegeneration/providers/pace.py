"""The pace of a provider's calls, over all runners."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from imagegeneration.core.ids import ProviderName
from imagegeneration.core.value import Many, Moment, Value
from imagegeneration.money.money import ProviderLimits

MINUTE = timedelta(minutes=1)


class Slot(Value):
    """A call in flight. It counts until `until`, unless its runner renews it."""

    attempt_id: str
    until: Moment


class Pace(Value):
    """The calls in flight, and the starts of the last minute: a document of the collection `provider_paces`.

    It exists only for providers with such limits. `asked_at` is when a process last asked to start a call.
    """

    schema_version: Literal[1] = 1
    provider: ProviderName
    slots: Many[Slot] = ()
    starts: Many[Moment] = ()
    asked_at: Moment

    def at(self, now: datetime) -> Pace:
        """Return what still counts of it at `now`."""
        slots = tuple(slot for slot in self.slots if slot.until > now)
        starts = tuple(start for start in self.starts if start > now - MINUTE)
        return self.model_copy(update={"slots": slots, "starts": starts, "asked_at": now})

    def has(self, attempt_id: str) -> bool:
        """Return whether the call has a slot."""
        return any(slot.attempt_id == attempt_id for slot in self.slots)

    def is_full(self, limits: ProviderLimits) -> bool:
        """Return whether the limit of concurrent calls is reached."""
        return limits.concurrency is not None and len(self.slots) >= limits.concurrency

    def rate_waits(self, limits: ProviderLimits) -> timedelta:
        """Return how long the rate allows no further call."""
        if limits.per_minute is None or len(self.starts) < limits.per_minute:
            return timedelta(0)
        return max(self.starts[-limits.per_minute] + MINUTE - self.asked_at, timedelta(0))

    def hindrance(self, limits: ProviderLimits) -> str | None:
        """Return why no further call is started at present, in words, or None if one may be."""
        why: Sequence[str | None] = (
            f"{limits.per_minute} call{'' if limits.per_minute == 1 else 's'} a minute"
            if self.rate_waits(limits)
            else None,
            f"{limits.concurrency} at once" if self.is_full(limits) else None,
        )
        found = [reason for reason in why if reason is not None]
        return f"Waiting for the provider's rate: at most {' and '.join(found)}." if found else None
