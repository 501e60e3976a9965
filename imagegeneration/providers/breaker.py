"""What decides whether work is started: pauses of everything, of a provider, or of a model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field

from imagegeneration.core.ids import ProviderName
from imagegeneration.core.value import Many, Micros, Moment, Value
from imagegeneration.providers.generation import GenerationParameters

Cause = Literal["person", "failures", "credentials", "burn_rate", "bill"]
"""Why work is paused: a person said so; calls failed in a row; the provider does not accept this account; money
goes faster than allowed; a bill was above its hold. A pause for failures, or for the account, is tested."""

EVERYTHING = "everything"
"""The scope of the pause switch."""

TESTED: Mapping[Cause, tuple[float, float]] = {"failures": (30.0, 900.0), "credentials": (900.0, 14_400.0)}
"""Pauses that one call tests: after so many seconds first; each that fails doubles the next wait, up to so many."""


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


class PauseBoard:
    """What is paused, as it was read last."""

    def __init__(self, breakers: Iterable[Breaker]) -> None:
        self._breakers = {breaker.scope: breaker for breaker in breakers}

    def breaker(self, provider: ProviderName) -> Breaker:
        """Return the provider's own breaker."""
        scope = provider_scope(provider)
        return self._breakers.get(scope) or Breaker(scope=scope)

    def of_scope(self, scope: str) -> Pause | None:
        """Return the pause of this scope, or None if it is not paused."""
        breaker = self._breakers.get(scope)
        return None if breaker is None else breaker.pause

    def of_provider(self, provider: ProviderName) -> Pause | None:
        """Return the pause that keeps new calls from the provider, of everything or its own, or None."""
        return self.of_scope(EVERYTHING) or self.of_scope(provider_scope(provider))

    @property
    def is_everything_paused(self) -> bool:
        """Return whether the pause switch is on."""
        return self.of_scope(EVERYTHING) is not None

    @property
    def models(self) -> Sequence[str]:
        """Return the models that are paused."""
        return self._paused(model_scope(""))

    @property
    def barred(self) -> Barred:
        """Return the models and providers whose jobs wait."""
        return Barred(models=tuple(self.models), providers=tuple(self._paused(provider_scope(""))))

    def wait_reason(self, request: GenerationParameters) -> str | None:
        """Return why these parameters' provider or model is paused, or None if neither is."""
        pause = self.of_scope(provider_scope(request.provider))
        if pause is not None:
            return f"{request.provider} is paused: {pause.reason}"
        pause = self.of_scope(model_scope(request.model))
        return None if pause is None else f"The model {request.model} is paused: {pause.reason}"

    def _paused(self, prefix: str) -> Sequence[str]:
        paused = (scope for scope, breaker in self._breakers.items() if breaker.pause is not None)
        return [scope.removeprefix(prefix) for scope in paused if scope.startswith(prefix)]
