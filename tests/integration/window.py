"""The dashboard's real pages, run in the test's own process as the signed-in user sees them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import streamlit as st
from streamlit.runtime.context import ContextProxy
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from imagegeneration.bootstrap import Studio
from imagegeneration.dashboard import frame
from imagegeneration.people.person import LOGIN_COOKIE, Person

NAVIGATION = str(frame.PAGES.parent / "imagegeneration" / "dashboard" / "navigation.py")


class Window:
    """One browser window: what is open in it survives that another person signs in."""

    def __init__(self, company: Studio, cookies: dict[str, str]) -> None:
        self._company = company
        self._cookies = cookies
        self._app = AppTest.from_file(NAVIGATION, default_timeout=30)

    def sign_in(self, who: Person | None) -> None:
        """Sign in, as another person too; None signs out."""
        self._cookies.clear()
        if who is not None:
            self._cookies[LOGIN_COOKIE] = self._company.logins.create(who, "idp", "idp")

    def open(self, page: str, **query: str) -> str:
        """Everything that the page shows, as it is sent to the browser."""
        self._app.query_params.clear()
        for name, value in query.items():
            self._app.query_params[name] = value
        self._app._page_hash = calc_hash(page)
        return self.draw()

    def draw(self) -> str:
        """Run the page that is open; everything that it shows."""
        self._app.run()
        return self._shown()

    @property
    def order(self) -> list[str]:
        """The kinds of what the page shows, from top to bottom; components by their names."""
        kinds = [(element.type, getattr(element.proto, "component_name", "")) for element in _elements(self._app._tree)]
        return [name or kind for kind, name in kinds]

    def new(self) -> Window:
        """Another window of the same browser."""
        return Window(self._company, self._cookies)

    @property
    def state(self) -> Any:
        """What the window's session remembers."""
        return self._app.session_state

    def _shown(self) -> str:
        return "\n".join(_sent(element) for element in _elements(self._app._tree))


def draw(part: str, **state: Any) -> str:
    """What a part of a page shows that draws itself again by the clock; `part` is a script that calls it.

    `state` is what the window's session remembers.
    """
    app = AppTest.from_string(part, default_timeout=30)
    for name, value in state.items():
        app.session_state[name] = value
    app.run()
    assert not app.exception, app.exception
    return "\n".join(_sent(element) for element in _elements(app._tree))


@contextmanager
def windows(company: Studio, patch: pytest.MonkeyPatch) -> Iterator[Window]:
    """A first window, in which nobody is signed in."""
    cookies: dict[str, str] = {}
    patch.setattr(frame, "load_settings", lambda: company.settings)
    patch.setattr(frame, "build_studio", lambda _settings: company)
    patch.setattr(ContextProxy, "cookies", property(lambda _self: cookies))
    frame._made.cache_clear()
    st.query_params.clear()
    yield Window(company, cookies)
    frame._made.cache_clear()


def _elements(block: Any) -> Iterator[Any]:
    for child in block.children.values():
        if hasattr(child, "children"):
            yield from _elements(child)
        else:
            yield child


def _sent(element: Any) -> str:
    proto = element.proto
    if hasattr(proto, "js_content"):  # a component: what it is told, without its code
        return f"{proto.component_name} {json.dumps(json.loads(proto.json or 'null'), ensure_ascii=False)}"
    return str(proto)
