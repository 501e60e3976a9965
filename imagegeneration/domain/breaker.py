"""What decides whether work is started: pauses of everything, of a provider, or of a model."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from imagegeneration.domain.generation import ProviderName
from imagegeneration.domain.value import Many, Micros, Moment, Value

Cause = Literal["person", "failures", "credentials", "burn_rate", "bill"]
"""Why work is paused: a person said so; calls failed in a row; the provider does not accept this account; money
goes faster than allowed; a bill was above its hold. Only a pause for failures ends by itself."""

EVERYTHING = "everything"
"""The scope of the pause switch."""

FIRST_PAUSE_SECONDS = 30.0
LONGEST_PAUSE_SECONDS = 900.0
"""A pause for failures: after it one call is let through; each that fails doubles the next pause, up to this."""


def provider_scope(provider: ProviderName) -> str:
    """The scope of a provider's breaker."""
    return f"provider:{provider}"


def model_scope(model: str) -> str:
    """The scope of a model's breaker."""
    return f"model:{model}"


PausedScope = Annotated[str, Field(pattern=r"^(everything|provider:[a-z][a-z0-9-]{0,31}|model:[!-~]{1,100})$")]
"""What somebody pauses or resumes: `everything`, `provider:NAME` or `model:NAME`."""


class Barred(Value):
    """Whose waiting jobs are not claimed at present."""

    models: Many[str] = ()
    providers: Many[ProviderName] = ()


class BreakerRules(Value):
    """When a provider's breaker trips: failed calls in a row; micro-dollars an hour (None: at no rate)."""

    failures: int
    burn_micros_per_hour: Micros | None


class Pause(Value):
    """A time in which nothing is started. `probe_at` is when one call is let through (None: a person resumes)."""

    cause: Cause
    reason: str
    paused_by: str
    paused_at: Moment
    probe_at: Moment | None = None
    seconds: float = 0.0


class Breaker(Value):
    """The state of one scope: a document of the collection `breakers`."""

    schema_version: Literal[1] = 1
    scope: str
    failures: int = 0
    last_failure: str | None = None
    resumed_at: Moment | None = None  # by a person: what was spent before counts no more for the burn rate
    pause: Pause | None = None
