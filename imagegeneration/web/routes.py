"""What a route is given, and what it requires of its caller."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from starlette.exceptions import HTTPException

from imagegeneration.core.actor import Actor
from imagegeneration.core.roles import Need
from imagegeneration.web.answers import request_id_of

RECHECK_SECONDS = 15.0
"""How often the login of an open page is checked, so that signing out elsewhere closes it within a minute."""

LOOK_AGAIN = "look_again"
"""The key in the scope's state of the function that looks up the actor of a long answer again."""

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])

_needs: dict[Callable[..., Any], Need] = {}


def requires(need: Need) -> Callable[[Endpoint], Endpoint]:
    """Declare what a route requires. The gate refuses every call of a route that declares nothing."""

    def declare(endpoint: Endpoint) -> Endpoint:
        _needs[endpoint] = need
        return endpoint

    return declare


def need_of(endpoint: Callable[..., Any]) -> Need | None:
    """Return what a route requires, or None if it declares nothing."""
    return _needs.get(endpoint)


def service(kind: type[Any]) -> Any:
    """Return a dependency that gives a route the studio's service of this class.

    A request raises LookupError if the studio has none.
    """

    async def find(request: Request) -> Any:
        return request.app.state.studio().service(kind)

    return Depends(find)


async def _actor(request: Request) -> Actor:
    actor: Actor = request.state.actor
    return actor


async def _json_only(request: Request) -> None:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise HTTPException(415)


CurrentActor = Annotated[Actor, Depends(_actor)]
CurrentRequestId = Annotated[str, Depends(request_id_of)]
JSON_ONLY = Depends(_json_only)
"""A dependency of routes that answer 415 to a body that is not JSON."""
