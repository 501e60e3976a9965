"""The security headers of every answer, pages and API alike."""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from imagegeneration.api.bodies import is_large
from imagegeneration.api.guard import is_api
from imagegeneration.bootstrap import Studio
from imagegeneration.settings import Settings

NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""The policy of answers that are not pages."""

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    # With "no-referrer" browsers send `Origin: null` from the studio's own forms, which the gate refuses.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_ONE_YEAR = 365 * 24 * 3600
_INLINE_SCRIPT = re.compile(r"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL | re.IGNORECASE)


class SecurityHeaders:
    """The middleware that adds the security headers; an answer's own Content-Security-Policy is kept.

    `page` is the document of the dashboard, whose inline script may run. Without it no answer is a page.
    """

    def __init__(self, app: ASGIApp, studio: Callable[[], Studio], page: str | None = None) -> None:
        self._app = app
        self._studio = studio
        self._page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and send its answer with the headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(self._headers)
                del headers["Access-Control-Allow-Origin"]  # Streamlit allows every site to read its static files
                headers.setdefault("Content-Security-Policy", self._policy(scope["path"], headers))
                if message["status"] == 408 or (message["status"] >= 300 and is_large(Headers(scope=scope))):
                    headers["Connection"] = "close"  # else the server reads the rest only to discard it
            await send(message)

        await self._app(scope, receive, sending)

    def _policy(self, path: str, headers: Mapping[str, str]) -> str:
        is_json = headers.get("content-type", "").startswith("application/json")
        return NOTHING if self._page is None or is_json or is_api(path) else self._page_policy

    @functools.cached_property
    def _headers(self) -> Mapping[str, str]:
        is_https = (self._studio().settings.public_url or "").startswith("https://")
        return _ALWAYS | ({"Strict-Transport-Security": f"max-age={_ONE_YEAR}"} if is_https else {})

    @functools.cached_property
    def _page_policy(self) -> str:
        return page_policy(self._page or "", self._studio().settings)


def page_policy(page: str, settings: Settings) -> str:
    """Return the policy of the dashboard.

    Streamlit imports the code of the components from `blob:` addresses, which only a running script can create. It
    inserts style elements, so inline styles are allowed. Images are shown and downloaded from the bucket's public
    address.
    """
    images = _origin(settings.cdn_base_url or "")
    parts = (
        "default-src 'self'",
        f"script-src 'self' blob: {script_hashes(page)}",
        "style-src 'self' 'unsafe-inline'",
        "font-src 'self' data:",
        f"img-src 'self' data: blob: {images}",
        f"connect-src 'self' {_websockets(settings)} {images}",
        "object-src 'none'",
        "frame-src 'none'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'self'",
    )
    return "; ".join(part.strip() for part in parts)


def script_hashes(page: str) -> str:
    """Return the hashes of the inline scripts of a document in the form of a policy."""
    digests = (hashlib.sha256(script.encode()).digest() for script in _INLINE_SCRIPT.findall(page))
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""


def _websockets(settings: Settings) -> str:
    """Return the addresses of the pages' websocket, which some browsers do not count as `'self'`."""
    if settings.public_url is None:
        return "ws://localhost:* ws://127.0.0.1:*"
    return _origin(settings.public_url).replace("http", "ws", 1)
