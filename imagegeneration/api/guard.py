"""The innermost middleware: a bounded body, a request id on the answer, and one form of error."""

from __future__ import annotations

import logging

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from imagegeneration.api.bodies import check_json, has_body, read_body
from imagegeneration.core.errors import InternalFault, StudioError
from imagegeneration.web.answers import error_response

log = logging.getLogger(__name__)


class Guard:
    """The middleware that reads bodies before parsing and puts an `X-Request-Id` on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or send the refusal."""
        if scope["type"] != "http":
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
            if (body := await _body(scope, receive)) is not None:
                await self._app(_with_slash(scope), body, sending)
        except StudioError:
            raise
        except Exception as error:
            log.exception("request %s %s %s failed", request_id, scope.get("method"), scope["path"])
            if started:
                raise
            raise InternalFault("Something went wrong on our side.") from error


def is_api(path: str) -> bool:
    """Return whether the address belongs to the API."""
    return path == "/image" or path.startswith("/image/")


def _with_slash(scope: Scope) -> Scope:
    """Add the slash to the API's own address; without it the pages would answer instead of the mounted API."""
    return {**scope, "path": "/image/", "raw_path": b"/image/"} if scope["path"] == "/image" else scope


async def _body(scope: Scope, receive: Receive) -> Receive | None:
    """Return a `receive` with the whole body, or None if the client left before it was complete."""
    headers = Headers(scope=scope)
    if not has_body(headers):
        return receive
    body = await read_body(receive, headers)
    if body is None:
        return None
    if is_api(scope["path"]) and _is_json(headers):
        check_json(body)
    delivered = False

    async def replay() -> Message:
        nonlocal delivered
        if delivered:
            return await receive()
        delivered = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _is_json(headers: Headers) -> bool:
    return headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"
