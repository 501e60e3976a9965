"""The quote: what would be approved and what it costs at most, as a page shows it and an approval verifies it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from imagegeneration.core.errors import StudioError
from imagegeneration.models.conditions import Obstacle
from imagegeneration.models.plan import GenerationPlan
from imagegeneration.money.credit import CreditQuote
from imagegeneration.money.price import Price, max_price


@dataclass(frozen=True)
class Quote:
    """What would be approved, why, and the most that it costs.

    `prices` are of one image, of each route of the plan in its order. `why` says why this model makes it, `given_up`
    what differs from what was given. `unable` names the alternates that were left out, and why. `refusal` is why it may
    not be approved now, `obstacles` what would keep its calls waiting or make them fail. `credits_left` is None for a
    person who is not metered. With `draws_seed` the seed is drawn anew by each quote.
    """

    final_prompt: str
    image_count: int
    plan: GenerationPlan
    prices: Sequence[Price]
    why: str = ""
    given_up: Sequence[str] = ()
    unable: Mapping[str, str] = field(default_factory=dict)
    refusal: StudioError | None = None
    obstacles: Sequence[Obstacle] = ()
    credits_left: int | None = None
    draws_seed: bool = False

    def require_allowed(self) -> None:
        """Raise the refusal, if there is one: ModelUnavailable (IMG_013) or OverBudget (IMG_006)."""
        if self.refusal is not None:
            raise self.refusal

    @property
    def image_price(self) -> Price:
        """What is held for each image: the price of the dearest route."""
        return max_price(self.prices)  # guard: approval-hold-dearest

    @property
    def request_price(self) -> Price | None:
        """The most that an image of the request costs; None without alternates, as it is what is held then."""
        return None if len(self.prices) == 1 else self.prices[0]

    @property
    def total_micros(self) -> int:
        """The most that all images cost, in micro-dollars: the sum that approving holds."""
        return self.image_price.micros * self.image_count

    @property
    def credits(self) -> CreditQuote | None:
        """What all images cost in credits, and what is left; None for a person who is not metered."""
        if self.credits_left is None:
            return None
        return CreditQuote(cost=self.image_price.credits * self.image_count, left=self.credits_left)

    @property
    def terms_sha256(self) -> str:
        """The hash of what stands beside the button: the parameters as they would be sent, and the price of all.

        Random seeds are drawn at the approval, so they are no part of what is shown.
        """
        unknown = {"seed": None, "seeds": ()} if self.draws_seed else {}
        routes = [route.model_copy(update=unknown).document() for route in self.plan.routes]
        return _sha256([routes, self.total_micros])

    @property
    def sha256(self) -> str:
        """The hash of all that a person approves."""
        return shown_sha256(self.final_prompt, self.image_count, self.terms_sha256)


def shown_sha256(final_prompt: str, image_count: int, terms: str) -> str:
    """Return the hash of what a screen shows; `terms` is `Quote.terms_sha256`."""
    return _sha256([final_prompt, image_count, terms])


def _sha256(shown: Any) -> str:
    canonical = json.dumps(shown, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
