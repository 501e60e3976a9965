"""What stands in the way of calls now, and how long they take: as Options, Review and the API tell it."""

from __future__ import annotations

from dataclasses import dataclass

from imagegeneration.core.ids import ProviderName
from imagegeneration.jobs.forecast import Forecast
from imagegeneration.money.limits import SpendLimits
from imagegeneration.money.money import format_usd
from imagegeneration.providers.breaker import EVERYTHING, Pause, model_scope, provider_scope
from imagegeneration.providers.checks import Checks
from imagegeneration.providers.generation import GenerationParameters
from imagegeneration.providers.health import ProviderHealth
from imagegeneration.providers.pauses import Pauses


@dataclass(frozen=True)
class Obstacle:
    """Why calls of a provider or a model are not started now, or would fail.

    One of `pause`, of this scope, and `health` is set.
    """

    scope: str
    pause: Pause | None = None
    health: ProviderHealth | None = None


class Conditions:
    """Reads what pauses, checks, limits and history know."""

    def __init__(self, pauses: Pauses, checks: Checks, limits: SpendLimits, forecast: Forecast) -> None:
        self._pauses = pauses
        self._checks = checks
        self._limits = limits
        self._forecast = forecast

    def pause_of(self, request: GenerationParameters) -> str | None:
        """Return why no call of these may be started now, in words; None if nothing is paused."""
        return self._pauses.board.wait_reason(request)

    def trouble_of(self, provider: ProviderName) -> str | None:
        """Return what the latest check says is wrong with a provider, in words; None if nothing is known to be."""
        health = self._checks.of(provider)
        return health.problem or f"{provider} does not work." if health is not None and health.is_trouble else None

    def over_limit(self, price_micros: int) -> str | None:
        """Return why no image of this price may be approved; None if it may."""
        limit = self._limits.in_force().per_image_micros
        if price_micros <= limit:
            return None
        return f"An image costs up to {format_usd(price_micros)}; the limit is {format_usd(limit)} an image."

    def seconds_of(self, model: str) -> float:
        """Return about how many seconds an image of the model takes."""
        return self._forecast.seconds_of(model)

    def obstacle(self, request: GenerationParameters) -> Obstacle | None:
        """Return what keeps calls of these from being started, or would make them fail; None if nothing is known."""
        own = provider_scope(request.provider)
        board = self._pauses.board
        for scope in (EVERYTHING, own, model_scope(request.model)):
            if (pause := board.of_scope(scope)) is not None:
                return Obstacle(scope, pause)
        health = self._checks.of(request.provider)
        return Obstacle(own, health=health) if health is not None and health.is_trouble else None
