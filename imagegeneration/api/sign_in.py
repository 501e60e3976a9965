"""Routes of signing in and out under /auth: the only pages that need no sign-in."""

from __future__ import annotations

import html
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route

from imagegeneration.api.addresses import client_address
from imagegeneration.api.gate import cookie
from imagegeneration.bootstrap import Studio
from imagegeneration.core.errors import Busy, NotFound, SignInFailed, StudioError
from imagegeneration.people.person import SIGN_IN_SECONDS

STATE_COOKIE = "studio_sign_in"
"""The cookie that ties a sign-in to the browser that began it; all tabs of a browser share it."""

AT_ONCE = 8
"""The most sign-in steps of one provider at once, so that a provider that hangs blocks no other."""

MOST_WAITING = 32
"""The most steps that wait for a provider; more are refused at once."""

_BROWSER = re.compile(r"[A-Za-z0-9_-]{43}")
Result = TypeVar("Result")
_ASSETS = Path(__file__).parent / "assets"
# No form-action: browsers apply it to a form's redirects too, and a provider may redirect to other sites.
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'",
}


def sign_in_routes(studio: Callable[[], Studio]) -> list[Mount]:
    """Return the routes under /auth; `studio` is called with every request."""
    pages = _Pages(studio)
    routes = [
        Route("/sign-in", pages.sign_in, methods=["GET"]),
        Route("/begin/{provider}", pages.begin, methods=["POST"]),
        Route("/callback/{provider}", pages.callback, methods=["GET"]),
        Route("/logout/{provider}", pages.logout, methods=["POST"]),
        Route("/sign-out", pages.ask_sign_out, methods=["GET"]),
        Route("/sign-out", pages.sign_out, methods=["POST"]),
        Route("/sign-in.css", _style, methods=["GET"]),
    ]
    return [Mount("/auth", routes=routes)]


class _Pages:
    def __init__(self, studio: Callable[[], Studio]) -> None:
        self._studio = studio
        self._cookies = _Cookies(studio)
        self._limiters: dict[str, CapacityLimiter] = {}

    async def sign_in(self, request: Request) -> Response:
        """Show a button for each provider."""
        wanted = own_path(request.query_params.get("next", "/"))
        buttons = "".join(
            f'<form method="post" action="/auth/begin/{html.escape(name)}">'
            f'<input type="hidden" name="next" value="{html.escape(wanted)}">'
            f"<button>Continue with {html.escape(label)}</button></form>"
            for name, label in self._studio().sign_in.providers()
        )
        response = _page("Sign in", "Sign in to Image Studio", buttons)
        self._cookies.keep_browser(response, self._cookies.browser(request))
        return response

    async def begin(self, request: Request) -> Response:
        """Send the user to the provider."""
        form = await request.form(max_files=0, max_fields=4)
        wanted, browser = own_path(str(form.get("next", "/"))), self._cookies.browser(request)
        provider = request.path_params["provider"]
        try:
            await self._count("begin", request)
            sign_in = self._studio().sign_in
            address = await self._apart(provider, lambda: sign_in.start(provider, wanted, browser))
        except StudioError as error:
            return _problem(error)
        response = _redirect(address)
        self._cookies.keep_browser(response, browser)
        return response

    async def callback(self, request: Request) -> Response:
        """Take the user back from the provider."""
        answer, provider = dict(request.query_params), request.path_params["provider"]
        browser, token = self._cookies.browser(request), self._cookies.login(request)
        try:
            await self._count("callback", request)
            sign_in = self._studio().sign_in
            finished = await self._apart(
                provider, lambda: sign_in.complete(provider, answer, browser=browser, token=token)
            )
        except StudioError as error:
            return _problem(error)
        response = _redirect(finished.address)
        if finished.token is not None:
            self._cookies.keep_login(response, finished.token)
        return response

    async def logout(self, request: Request) -> Response:
        """Receive a sign-out from a provider (OpenID Connect Back-Channel Logout 1.0)."""
        form = await request.form(max_files=0, max_fields=4)
        token, provider = str(form.get("logout_token", "")), request.path_params["provider"]
        try:
            sign_in = self._studio().sign_in
            await self._apart(provider, lambda: sign_in.end_for_provider(provider, token), "sign-outs of")
        except SignInFailed as error:
            wrong = {"error": "invalid_request", "error_description": error.message}
            return JSONResponse(wrong, status_code=400, headers={"Cache-Control": "no-store"})
        except StudioError as error:
            return _problem(error)
        return Response(headers={"Cache-Control": "no-store"})

    async def ask_sign_out(self, _request: Request) -> Response:
        """Show a button that signs out, because a mere link must not sign a user out."""
        button = '<form method="post" action="/auth/sign-out"><button autofocus>Sign out</button></form>'
        return _page("Sign out", "Sign out of Image Studio?", button + '<p><a href="/">Back to the studio</a></p>')

    async def sign_out(self, request: Request) -> Response:
        """End the login of this browser. Its open pages close within a minute."""
        token = self._cookies.login(request)
        if token is not None:
            await to_thread.run_sync(self._studio().logins.end, token)
        response = _redirect("/auth/sign-in")
        self._cookies.drop_login(response)
        return response

    async def _count(self, step: str, request: Request) -> None:
        """Count the step on the client's address, because these pages need no sign-in. Raises Busy (IMG_005)."""
        rates, address = self._studio().rates, client_address(request.scope)
        await self._on(self._limiter("the counters"), lambda: rates.sign_in(step, address))

    async def _apart(self, provider: str, work: Callable[[], Result], what: str = "provider") -> Result:
        """Run work that may wait for a provider on its own threads. Raises NotFound (IMG_008) or Busy (IMG_005).

        Any client can send false sign-outs, so they have other threads than sign-ins.
        """
        if provider not in dict(self._studio().sign_in.providers()):
            raise NotFound("There is no such sign-in provider.")
        return await self._on(self._limiter(f"{what} {provider}"), work)

    @staticmethod
    async def _on(limiter: CapacityLimiter, work: Callable[[], Result]) -> Result:
        if limiter.statistics().tasks_waiting >= MOST_WAITING:
            raise Busy("Too many people are signing in at once.", retry_after=5, resolution="Try again in a moment.")
        return await to_thread.run_sync(work, limiter=limiter)

    def _limiter(self, what: str) -> CapacityLimiter:
        return self._limiters.setdefault(what, CapacityLimiter(AT_ONCE))


class _Cookies:
    """The cookies of sign-in: of the browser that began one, and of a login."""

    def __init__(self, studio: Callable[[], Studio]) -> None:
        self._studio = studio

    def browser(self, request: Request) -> str:
        """Return the browser's cookie, or a new one if it has none."""
        kept = cookie(request.headers, self._browser_cookie) or ""
        return kept if _BROWSER.fullmatch(kept) else secrets.token_urlsafe(32)

    def keep_browser(self, response: Response, browser: str) -> None:
        """Set the cookie of the browser, for as long as a sign-in may take."""
        self._keep(response, self._browser_cookie, browser, SIGN_IN_SECONDS)

    def login(self, request: Request) -> str | None:
        """Return the cookie of the browser's login, or None if it has none."""
        return cookie(request.headers, self._studio().settings.login_cookie)

    def keep_login(self, response: Response, token: str) -> None:
        """Set the cookie of a login, for as long as one may last."""
        settings = self._studio().settings
        self._keep(response, settings.login_cookie, token, round(settings.sign_in_max_hours * 3600))

    def drop_login(self, response: Response) -> None:
        """Delete the cookie of a login."""
        name = self._studio().settings.login_cookie
        response.delete_cookie(name, path="/", secure=name.startswith("__Host-"))

    @property
    def _browser_cookie(self) -> str:
        return f"__Host-{STATE_COOKIE}" if self._is_https else STATE_COOKIE

    @property
    def _is_https(self) -> bool:
        return (self._studio().settings.public_url or "").startswith("https://")

    def _keep(self, response: Response, name: str, value: str, seconds: int) -> None:
        response.set_cookie(
            name, value, max_age=seconds, path="/", secure=self._is_https, httponly=True, samesite="lax"
        )


def own_path(wanted: str) -> str:
    """Return the path to open after the sign-in, or the front page if it is not a path of this site."""
    parts = urlsplit(wanted)
    harmless = wanted.startswith("/") and not wanted.startswith(("//", "/\\", "/auth/")) and wanted.isprintable()
    return wanted if harmless and not parts.netloc and len(wanted) <= 2000 else "/"


def _redirect(address: str) -> Response:
    return RedirectResponse(address, status_code=303, headers={"Cache-Control": "no-store"})


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
