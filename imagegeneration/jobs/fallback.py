"""The approved routes to an image of a job: the request, and the alternates that its approval names, in their order.

No other route is ever taken. An image goes from one to a later one only, and only where nothing was charged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imagegeneration.jobs.job import Attempt, Job
from imagegeneration.money.price import Price, max_price
from imagegeneration.providers.generation import GenerationParameters


@dataclass(frozen=True)
class Route:
    """One approved route to an image: what is sent, to which endpoint, and the most that it costs.

    `price` is None for the request itself, whose first attempt has it.
    """

    parameters: GenerationParameters
    endpoint_sha256: str
    price: Price | None = None


@dataclass(frozen=True)
class NextRoute:
    """The alternate that an image goes on with, why, its price, and what has to stay held for it and those after it."""

    parameters: GenerationParameters
    price: Price
    hold: Price
    why: str


def routes(job: Job) -> Sequence[Route]:
    """Return every approved route to an image of the job, the request first."""
    approval = job.latest_approval
    alternates = (
        Route(parameters, terms.endpoint_sha256, terms.price)
        for parameters, terms in zip(job.alternates, approval.alternates, strict=False)
    )
    return [Route(job.request, approval.endpoint_sha256), *alternates]


def route_of(job: Job, attempt: Attempt) -> Route | None:
    """Return the approved route of the attempt, or None if it was not approved."""
    return next((route for route in routes(job) if _goes(attempt, route)), None)


def routes_after(job: Job, attempt: Attempt) -> Sequence[Route]:
    """Return the alternates that are left once the attempt has failed."""
    known = routes(job)
    own = next(
        (place for place, route in enumerate(known) if _goes(attempt, route)),
        len(known),  # guard: fallback-approved-attempt
    )
    return known[own + 1 :]  # guard: fallback-forward-only


def hold_of(job: Job, attempt: Attempt) -> Price | None:
    """Return what an approved attempt holds, as its approval says: the dearest of it and of what may follow.

    None if the attempt was not approved.
    """
    known = routes(job)
    own = next((place for place, route in enumerate(known) if _goes(attempt, route)), None)
    if own is None:
        return None
    prices = [route.price for route in known[own:] if route.price is not None]
    return max_price(prices) if own > 0 else Price(micros=job.latest_approval.image_micros)


def next_route(route: Route, left: Sequence[Route], why: str) -> NextRoute:
    """Go on with one of the alternates that are `left`; those before it are passed over for good."""
    after = left[left.index(route) :]  # guard: fallback-hold-left-only
    prices = [one.price for one in after if one.price is not None]
    return NextRoute(
        route.parameters,
        route.price or max_price(prices),
        max_price(prices),  # guard: fallback-hold-dearest-left
        why,
    )


def _goes(attempt: Attempt, route: Route) -> bool:
    return (attempt.provider, attempt.model) == (route.parameters.provider, route.parameters.model)
