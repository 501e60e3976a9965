"""The conditions of calls: what delays or refuses them now, and how long they take."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from imagegeneration.core.errors import ModelUnavailable, OverBudget, StudioError
from imagegeneration.core.ids import ProviderName
from imagegeneration.money.limits import SpendLimits
from imagegeneration.money.money import format_usd
from imagegeneration.providers.breaker import EVERYTHING, Pause, model_scope, provider_scope
from imagegeneration.providers.checks import Checks
from imagegeneration.providers.generation import GenerationParameters
from imagegeneration.providers.health import ProviderHealth
from imagegeneration.providers.pauses import Pauses


@dataclass(frozen=True)
class Obstacle:
    """A reason why calls of a provider or a model are not started now, or would fail.

    One of `pause`, of this scope, and `health` is set. `is_fallback` is true if it concerns an alternate only.
    """

    scope: str
    pause: Pause | None = None
    health: ProviderHealth | None = None
    is_fallback: bool = False


class Conditions:
    """The conditions known from pauses, checks, limits and history."""

    def __init__(
        self, pauses: Pauses, checks: Checks, limits: SpendLimits, expected_seconds: Callable[[str], float]
    ) -> None:
        """Take `expected_seconds`, which returns about how long an image of a model takes."""
        self._pauses = pauses
        self._checks = checks
        self._limits = limits
        self.expected_seconds = expected_seconds

    def pause_of(self, request: GenerationParameters) -> str | None:
        """Return why this provider or model is paused, in words, or None if neither is."""
        return self._pauses.board.wait_reason(request)

    def trouble_of(self, provider: ProviderName) -> str | None:
        """Return the provider's trouble by the latest check, in words, or None if none is known."""
        health = self._checks.of(provider)
        return health.problem or f"{provider} does not work." if health is not None and health.is_trouble else None

    def over_limit(self, price_micros: int) -> str | None:
        """Return why no image of this price may be approved, or None if it may."""
        limit = self._limits.in_force().per_image_micros
        if price_micros <= limit:
            return None
        return f"An image costs up to {format_usd(price_micros)}; the limit is {format_usd(limit)} an image."

    def refusal(self, request: GenerationParameters, price_micros: int) -> StudioError | None:
        """Return why this may not be approved now, or None if it may.

        It is ModelUnavailable (IMG_013) if the model is paused, since nothing can be promised for it, or OverBudget
        (IMG_006) if an image may cost more than the limit of an image.
        """
        pause = self._pauses.board.of_scope(model_scope(request.model))
        if pause is not None:
            return ModelUnavailable(
                f"The model {request.model} is paused: {pause.reason}",
                resolution="Choose another model, or ask an operator to look into this one and to resume it.",
            )
        if (why := self.over_limit(price_micros)) is None:
            return None
        return OverBudget(
            why, resolution="Shorten the prompt, or ask an operator to raise the limit or choose a cheaper quality."
        )

    def obstacles(self, routes: Iterable[GenerationParameters]) -> Sequence[Obstacle]:
        """Return what delays calls or would make them fail. The first route is the request."""
        found: dict[str, Obstacle] = {}
        for place, route in enumerate(routes):
            obstacle = self._obstacle(route, is_fallback=place > 0)
            if obstacle is not None:
                found.setdefault(obstacle.scope, obstacle)
        return tuple(found.values())

    def _obstacle(self, request: GenerationParameters, *, is_fallback: bool) -> Obstacle | None:
        own = provider_scope(request.provider)
        board = self._pauses.board
        for scope in (EVERYTHING, own, model_scope(request.model)):
            if (pause := board.of_scope(scope)) is not None:
                return Obstacle(scope, pause, is_fallback=is_fallback)
        health = self._checks.of(request.provider)
        if health is None or not health.is_trouble:
            return None
        return Obstacle(own, health=health, is_fallback=is_fallback)
