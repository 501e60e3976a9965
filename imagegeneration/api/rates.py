"""The request rates of the API: refusals above a rate, and the standing on each answer."""

from __future__ import annotations

import functools
from collections.abc import Callable

from anyio import CapacityLimiter, to_thread
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from imagegeneration.api.guard import is_api
from imagegeneration.bootstrap import Studio
from imagegeneration.core.actor import Actor
from imagegeneration.core.errors import StudioError
from imagegeneration.people.rate import Standing
from imagegeneration.web.answers import error_response

COUNTED_AT_ONCE = 16

NOTHING_WRITTEN = "/image/enhance-prompt"
"""The route that writes nothing while it answers; its counters are in memory."""


class RequestRates:
    """The middleware that counts API calls on the actor. Pages, their files and websockets do not count."""

    def __init__(self, app: ASGIApp, studio: Callable[[], Studio]) -> None:
        self._app = app
        self._studio = studio
        self._counting: CapacityLimiter | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a call on, or send the refusal."""
        actor: Actor | None = scope.get("state", {}).get("actor")
        if scope["type"] != "http" or not is_api(scope["path"]) or actor is None or actor.plan is None:
            await self._app(scope, receive, send)
            return
        if self._counting is None:
            self._counting = CapacityLimiter(COUNTED_AT_ONCE)
        try:
            count = functools.partial(self._studio().rates.request, actor, is_written=scope["path"] != NOTHING_WRITTEN)
            standing = await to_thread.run_sync(count, limiter=self._counting)
        except StudioError as error:
            await error_response(error, scope["state"]["request_id"])(scope, receive, send)
            return
        await self._app(scope, receive, send if standing is None else _telling(standing, send))


def _telling(standing: Standing, send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            said = headers.get("RateLimit-Remaining")
            if said is None or standing.remaining < int(said):
                headers.update(standing.headers)
        await send(message)

    return sending
