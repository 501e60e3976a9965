"""What surrounds every call of the API: bounded bodies, a request id on every answer, one form of error."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from imagegeneration.api.answers import error_response
from imagegeneration.errors import InternalFault, StudioError, TooLarge

MAX_BODY_BYTES = 256 * 1024
"""Largest body of an API call: two prompts of 4,000 characters, escaped, need less than half of it."""

log = logging.getLogger(__name__)


class Guard:
    """Bounds bodies before anything parses them, and puts an `X-Request-Id` on every answer under /image."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a call on, or answer the refusal."""
        if scope["type"] != "http" or not is_api(scope["path"]):
            await self._app(scope, receive, send)
            return
        request_id: str = scope["state"]["request_id"]
        try:
            await self._pass(scope, receive, send, request_id)
        except StudioError as error:
            await error_response(error, request_id)(scope, receive, send)

    async def _pass(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                MutableHeaders(scope=message)["X-Request-Id"] = request_id
            await send(message)

        try:
            body = await _bounded(receive, Headers(scope=scope))
            await self._app(_with_slash(scope), body, sending)
        except StudioError:
            raise
        except Exception as error:
            log.exception("request %s %s %s failed", request_id, scope.get("method"), scope["path"])
            if started:
                raise
            raise InternalFault("Something went wrong on our side.") from error


def is_api(path: str) -> bool:
    """Whether the address belongs to the API."""
    return path == "/image" or path.startswith("/image/")


def _with_slash(scope: Scope) -> Scope:
    """A mounted application does not see its own address without a slash, and then the pages would answer."""
    return {**scope, "path": "/image/", "raw_path": b"/image/"} if scope["path"] == "/image" else scope


async def _bounded(receive: Receive, headers: Mapping[str, str]) -> Receive:
    """Read the body before anything parses it. Raises TooLarge (IMG_007)."""
    announced = headers.get("content-length", "")
    if announced.isdigit() and int(announced[:20]) > MAX_BODY_BYTES:
        raise TooLarge(f"The body has {announced[:20]} bytes; at most {MAX_BODY_BYTES} are allowed.")
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            break
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > MAX_BODY_BYTES:
            raise TooLarge(f"The body is larger than {MAX_BODY_BYTES} bytes.")
    delivered = False

    async def replay() -> Message:
        nonlocal delivered
        if delivered:
            return await receive()
        delivered = True
        return {"type": "http.request", "body": bytes(body), "more_body": False}

    return replay
