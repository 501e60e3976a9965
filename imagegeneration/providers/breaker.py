"""The documents of breakers: pauses of everything, of a provider, or of a model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field

from imagegeneration.core.ids import ProviderName
from imagegeneration.core.value import Many, Micros, Moment, Value
from imagegeneration.providers.generation import GenerationParameters

Cause = Literal["person", "failures", "credentials", "burn_rate", "bill"]
"""The causes of a pause.

A user paused; calls failed in a row; the provider does not accept this account; money is spent faster than allowed; a
bill was above its hold. A pause for failures, or for the account, is tested.
"""

EVERYTHING = "everything"
"""The scope of the pause switch."""

TESTED: Mapping[Cause, tuple[float, float]] = {"failures": (30.0, 900.0), "credentials": (900.0, 14_400.0)}
"""The pauses that one call tests: seconds before the first test, and the maximum as each failed test doubles them."""


def provider_scope(provider: ProviderName) -> str:
    """Return the scope of a provider's breaker."""
    return f"provider:{provider}"


def model_scope(model: str) -> str:
    """Return the scope of a model's breaker."""
    return f"model:{model}"


PausedScope = Annotated[str, Field(pattern=r"^(everything|provider:[a-z][a-z0-9-]{0,31}|model:[!-~]{1,100})$")]
"""A scope that a user pauses or resumes: `everything`, `provider:NAME` or `model:NAME`."""


class Barred(Value):
    """The models and providers whose waiting jobs are not claimed at present."""

    models: Many[str] = ()
    providers: Many[ProviderName] = ()


class BreakerRules(Value):
    """When a provider's breaker trips: failed calls in a row, or micro-dollars an hour (None: never for the rate)."""

    failures: int
    burn_micros_per_hour: Micros | None


class Pause(Value):
    """A pause, in which no call is started. At `probe_at` one call tests it; if that is None, a user has to resume."""

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
    resumed_at: Moment | None = None  # by a user: earlier spend no longer counts for the burn rate
    pause: Pause | None = None


class PauseBoard:
    """The board of pauses, as it was last read."""

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
        """Return the pause of everything or of the provider, or None if new calls may reach it."""
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
