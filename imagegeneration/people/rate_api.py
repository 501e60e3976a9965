"""What answers say about rates."""

from __future__ import annotations

from starlette.responses import Response

from imagegeneration.core.actor import Actor
from imagegeneration.people.rate import Action
from imagegeneration.people.rates import Rates


def tell_rate(response: Response, rates: Rates, actor: Actor, action: Action) -> None:
    """Say on the answer to an action where the tightest of its own rates stands."""
    standing = rates.after(actor, action)
    if standing is not None:
        response.headers.update(standing.headers)
