"""What every page shares: the services, the head of the page, and errors in words."""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import NamedTuple, NoReturn

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.errors import StreamlitInvalidLayoutContextError
from ulid import ULID

from imagegeneration.bootstrap import Studio, build_studio
from imagegeneration.core.actor import ASKING, LOCAL, Actor
from imagegeneration.core.errors import ConfigurationError, InternalFault, NotAllowed, OverBudget, StudioError
from imagegeneration.core.roles import PAGES as NEEDS
from imagegeneration.core.roles import Need
from imagegeneration.dashboard.kit import words
from imagegeneration.dashboard.web import asset
from imagegeneration.money.money import Spend, format_usd
from imagegeneration.settings import load_settings

ASSETS = Path(__file__).parent / "assets"
PAGES = Path(__file__).parents[2] / "pages"
SPEND_SECONDS = 10
"""How often the spend at the top of a page is read again, in seconds."""

ACCOUNT_SECONDS = 10
"""How often an open page checks that its reader is still signed in with the same roles, in seconds."""

_READER = "reader"
_LOG = logging.getLogger(__name__)
_HEAD = st.components.v2.component("studio_head", **asset("head"))
_ACCOUNT = st.components.v2.component("studio_account", **asset("account"))
_NOTICE = st.components.v2.component("studio_notice", **asset("notice"))


class Credentials(NamedTuple):
    """The proof of who uses a browser: the proxy's token, and the login's cookie."""

    vouched: str | None
    cookie: str | None


_STUDIO_LOCK = threading.Lock()


def studio() -> Studio:
    """Return the services, made once for all sessions of this process.

    They are not in Streamlit's cache, because pages can clear it.
    """
    with _STUDIO_LOCK:  # two pages at once must share one
        return _made()


@functools.cache
def _made() -> Studio:
    return build_studio(load_settings())


def actor() -> Actor:
    """Return the user who looks at the page, looked up at each call. Raises NotAllowed (IMG_010) once signed out."""
    return _behind(_shown())


def acting(permission: Need) -> Actor:
    """Return the user who looks at the page, if they have the permission. Raises NotAllowed (IMG_010) otherwise.

    A page's callbacks run before the page is checked, so every callback that changes something calls this.
    """
    return _permitted(actor(), permission)


def acting_later(permission: Need) -> Callable[[], Actor]:
    """Return a function that does what `acting` does, for work outside of the page's script, such as a download.

    A page's session goes to any browser that connects with its id, so the user who asks must be the user for whom the
    page was drawn.
    """
    shown = _shown()

    def asked() -> Actor:
        found = _permitted(_behind(shown), permission)
        if ASKING.get() not in (None, found.user_id):
            raise NotAllowed("This page was opened by another person.", resolution="Reload the page.")
        return found

    return asked


def _shown() -> Credentials:
    """Return what the browser shows: the proxy's token, if a proxy signs users in, and the login's cookie."""
    proxy = studio().settings.sign_in_proxy
    vouched = None if proxy is None else st.context.headers.get(proxy.header)
    return Credentials(vouched, st.context.cookies.get(studio().settings.login_cookie))


def _behind(shown: Credentials) -> Actor:
    if not studio().settings.has_sign_in:
        return LOCAL
    if shown.vouched:
        found = studio().proxy_sign_in.actor(shown.vouched)
    else:
        found = None if shown.cookie is None else studio().logins.actor(shown.cookie)
    if found is None:
        raise NotAllowed("You are signed out.", status=401, resolution="Reload the page and sign in again.")
    return found


def _permitted(found: Actor, permission: Need) -> Actor:
    if not found.may(permission):
        raise NotAllowed("You may not do this.", resolution="Ask an administrator for the role that it needs.")
    return found


@contextmanager
def loading(height: int) -> Iterator[DeltaGenerator]:
    """Show a skeleton of `height` pixels while the block runs, and yield the place for what it loads.

    The place comes before the skeleton, so that its content does not jump while it is loaded anew.
    """
    place = st.container()
    with st.skeleton(height=height):
        yield place


def recognize() -> None:
    """Remember the user who looks, at the beginning of each run of a page.

    A session's state goes to any browser that connects with its id, so it is cleared for another user in the same
    window.
    """
    found = actor()
    before: Actor | None = st.session_state.get(_READER)
    if before is not None and before.user_id != found.user_id:
        st.session_state.clear()
    st.session_state[_READER] = found


def may_use(page: str) -> bool:
    """Return whether the user who looks may use the page at this address."""
    return actor().may(NEEDS[page])


def require_page(page: str) -> None:
    """Raise NotAllowed (IMG_010) if the user who looks may not use the page at this address.

    A part of a page that redraws itself on a timer calls this too, because nothing else runs then.
    """
    if not may_use(page):
        raise NotAllowed("This page is not for you.", resolution="Ask an administrator for the role that it needs.")


def account() -> None:
    """Draw who is signed in, and the way out, at the foot of the menu; check on a timer that they still are."""
    if studio().settings.has_sign_in:
        with st.sidebar:
            st.fragment(run_every=ACCOUNT_SECONDS)(_account)()


def _account() -> None:
    """Redraw the whole page once its reader's permissions change; leave it once they are signed out."""
    before: Actor = st.session_state[_READER]
    try:
        is_signed_out = False
        if actor().permissions != before.permissions:
            st.rerun()
    except NotAllowed:
        is_signed_out = True
    except StudioError:
        return  # the database is away: that signs no user out
    data = {
        "name": before.name,
        "is_signed_out": is_signed_out,
        "may_sign_out": not _shown().vouched,  # otherwise the proxy signs out
        "at": words.milliseconds(datetime.now(UTC)),
    }
    _ACCOUNT(key="account", data=data)


def reader_zone() -> tzinfo:
    """Return the time zone of the user who looks at the page."""
    return words.zone(st.context.timezone, st.context.timezone_offset)


def head(title: str, about: str) -> None:
    """Draw the head of a page: its name, today's spend, and the sandbox label if the sandbox is in use."""
    st.fragment(run_every=SPEND_SECONDS)(_head)(title, about)


def _head(title: str, about: str) -> None:
    with errors_in_words("head-problem"):
        _draw_head(title, about)


def _draw_head(title: str, about: str) -> None:
    data: dict[str, object] = {
        "title": title,
        "about": about,
        "sandbox": studio().provider == "sandbox",
        "spend": "Today's spend is not known",
        "details": "",
        "share": None,
    }
    try:
        data |= _spend(studio().spending.today(actor()))
    except StudioError as error:
        data["details"] = error.message
    _HEAD(key="head", data=data)


def _spend(spend: Spend) -> dict[str, object]:
    used = spend.spent_micros + spend.held_micros
    return {
        "spend": f"{format_usd(used)} of {format_usd(spend.limit_micros)} today",
        "details": _details(spend),
        "share": min(used / spend.limit_micros, 1) if spend.limit_micros else 1.0,
    }


def _details(spend: Spend) -> str:
    return (
        f"{format_usd(spend.spent_micros)} spent and {format_usd(spend.held_micros)} held for images in the making. "
        f"The budget of {format_usd(spend.limit_micros)} starts again at {resets_at(spend)}. "
        f"Prompt suggestions cost {format_usd(spend.text_micros)}, which has a budget of its own."
    )


def resets_at(spend: Spend) -> str:
    """Return when the budget starts again, on the reader's clock."""
    return words.clock(spend.resets_at, reader_zone(), datetime.now(UTC))


def explain(error: StudioError) -> tuple[str, str]:
    """Return what happened and what to do next; a budget error also says when the reader's budget starts again."""
    if isinstance(error, OverBudget) and error.resets_at is not None:
        reset = words.clock(error.resets_at, reader_zone(), datetime.now(UTC))
        return error.message, f"{error.resolution} For you the budget starts again at {reset}."
    return error.message, error.resolution


def show_error(error: StudioError, *, key: str = "problem", cost: str = "") -> None:
    """Say in words what happened, what it cost, and what to do next."""
    happened, next_step = explain(error)
    notice("bad", happened, " ".join(part for part in (cost, next_step) if part), key=key, code=error.code)


def notice(tone: words.Tone, title: str, text: str = "", *, key: str, code: str = "") -> None:
    """Draw a message to the reader; both parts are shown as plain text."""
    _NOTICE(key=key, data={"tone": tone, "title": title, "text": text, "code": code})


def draw_part_again() -> NoReturn:
    """Redraw the fragment that calls this, or the whole page if the fragment is drawn as a part of it."""
    with suppress(StreamlitInvalidLayoutContextError):
        st.rerun(scope="fragment")
    st.rerun()


@contextmanager
def errors_in_words(key: str = "problem") -> Iterator[None]:
    """Turn any error while a part of a page is drawn into words; never show a traceback."""
    try:
        yield
    except StudioError as error:
        show_error(error, key=key)
    except ConfigurationError as error:
        show_error(InternalFault(str(error), resolution="Ask an operator to correct the configuration."), key=key)
    except Exception:  # noqa: BLE001 - a page never shows a traceback, whatever went wrong
        reference = str(ULID())
        _LOG.exception("a page failed, reference %s", reference)
        show_error(
            InternalFault(
                f"Something went wrong in the studio itself. Reference {reference}.",
                resolution="Reload the page. If it happens again, give the reference to an operator.",
            ),
            key=key,
        )
