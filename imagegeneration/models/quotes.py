"""The pricing of a plan, in money and in credits. No other module prices an approval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from imagegeneration.models.conditions import Conditions
from imagegeneration.models.plan import GenerationPlan
from imagegeneration.models.quote import Quote
from imagegeneration.models.registry import ModelRegistry
from imagegeneration.money.credit import credits_an_image
from imagegeneration.money.credits import Credits
from imagegeneration.money.price import Price
from imagegeneration.providers.generation import GenerationParameters


class Quotes:
    """The maker of quotes, for the user who pays."""

    def __init__(self, registry: ModelRegistry, conditions: Conditions, credits_: Credits) -> None:
        self._registry = registry
        self._conditions = conditions
        self._credits = credits_

    def of(
        self,
        plan: GenerationPlan,
        final_prompt: str,
        image_count: int,
        user_id: str,
        *,
        why: str = "",
        given_up: Sequence[str] = (),
        unable: Mapping[str, str] = MappingProxyType({}),
        draws_seed: bool = False,
    ) -> Quote:
        """Return the quote of `image_count` images. Raises ModelUnavailable (IMG_013) if a price is missing."""
        plan = self._registry.with_seeds(plan, image_count)
        left = self._credits.balance(user_id)

        def price_of(route: GenerationParameters) -> Price:
            each = 0 if left is None else credits_an_image(route.size, image_count, is_edit=route.is_edit)
            return Price(micros=self._registry.price_of(route, final_prompt), credits=each)

        prices = [price_of(route) for route in plan.routes]
        refusals = (
            self._conditions.refusal(route, price.micros) for route, price in zip(plan.routes, prices, strict=True)
        )
        return Quote(
            final_prompt=final_prompt,
            image_count=image_count,
            plan=plan,
            prices=prices,
            why=why,
            given_up=given_up,
            unable=unable,
            refusal=next((refusal for refusal in refusals if refusal is not None), None),
            obstacles=self._conditions.obstacles(plan.routes),
            credits_left=left,
            draws_seed=draws_seed,
        )
