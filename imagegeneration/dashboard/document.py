"""The document of the dashboard and Streamlit's files, as a first visit needs them: few, small, in the right colours.

Streamlit's own document looks for the server below each page's address first (two 404s), loads a font that no page
uses, and is white until the theme is known; its files are not compressed.
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

_FOLDER = Path(st.__file__).parent / "static"
_COMPRESSED = {".js", ".css"}
# Browsers take br over HTTPS and from loopback only, gzip everywhere.
_COMPRESS: Mapping[str, Callable[[bytes], bytes]] = {
    "br": functools.partial(brotli.compress, quality=9),
    "gzip": functools.partial(gzip.compress, compresslevel=9, mtime=0),
}
_AT_THE_ROOT = (
    "<script>window.__streamlit = {BACKEND_BASE_URL: window.location.origin, "
    "HOST_CONFIG_BASE_URL: window.location.origin}</script>"
)
_COLOURS = (
    '<meta name="color-scheme" content="light dark">'
    "<style>html { color-scheme: light } html[data-theme=dark] { color-scheme: dark }"
    "html[data-theme=dark], html[data-theme=dark] body { background: #111215 }</style>"
)
_MENU = (  # its place is kept while it is not there yet, so that the page does not jump aside
    "<style>@media (min-width: 769px) { [data-testid=stAppViewContainer]"
    ":not(:has([data-testid=stSidebar], [data-testid=stExpandSidebarButton])) { padding-left: 220px } }</style>"
)
_HEAD = (  # its place too: what is below it may be drawn first
    "<style>.st-key-head { min-height: 59px } @media (max-width: 500px) { .st-key-head { min-height: 88px } }</style>"
)
_CONTRAST = (  # Streamlit's own colours of these are below 4.5 to 1
    "<style>"
    'html [data-testid="stCaptionContainer"] { opacity: .75 }'
    'html button[data-variant="segmented_control"][data-selected="true"] { color: inherit !important }'
    "</style>"
)
_FOREVER = {"Cache-Control": "public, immutable, max-age=31536000", "Vary": "Accept-Encoding"}
_FONT = re.compile(r'<link\s+rel="preload"\s[^<>]*as="font"[^<>]*>')


@functools.cache
def document() -> str:
    """Return Streamlit's document with what a first visit needs, and with the theme that the reader chose."""
    page = _FONT.sub("", (_FOLDER / "index.html").read_text(encoding="utf-8"), count=1)
    page = page.replace("<title>Streamlit</title>", "<title>Image Studio</title>", 1)
    return page.replace("<head>", f"<head>{_theme()}{_COLOURS}{_MENU}{_HEAD}{_CONTRAST}{_AT_THE_ROOT}", 1)


def _theme() -> str:
    return f"<script>(() => {{\n{script('theme')}}})()</script>"


class FirstVisit:
    """Answers the addresses of pages with `document`, and scripts and styles compressed; the rest is Streamlit's."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on unless it is for one of those."""
        answer = await self._answer(scope) if scope["type"] == "http" and scope["method"] in ("GET", "HEAD") else None
        await (answer or self._app)(scope, receive, send)

    async def _answer(self, scope: Scope) -> Response | None:
        path: str = scope["path"]
        if path.strip("/") in {"", *PAGES} and path.count("/") == 1:
            return HTMLResponse(document(), headers={"Cache-Control": "no-cache"})
        file = _files().get(path)
        accepted = Headers(scope=scope).get("accept-encoding", "")
        encoding = next(
            (name for name in _COMPRESS if name in accepted), None
        )  # br: browsers want HTTPS or loopback for it
        if file is None or encoding is None:
            return None
        content = await to_thread.run_sync(_compressed, file, encoding)
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        return Response(content, media_type=kind, headers=_FOREVER | {"Content-Encoding": encoding})


@functools.cache
def _files() -> Mapping[str, Path]:
    """Return the files that are sent compressed, by address."""
    files = (file for file in (_FOLDER / "static").rglob("*") if file.suffix in _COMPRESSED)
    return {f"/{file.relative_to(_FOLDER).as_posix()}": file for file in files}


@functools.cache
def _compressed(file: Path, encoding: str) -> bytes:
    """Return the file's content, compressed once for all visitors."""
    return _COMPRESS[encoding](file.read_bytes())
