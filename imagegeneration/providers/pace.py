"""How fast a provider is being called, by all runners together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from imagegeneration.core.ids import ProviderName
from imagegeneration.core.value import Many, Moment, Value
from imagegeneration.money.money import ProviderLimits

MINUTE = timedelta(minutes=1)


class Slot(Value):
    """A call in flight; it counts until then, unless its runner prolongs it."""

    attempt_id: str
    until: Moment


class Pace(Value):
    """The calls in flight, and when those of the last minute began: a document of the collection `provider_paces`.

    It is kept for providers with such limits only; `asked_at` is when somebody last asked to begin a call.
    """

    schema_version: Literal[1] = 1
    provider: ProviderName
    slots: Many[Slot] = ()
    starts: Many[Moment] = ()
    asked_at: Moment

    def at(self, now: datetime) -> Pace:
        """What of it still counts."""
        slots = tuple(slot for slot in self.slots if slot.until > now)
        starts = tuple(start for start in self.starts if start > now - MINUTE)
        return self.model_copy(update={"slots": slots, "starts": starts, "asked_at": now})

    def has(self, attempt_id: str) -> bool:
        """Whether the call may go on."""
        return any(slot.attempt_id == attempt_id for slot in self.slots)

    def is_full(self, limits: ProviderLimits) -> bool:
        """Whether as many calls are in flight as may be."""
        return limits.concurrency is not None and len(self.slots) >= limits.concurrency

    def rate_waits(self, limits: ProviderLimits) -> timedelta:
        """How long the rate lets no further call begin."""
        if limits.per_minute is None or len(self.starts) < limits.per_minute:
            return timedelta(0)
        return max(self.starts[-limits.per_minute] + MINUTE - self.asked_at, timedelta(0))

    def hindrance(self, limits: ProviderLimits) -> str | None:
        """Why no further call is begun at present, in words."""
        why: Sequence[str | None] = (
            f"{limits.per_minute} call{'' if limits.per_minute == 1 else 's'} a minute"
            if self.rate_waits(limits)
            else None,
            f"{limits.concurrency} at once" if self.is_full(limits) else None,
        )
        found = [reason for reason in why if reason is not None]
        return f"Waiting for the provider's rate: at most {' and '.join(found)}." if found else None
