"""The attempt that follows a failed one: the same route again, or the next. Pure."""

from __future__ import annotations

from imagegeneration.core.ids import ProviderName
from imagegeneration.jobs.fallback import NextRoute
from imagegeneration.jobs.job import Attempt
from imagegeneration.money.price import Price


def new_attempt(
    provider: ProviderName,
    model: str,
    hold_micros: int,
    day: str,
    credit_cost: int,
    price: Price | None,
    route: int = 0,
    why: str | None = None,
) -> Attempt:
    """Return an attempt that has not begun, with its hold."""
    return Attempt(
        provider=provider,
        model=model,
        held_micros=hold_micros,
        budget_day=day,
        credits=credit_cost,
        price=price,
        route=route,
        why=why,
    )


def repeated(last: Attempt) -> Attempt:
    """Return an attempt on the same route."""
    return new_attempt(
        last.provider,
        last.model,
        last.held_micros,
        last.budget_day,
        last.credits,
        last.price,
        route=last.route,
        why=last.why,
    )


def on_next_route(last: Attempt, to: NextRoute) -> Attempt:
    """Return an attempt of the alternate. Its hold and its credits are at most those of the last attempt."""
    return new_attempt(
        to.route.parameters.provider,
        to.route.parameters.model,
        min(to.hold.micros, last.held_micros),  # guard: fallback-hold-limit
        last.budget_day,
        min(to.hold.credits, last.credits),  # guard: fallback-credits-limit
        to.price,
        route=to.route.index,
        why=to.why,
    )
