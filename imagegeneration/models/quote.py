"""The quote: the plan and its maximum cost, as a page shows it and an approval verifies it."""

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
    """The plan to approve, the reason for its model, and its maximum cost.

    `prices` are of one image, for each route of the plan in its order. `why` says why this model makes it, and
    `given_up` what differs from the options. `unable` names the alternates that were left out, with the reasons.
    `refusal` is why it may not be approved now, and `obstacles` what would delay its calls or make them fail.
    `credits_left` is None for a user without counted credits. With `draws_seed` each quote draws the seed anew.
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
        """Return what is held for each image: the price of the most expensive route."""
        return max_price(self.prices)  # guard: approval-hold-dearest

    @property
    def request_price(self) -> Price | None:
        """Return the maximum price of an image of the request, or None without alternates, as the hold is the same."""
        return None if len(self.prices) == 1 else self.prices[0]

    @property
    def total_micros(self) -> int:
        """Return the most that all images cost, in micro-dollars: the sum that approving holds."""
        return self.image_price.micros * self.image_count

    @property
    def credits(self) -> CreditQuote | None:
        """Return the price of all images in credits, and what is left, or None for a user without counted credits."""
        if self.credits_left is None:
            return None
        return CreditQuote(cost=self.image_price.credits * self.image_count, left=self.credits_left)

    @property
    def terms_sha256(self) -> str:
        """Return the hash of what is shown beside the button: the parameters to send, and the total price.

        Random seeds are drawn at the approval, so the page does not show them.
        """
        unknown = {"seed": None, "seeds": ()} if self.draws_seed else {}
        routes = [route.model_copy(update=unknown).document() for route in self.plan.routes]
        return _sha256([routes, self.total_micros])

    @property
    def sha256(self) -> str:
        """Return the hash of all that a user approves."""
        return shown_sha256(self.final_prompt, self.image_count, self.terms_sha256)


def shown_sha256(final_prompt: str, image_count: int, terms: str) -> str:
    """Return the hash of what a page shows. `terms` is `Quote.terms_sha256`."""
    return _sha256([final_prompt, image_count, terms])


def _sha256(shown: Any) -> str:
    canonical = json.dumps(shown, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
