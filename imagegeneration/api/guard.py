"""The gate before everything, pages and API, HTTP and websocket alike: a pure ASGI middleware.

Until sign-in is configured only requests that reach a loopback address are answered, with Host and Origin
checked, because any web page can reach localhost and this one spends money (DESIGN.md, section 3).
"""

from __future__ import annotations

import ipaddress
import logging
import re
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from ulid import ULID

from imagegeneration.api.answers import error_response
from imagegeneration.errors import InternalFault, NotAllowed, NotFound, StudioError, TooLarge

MAX_BODY_BYTES = 256 * 1024
"""Largest body of an API call: two prompts of 4,000 characters, escaped, need less than half of it."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

log = logging.getLogger(__name__)


class Guard:
    """Refuses strangers, bounds bodies, and puts an `X-Request-Id` on every answer under /image."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the refusal, or pass the request on."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request_id = _request_id(headers)
        scope.setdefault("state", {})["request_id"] = request_id
        try:
            check_visitor(scope, headers)
            await self._pass(scope, receive, send, headers, request_id)
        except StudioError as error:
            await _refuse(error, request_id, scope, receive, send)

    async def _pass(self, scope: Scope, receive: Receive, send: Send, headers: Headers, request_id: str) -> None:
        if scope["type"] == "websocket" or not _is_api(scope):
            await self._app(scope, receive, send)
            return
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                MutableHeaders(scope=message)["X-Request-Id"] = request_id
            await send(message)

        try:
            _check_path(scope["path"])
            body = await _bounded(receive, headers)
            await self._app(_with_slash(scope), body, sending)
        except StudioError:
            raise
        except Exception as error:
            log.exception("request %s %s %s failed", request_id, scope.get("method"), scope["path"])
            if started:
                raise
            raise InternalFault("Something went wrong on our side.") from error


def check_visitor(scope: Scope, headers: Mapping[str, str]) -> None:
    """Raise NotAllowed (IMG_010) for a connection from outside, or a page of another site that uses this browser."""
    server = scope.get("server")
    if server is None or not _is_loopback(server[0]):
        raise NotAllowed(
            "Without sign-in the studio answers on this machine only.",
            resolution="Set HOST=127.0.0.1 and open http://localhost on the machine itself, or through an SSH tunnel.",
        )
    host = headers.get("host", "")
    if not _is_loopback(_split(f"//{host}").hostname or ""):
        raise NotAllowed("The Host header does not name this machine.")
    origin = headers.get("origin")
    if origin is not None and _split(origin).netloc.lower() != host.lower():
        raise NotAllowed("The request comes from a page of another site.")


def _is_loopback(name: str) -> bool:
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:  # for example "http://["
        return urlsplit("")


def _is_api(scope: Scope) -> bool:
    path: str = scope["path"]
    return path == "/image" or path.startswith("/image/")


def _check_path(path: str) -> None:
    """Starlette's router matches no path with a line break, so that the API could not answer in its own form."""
    if not path.isprintable():
        raise NotFound("There is nothing at this address.")


def _with_slash(scope: Scope) -> Scope:
    """A mounted application does not see its own address without a slash, and then the pages would answer."""
    return {**scope, "path": "/image/", "raw_path": b"/image/"} if scope["path"] == "/image" else scope


def _request_id(headers: Mapping[str, str]) -> str:
    """The caller's own id, if it is a harmless one, so that both sides can find the request; else a new one."""
    given = headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else f"req_{ULID()}"


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


async def _refuse(error: StudioError, request_id: str, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 4403, "reason": error.message[:120]})
        return
    await error_response(error, request_id)(scope, receive, send)
