"""Request heads, checked first: bounded, unambiguous and with harmless cookies."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, cast

from starlette.types import ASGIApp, Receive, Scope, Send
from ulid import ULID
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from imagegeneration.api.protocol import warning_of_slow_clients
from imagegeneration.bootstrap import Studio
from imagegeneration.core.errors import InvalidRequest
from imagegeneration.web.answers import error_response

MAX_HEAD_BYTES = 16 * 1024
"""The largest head, address included; browsers and proxies send a few kilobytes."""


class Heads:
    """The middleware that refuses heads that are too large or ambiguous, and drops cookies that are slow to parse."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or send the refusal."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, warning_of_slow_clients(receive, send))
            return
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = _refusal(scope)
        if refusal is None:
            await self._app(_with_plain_cookies(scope), receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 4400, "reason": refusal.message})
        else:
            answer = error_response(refusal, f"req_{ULID()}")
            answer.headers["Connection"] = "close"
            await answer(scope, receive, send)


class ClientAddresses:
    """The middleware that takes the client's address from `X-Forwarded-For` of a proxy in TRUSTED_PROXIES."""

    def __init__(self, app: ASGIApp, studio: Callable[[], Studio]) -> None:
        self._app = app
        self._studio = studio

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with the address of its client."""
        app = self._app if scope["type"] == "lifespan" else self._believing
        await app(scope, receive, send)

    @functools.cached_property
    def _believing(self) -> ASGIApp:
        proxies = self._studio().settings.trusted_proxies
        if not proxies:
            return self._app
        app = cast(Any, self._app)  # uvicorn has its own ASGI types
        return cast(ASGIApp, ProxyHeadersMiddleware(app, list(proxies)))


def _refusal(scope: Scope) -> InvalidRequest | None:
    """Return the refusal of the head, or None if the head is fine."""
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    size = len(scope.get("raw_path") or b"") + len(scope["query_string"])
    if size + sum(len(name) + len(value) + 4 for name, value in headers) > MAX_HEAD_BYTES:
        return InvalidRequest(f"The request's head is larger than {MAX_HEAD_BYTES // 1024} KiB.", status=431)
    names = [name for name, _ in headers]
    if b"transfer-encoding" in names and b"content-length" in names:
        return InvalidRequest("The request says in two ways how long its body is.", status=400)
    if names.count(b"origin") > 1 or names.count(b"host") > 1:
        return InvalidRequest("The request says twice where it comes from or goes to.", status=400)
    return None


def _with_plain_cookies(scope: Scope) -> Scope:
    """Return the request without cookies that contain a backslash, which RFC 6265 (4.1.1) forbids.

    Starlette and FastAPI parse cookies with the standard library. Before Python 3.11.10 it takes quadratic time for
    quoted backslashes.
    """
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    if not any(name == b"cookie" and b"\\" in value for name, value in headers):
        return scope
    return {**scope, "headers": [(name, _plain(value) if name == b"cookie" else value) for name, value in headers]}


def _plain(cookies: bytes) -> bytes:
    return b";".join(cookie for cookie in cookies.split(b";") if b"\\" not in cookie)
