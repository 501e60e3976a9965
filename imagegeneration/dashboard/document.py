"""The document of the dashboard and Streamlit's files, as a first visit needs them: few, small, in the right colours.

Streamlit's own document looks for the server below each page's address first (two 404s), loads a font that no page
uses, is white until the theme is known, and is the answer for any address; its files are not compressed.
"""

from __future__ import annotations

import functools
import gzip
import mimetypes
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import brotli
import streamlit as st
from anyio import to_thread
from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from imagegeneration.core.roles import PAGES
from imagegeneration.dashboard.web import script
from imagegeneration.dashboard.wording import in_our_words

_FOLDER = Path(st.__file__).parent / "static"
_COMPRESSED = {".js", ".css"}
# Browsers take br over HTTPS and from loopback only, gzip everywhere.
_COMPRESS: Mapping[str, Callable[[bytes], bytes]] = {
    "br": functools.partial(brotli.compress, quality=9),
    "gzip": functools.partial(gzip.compress, compresslevel=9, mtime=0),
    "identity": bytes,
}
_SERVED = ("/image/", "/auth/", "/_stcore/", "/app/static/", "/component/", "/media/", "/static/")
"""Paths below which the API, the sign-in and Streamlit answer; they also answer at `_SERVED_ALONE`."""

_SERVED_ALONE = ("/image", "/favicon.png", "/manifest.json")
_PAGES = ("/", *(f"/{name}" for name in PAGES))
_AT_THE_ROOT = (
    "<script>window.__streamlit = {BACKEND_BASE_URL: window.location.origin, "
    "HOST_CONFIG_BASE_URL: window.location.origin}</script>"
)
_COLOURS = (
    '<meta name="color-scheme" content="light dark">'
    "<style>html { color-scheme: light } html[data-theme=dark] { color-scheme: dark }"
    "html[data-theme=dark], html[data-theme=dark] body { background: #111215 }</style>"
)
_MENU = (  # keeps its place until it is drawn, so that the page does not jump aside
    "<style>@media (min-width: 769px) { [data-testid=stAppViewContainer]"
    ":not(:has([data-testid=stSidebar], [data-testid=stExpandSidebarButton])) { padding-left: 220px } }</style>"
)
_HEAD = (  # keeps its place too, because what is below may be drawn first
    "<style>.st-key-head { min-height: 59px } @media (max-width: 500px) { .st-key-head { min-height: 88px } }</style>"
)
_CONTRAST = (  # Streamlit's own colours have a contrast below 4.5 to 1 here
    "<style>"
    'html [data-testid="stCaptionContainer"] { opacity: .75 }'
    'html button[data-variant="segmented_control"][data-selected="true"] { color: inherit !important }'
    "</style>"
)
_MISSING_STYLE = (
    "<style>body { min-height: 100vh; margin: 0; display: grid; place-items: center;"
    "font: 15px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; color: light-dark(#1c1c21, #ececf1) }"
    "h1 { margin: 0 0 8px; font-size: 24px; font-weight: 600 } p { margin: 0 0 12px }"
    "a { color: light-dark(#4650d2, #9aa3ff) }</style>"
)
_ASK_AGAIN = {"Cache-Control": "no-cache"}
_FOREVER = {"Cache-Control": "public, immutable, max-age=31536000", "Vary": "Accept-Encoding"}
_FONT = re.compile(r'<link\s+rel="preload"\s[^<>]*as="font"[^<>]*>')


@functools.cache
def document() -> str:
    """Return Streamlit's document with what a first visit needs, and with the theme that the reader chose."""
    page = _FONT.sub("", (_FOLDER / "index.html").read_text(encoding="utf-8"), count=1)
    page = page.replace("<title>Streamlit</title>", "<title>Image Studio</title>", 1)
    return page.replace("<head>", f"<head>{_theme()}{_COLOURS}{_MENU}{_HEAD}{_CONTRAST}{_AT_THE_ROOT}", 1)


@functools.cache
def missing_page() -> str:
    """Return the document for an address at which there is no page."""
    return (
        f'<!doctype html><html lang="en"><head>{_theme()}{_COLOURS}<meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Page not found · Image Studio</title>{_MISSING_STYLE}</head><body><main>"
        "<h1>Page not found</h1><p>There is no page at this address.</p>"
        '<p><a href="/">Go to Image Studio</a></p></main></body></html>'
    )


def _theme() -> str:
    return f"<script>(() => {{\n{script('theme')}}})()</script>"


class FirstVisit:
    """Middleware that answers pages with `document`, and scripts and styles compressed; the rest is Streamlit's."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request for a page, a missing page, a script or a style; pass on all others."""
        answer = await self._answer(scope) if scope["type"] == "http" and scope["method"] in ("GET", "HEAD") else None
        await (answer or self._app)(scope, receive, send)

    async def _answer(self, scope: Scope) -> Response | None:
        path: str = scope["path"]
        if path in _PAGES:
            return HTMLResponse(document(), headers=_ASK_AGAIN)
        if path.rstrip("/") not in _PAGES and path not in _SERVED_ALONE and not path.startswith(_SERVED):
            return HTMLResponse(missing_page(), status_code=404, headers=_ASK_AGAIN)
        file = _files().get(path)
        if file is None:
            return None
        accepted = Headers(scope=scope).get("accept-encoding", "")
        encoding = next((name for name in _COMPRESS if name in accepted), "identity")
        content = await to_thread.run_sync(_compressed, file, encoding)
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        encoded = {} if encoding == "identity" else {"Content-Encoding": encoding}
        return Response(content, media_type=kind, headers=_FOREVER | encoded)


@functools.cache
def _files() -> Mapping[str, Path]:
    """Return the files that are sent compressed, by address."""
    files = (file for file in (_FOLDER / "static").rglob("*") if file.suffix in _COMPRESSED)
    return {f"/{file.relative_to(_FOLDER).as_posix()}": file for file in files}


@functools.cache
def _compressed(file: Path, encoding: str) -> bytes:
    """Return the file's content with our words, compressed once for all visitors."""
    content = file.read_bytes()
    if file.suffix == ".js":
        content = in_our_words(content.decode()).encode()
    return _COMPRESS[encoding](content)
