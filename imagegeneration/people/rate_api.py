"""The rate headers of answers."""

from __future__ import annotations

from starlette.responses import Response

from imagegeneration.core.actor import Actor
from imagegeneration.people.rate import Action
from imagegeneration.people.rates import Rates


def tell_rate(response: Response, rates: Rates, actor: Actor, action: Action) -> None:
    """Add the standing of the tightest rate of the action to the response headers."""
    standing = rates.after(actor, action)
    if standing is not None:
        response.headers.update(standing.headers)
