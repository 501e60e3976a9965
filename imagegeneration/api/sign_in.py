"""Routes of signing in and out: the only pages that strangers see. Served beside the dashboard, under /auth."""

from __future__ import annotations

import html
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route

from imagegeneration.api.gate import client_address, cookie
from imagegeneration.bootstrap import Studio
from imagegeneration.domain.person import SIGN_IN_SECONDS
from imagegeneration.errors import SignInFailed, StudioError

STATE_COOKIE = "studio_sign_in"
_ASSETS = Path(__file__).parent / "assets"
# No form-action: browsers hold a form's redirects against it too, and a provider sends people on to others.
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'",
}


def sign_in_routes(studio: Callable[[], Studio]) -> list[Mount]:
    """The routes under /auth; `studio` is asked for with every request."""
    pages = _Pages(studio)
    routes = [
        Route("/sign-in", pages.sign_in, methods=["GET"]),
        Route("/begin/{provider}", pages.begin, methods=["POST"]),
        Route("/callback/{provider}", pages.callback, methods=["GET"]),
        Route("/sign-out", pages.ask_sign_out, methods=["GET"]),
        Route("/sign-out", pages.sign_out, methods=["POST"]),
        Route("/sign-in.css", _style, methods=["GET"]),
    ]
    return [Mount("/auth", routes=routes)]


class _Pages:
    def __init__(self, studio: Callable[[], Studio]) -> None:
        self._studio = studio

    async def sign_in(self, request: Request) -> Response:
        """The providers, a button each."""
        wanted = own_path(request.query_params.get("next", "/"))
        buttons = "".join(
            f'<form method="post" action="/auth/begin/{html.escape(name)}">'
            f'<input type="hidden" name="next" value="{html.escape(wanted)}">'
            f"<button>Continue with {html.escape(label)}</button></form>"
            for name, label in self._studio().logins.providers()
        )
        return _page("Sign in", "Sign in to Image Studio", buttons)

    async def begin(self, request: Request) -> Response:
        """Send the person to the provider."""
        form = await request.form(max_files=0, max_fields=4)
        wanted = own_path(str(form.get("next", "/")))
        try:
            await self._count("begin", request)
            begun = await to_thread.run_sync(self._studio().logins.begin, request.path_params["provider"], wanted)
        except StudioError as error:
            return _problem(error)
        response = RedirectResponse(begun.address, status_code=303, headers={"Cache-Control": "no-store"})
        self._keep(response, STATE_COOKIE, begun.state, SIGN_IN_SECONDS, "/auth/callback")
        return response

    async def callback(self, request: Request) -> Response:
        """Take the person back from the provider."""
        query, provider = request.query_params, request.path_params["provider"]
        kept = cookie(request.headers, STATE_COOKIE) or ""
        try:
            await self._count("callback", request)
            if "error" in query:
                raise SignInFailed("The provider did not let you in.")
            token, wanted = await to_thread.run_sync(
                lambda: self._studio().logins.finish(
                    provider, state=query.get("state", ""), kept_state=kept, code=query.get("code", "")
                )
            )
        except StudioError as error:
            return _problem(error)
        response = RedirectResponse(wanted, status_code=303, headers={"Cache-Control": "no-store"})
        response.delete_cookie(STATE_COOKIE, path="/auth/callback")
        longest = self._studio().settings.sign_in_max_hours * 3600
        self._keep(response, self._studio().settings.login_cookie, token, round(longest), "/")
        return response

    async def ask_sign_out(self, _request: Request) -> Response:
        """A link cannot sign anybody out: a button does."""
        button = '<form method="post" action="/auth/sign-out"><button autofocus>Sign out</button></form>'
        return _page("Sign out", "Sign out of Image Studio?", button + '<p><a href="/">Back to the studio</a></p>')

    async def sign_out(self, request: Request) -> Response:
        """End the login of this browser; its open pages are closed within a minute."""
        name = self._studio().settings.login_cookie
        token = cookie(request.headers, name)
        if token is not None:
            await to_thread.run_sync(self._studio().logins.end, token)
        response = RedirectResponse("/auth/sign-in", status_code=303, headers={"Cache-Control": "no-store"})
        response.delete_cookie(name, path="/", secure=name.startswith("__Host-"))
        return response

    async def _count(self, step: str, request: Request) -> None:
        """Strangers may come here: each address so often. Raises Busy (IMG_005)."""
        await to_thread.run_sync(self._studio().rates.sign_in, step, client_address(request.scope))

    def _keep(self, response: Response, name: str, value: str, seconds: int, path: str) -> None:
        secure = (self._studio().settings.public_url or "").startswith("https://")
        response.set_cookie(name, value, max_age=seconds, path=path, secure=secure, httponly=True, samesite="lax")


def own_path(wanted: str) -> str:
    """A path of ours to go to after the sign-in; the front page for anything else, for example another site."""
    parts = urlsplit(wanted)
    harmless = wanted.startswith("/") and not wanted.startswith(("//", "/\\", "/auth/")) and wanted.isprintable()
    return wanted if harmless and not parts.netloc and len(wanted) <= 2000 else "/"


async def _style(_request: Request) -> Response:
    return FileResponse(_ASSETS / "sign-in.css", media_type="text/css")


def _problem(error: StudioError) -> Response:
    text = f"<p>{html.escape(error.message)}</p><p>{html.escape(error.resolution)}</p>"
    page = _page(
        "Not signed in", "You are not signed in", text + '<p><a href="/auth/sign-in">Back</a></p>', error.status
    )
    page.headers.update(error.headers)
    return page


def _page(title: str, heading: str, content: str, status: int = 200) -> HTMLResponse:
    document = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title} · Image Studio</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="stylesheet" href="/auth/sign-in.css"></head>'
        f"<body><main><h1>{heading}</h1>{content}</main></body></html>"
    )
    return HTMLResponse(document, status_code=status, headers=_HEADERS)
