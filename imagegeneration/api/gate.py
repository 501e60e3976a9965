"""The gate before pages and API, HTTP and websocket alike: a pure ASGI middleware.

Streamlit alone does not check who asks: its files, uploads and websocket answer clients that never signed in, whatever
a page checks. So the gate lets no request pass without a login or a key, except to open addresses. Without a configured
sign-in there is one local admin, and only this machine is answered.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Literal, TypeVar
from urllib.parse import quote

from anyio import CapacityLimiter, fail_after, to_thread
from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from ulid import ULID

from imagegeneration.api.addresses import _WINDING, check_local, check_public, client_address
from imagegeneration.api.guard import is_api
from imagegeneration.api.lookups import Lookups
from imagegeneration.api.rates import NOTHING_WRITTEN
from imagegeneration.api.routes import allowed_methods, requirement
from imagegeneration.bootstrap import Studio
from imagegeneration.core.actor import ASKING, LOCAL, Actor
from imagegeneration.core.errors import Busy, NotAllowed, NotFound, StudioError, WrongMethod
from imagegeneration.core.roles import Need
from imagegeneration.web.answers import error_response
from imagegeneration.web.routes import LOOK_AGAIN, RECHECK_SECONDS

LOOKUPS_AT_ONCE = 16
"""The most look-ups of cookies and keys in the database at once."""

VOUCHED_AT_ONCE = 16
"""The most look-ups of proxy tokens at once. Their key set may be slow, and cookies and keys must not wait for it."""

VOUCHED_SECONDS = 3.0

PAGES_OF_A_PERSON = 50
"""The most pages a user may have open at once; each is a session in this server's memory."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_OPEN = ("/auth/",)
"""Addresses that need no sign-in: the sign-in itself. The table of routes has the health checks."""

_CLOSED = (
    *("/_stcore/metrics", "/_stcore/agent", "/_stcore/script-health-check", "/_stcore/upload_file"),
    "/oauth2callback",
)
"""Streamlit's own routes that the dashboard does not use, whatever its settings say: no page takes uploads."""


log = logging.getLogger(__name__)


Found = TypeVar("Found")
Said = Literal["by hand", "by itself", "refused"]
Hear = Callable[[bytes], Said]
"""The kind of a page's message: a user's action, an automatic one, or one that no page of the dashboard sends."""


class OpenPages:
    """The pages that each user has open at this server."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()

    def add(self, user_id: str) -> None:
        """Count an open page of its user. Raises Busy (IMG_005) for one too many."""
        if self._open[user_id] >= PAGES_OF_A_PERSON:
            raise Busy(f"{PAGES_OF_A_PERSON} pages are open already.", retry_after=10, resolution="Close some of them.")
        self._open[user_id] += 1

    def remove(self, user_id: str) -> None:
        """Count one page less."""
        self._open[user_id] -= 1
        self._open += Counter()  # drops the users who have none


class Gate:
    """The middleware that identifies the actor and refuses requests. It puts the actor into the scope's state."""

    def __init__(self, app: ASGIApp, studio: Callable[[], Studio], hear: Hear) -> None:
        """Take the application, the studio and `hear`, which classifies a message of a page."""
        self._app = app
        self._studio = studio
        self._hear = hear
        self._open_pages = OpenPages()
        self._refused = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the refusal, or pass the request on."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request_id = _request_id(headers)
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        try:
            self._check_address(scope, headers)
            need = needed(scope)
            actor = None if need == "nobody" else await self._actor(scope, headers)
            if actor is not None and actor.key_id is not None and not _writes_nothing(scope):
                await self._use_key(actor.key_id)
            if actor is None and need != "nobody" and "authorization" in headers:
                await self._look(self._studio().rates.wrong_key, client_address(scope))
            if need != "nobody":
                state["actor"] = _admitted(actor, need).model_copy(update={"request_id": request_id})
                if not _writes_nothing(scope):
                    await self._use(headers)
                state[LOOK_AGAIN] = functools.partial(self._look_again, scope, headers, need)
            _check_method(scope)
            if scope["type"] == "websocket":
                self._open_pages.add(state["actor"].user_id)
        except StudioError as error:
            await _refuse(error, scope, receive, send)
            return
        if scope["type"] != "websocket":
            await self._app(scope, receive, send)
            return
        try:
            await self._watched(scope, receive, send, headers)
        finally:
            self._open_pages.remove(state["actor"].user_id)

    @property
    def _signs_in(self) -> bool:
        return self._studio().settings.has_sign_in

    def _check_address(self, scope: Scope, headers: Mapping[str, str]) -> None:
        settings = self._studio().settings
        if settings.has_sign_in:
            check_public(scope, headers, settings.public_url or "")
        else:
            check_local(scope, headers)

    async def _actor(self, scope: Scope, headers: Mapping[str, str]) -> Actor | None:
        studio = self._studio()
        if not studio.settings.has_sign_in:
            return LOCAL
        scheme, _, text = headers.get("authorization", "").partition(" ")
        if scheme:
            if scheme.lower() != "bearer":
                return None
            return studio.keys.recall(text.strip()) or await self._look(studio.keys.actor, text.strip())
        proxy = studio.settings.sign_in_proxy
        if proxy is not None and (vouched := headers.get(proxy.header)):
            known = studio.proxy_sign_in.recall(vouched)
            return known or await self._vouched(vouched, client_address(scope))
        token = cookie(headers, studio.settings.login_cookie)
        if token is None:
            return None
        return studio.logins.recall(token) or await self._look(studio.logins.actor, token)

    @functools.cached_property
    def _lookups(self) -> CapacityLimiter:
        return CapacityLimiter(LOOKUPS_AT_ONCE)

    @functools.cached_property
    def _vouching(self) -> Lookups:
        return Lookups(VOUCHED_AT_ONCE)

    async def _look(self, find: Callable[[str], Found], secret: str) -> Found:
        return await to_thread.run_sync(find, secret, limiter=self._lookups)

    async def _vouched(self, token: str, address: str) -> Actor | None:
        """Return the actor of a proxy's token, or None. Raises Busy (IMG_005) if the key set is too slow."""
        try:
            with fail_after(VOUCHED_SECONDS):
                return await self._vouching.run(address, self._studio().proxy_sign_in.actor, token)
        except TimeoutError:
            raise Busy("Your sign-in could not be checked in time.", retry_after=2) from None

    async def _use(self, headers: Mapping[str, str]) -> None:
        logins, token = self._studio().logins, cookie(headers, self._studio().settings.login_cookie)
        if self._signs_in and token is not None and "authorization" not in headers and not logins.was_used(token):
            await self._look(logins.use, token)

    async def _use_key(self, key_id: str) -> None:
        """Record that a key is in use, even for a call that is then refused."""
        keys = self._studio().keys
        if not keys.was_used(key_id):
            await self._look(keys.use, key_id)

    async def _watched(self, scope: Scope, receive: Receive, send: Send, headers: Mapping[str, str]) -> None:
        """Serve a websocket while its login lasts, and drop messages that no page of the dashboard sends."""
        ASKING.set(scope["state"]["actor"].user_id)

        async def heard() -> Message:
            while True:
                message = await receive()
                if message["type"] != "websocket.receive":
                    return message
                said = self._hear(message.get("bytes") or b"")
                if said == "refused":
                    self._refused += 1
                    log.warning("An open page sent a message that is not allowed; %s so far", self._refused)
                    continue
                if said == "by hand":
                    with contextlib.suppress(StudioError):  # the database is down: the page reports that itself
                        await self._use(headers)
                return message

        serving = asyncio.ensure_future(self._app(scope, heard, send))
        try:
            while not serving.done():
                await asyncio.wait([serving], timeout=RECHECK_SECONDS)
                if not serving.done() and not await self._still_there(scope, headers):
                    with contextlib.suppress(RuntimeError):  # the other side has closed it meanwhile
                        await send({"type": "websocket.close", "code": 4401, "reason": "Signed out."})
                    return
            await serving
        finally:
            serving.cancel()

    async def _look_again(self, scope: Scope, headers: Mapping[str, str], need: Need) -> Actor | None:
        """Return the current actor of the request, or None if they signed out or may no longer do this."""
        actor = await self._actor(scope, headers)
        return actor if actor is not None and actor.may(need) else None

    async def _still_there(self, scope: Scope, headers: Mapping[str, str]) -> bool:
        try:
            return await self._actor(scope, headers) is not None
        except StudioError:
            return True  # the database is down: no user is signed out for that


def needed(scope: Scope) -> Need:
    """Return what the address requires. Raises NotFound (IMG_008) if no rule declares it."""
    path: str = scope["path"]
    if path.startswith(_CLOSED) or not path.isprintable() or _WINDING.search(path):
        raise NotFound("There is nothing at this address.")
    if path.startswith(_OPEN):
        return "nobody"
    if not is_api(path):
        return "signed-in"
    need = requirement(scope.get("method"), path)
    if need is None:
        raise NotFound("There is nothing at this address.")
    return need


def _check_method(scope: Scope) -> None:
    """Raise WrongMethod (IMG_009, 405) for an address of the API that does not support the method."""
    allowed = allowed_methods(scope["path"])
    if allowed and scope.get("method") not in (*allowed, "HEAD"):
        raise WrongMethod(str(scope.get("method")), allowed)


def _writes_nothing(scope: Scope) -> bool:
    """Return whether the request must not write to the database, not even the times of sign-ins and keys."""
    return bool(scope["type"] == "http" and scope["path"] == NOTHING_WRITTEN)


def cookie(headers: Mapping[str, str], name: str) -> str | None:
    """Return the value of the cookie `name`, or None if the browser sent none."""
    return cookie_parser(headers.get("cookie", "")).get(name)


def _admitted(actor: Actor | None, need: Need) -> Actor:
    if actor is None:
        raise NotAllowed("Nobody is signed in.", status=401, resolution="Sign in, or send a valid API key.")
    if not actor.may(need):
        raise NotAllowed("You may not do this.", resolution="Ask an administrator for the role that it needs.")
    return actor


def _request_id(headers: Mapping[str, str]) -> str:
    """Return the client's own request id if it is harmless, so that both sides can find the request, else a new id."""
    given = headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else f"req_{ULID()}"


async def _refuse(error: StudioError, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        code = 4000 + error.status
        await send({"type": "websocket.close", "code": code, "reason": error.message[:120]})
        return
    headers = Headers(scope=scope)
    wants_page = scope["method"] == "GET" and "text/html" in headers.get("accept", "") and not is_api(scope["path"])
    if error.status == 401 and wants_page:
        query = scope.get("query_string", b"").decode("latin-1")
        wanted = scope["path"] + (f"?{query}" if query else "")
        await RedirectResponse(f"/auth/sign-in?next={quote(wanted, safe='')}", status_code=303)(scope, receive, send)
        return
    await error_response(error, scope["state"]["request_id"])(scope, receive, send)
