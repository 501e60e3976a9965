"""The approved routes to an image of a job: the request, then the alternates of its approval, in their order.

No other route is ever taken. An image moves only to a later route, and only if nothing was charged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imagegeneration.jobs.job import Attempt, Job
from imagegeneration.money.price import Price, max_price
from imagegeneration.providers.generation import GenerationParameters


@dataclass(frozen=True)
class Route:
    """One approved route to an image: what is sent, to which endpoint, and its maximum price.

    `index` is its position among the approved routes. `price` is None for the request, whose first attempt has it.
    """

    index: int
    parameters: GenerationParameters
    endpoint_sha256: str
    price: Price | None = None


@dataclass(frozen=True)
class NextRoute:
    """The alternate that takes over, its price, the hold for it and for the alternates after it, and the reason."""

    route: Route
    price: Price
    hold: Price
    why: str


def routes(job: Job) -> Sequence[Route]:
    """Return every approved route to an image of the job, the request first."""
    approval = job.latest_approval
    alternates = (
        Route(index, parameters, terms.endpoint_sha256, terms.price)
        for index, (parameters, terms) in enumerate(zip(job.alternates, approval.alternates, strict=False), 1)
    )
    return [Route(0, job.request, approval.endpoint_sha256), *alternates]


def route_of(job: Job, attempt: Attempt) -> Route | None:
    """Return the approved route of the attempt, or None if its provider and model were not approved."""
    route = next(iter(routes(job)[attempt.route :]), None)
    if route is None:
        return None
    approved = (route.parameters.provider, route.parameters.model)
    return route if (attempt.provider, attempt.model) == approved else None  # guard: route-as-approved


def routes_after(job: Job, attempt: Attempt) -> Sequence[Route]:
    """Return the alternates that remain once the attempt has failed."""
    if route_of(job, attempt) is None:  # guard: fallback-approved-attempt
        return []
    return routes(job)[attempt.route + 1 :]  # guard: fallback-forward-only


def hold_of(job: Job, attempt: Attempt) -> Price | None:
    """Return what an attempt holds by its approval: the highest price among its route and the later ones.

    Return None if the attempt was not approved.
    """
    route = route_of(job, attempt)
    if route is None:
        return None
    if route.index == 0:
        return Price(micros=job.latest_approval.image_micros)
    return max_price(one.price for one in routes(job)[route.index :] if one.price is not None)


def next_route(route: Route, left: Sequence[Route], why: str) -> NextRoute:
    """Return the step to one of the alternates in `left`. The alternates before it are skipped for good."""
    after = left[left.index(route) :]  # guard: fallback-hold-left-only
    prices = [one.price for one in after if one.price is not None]
    return NextRoute(
        route,
        route.price or max_price(prices),
        max_price(prices),  # guard: fallback-hold-dearest-left
        why,
    )
