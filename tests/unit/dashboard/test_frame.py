"""Who looks at a page, and whose session it is."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import streamlit as st

from imagegeneration.core.actor import Actor
from imagegeneration.core.errors import NotAllowed
from imagegeneration.core.roles import PAGES, Role
from imagegeneration.dashboard import frame

ANN = Actor(user_id="usr_ann", name="Ann", roles=("admin",))
BOB = Actor(user_id="usr_bob", name="Bob", roles=("creator",))


@pytest.fixture
def logins(monkeypatch: pytest.MonkeyPatch) -> dict[str, Actor]:
    """Who is behind which cookie; the window has the cookie `one`."""
    known: dict[str, Actor] = {}
    studio = SimpleNamespace(
        settings=SimpleNamespace(has_sign_in=True, sign_in_proxy=None, login_cookie="studio_login"),
        logins=SimpleNamespace(actor=known.get),
    )
    context = SimpleNamespace(cookies={"studio_login": "one"})
    monkeypatch.setattr(frame, "studio", lambda: studio)
    monkeypatch.setattr(st, "context", context)
    return known


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    state: dict[str, Any] = {}
    monkeypatch.setattr(st, "session_state", state)
    return state


def test_a_session_is_not_for_another_person(logins: dict[str, Actor], session: dict[str, Any]) -> None:
    logins["one"] = ANN
    frame.recognize()
    session["draft"] = "Ann's"
    frame.recognize()
    assert session["draft"] == "Ann's"
    logins["one"] = BOB
    frame.recognize()
    assert session == {"reader": BOB}


def test_who_lost_a_role_may_not_act_with_it(logins: dict[str, Actor]) -> None:
    logins["one"] = ANN
    later = frame.acting_later("administer")
    assert frame.acting("administer") == later() == ANN
    logins["one"] = BOB
    for ask in (later, lambda: frame.acting("administer")):
        with pytest.raises(NotAllowed, match="You may not do this"):
            ask()
    del logins["one"]
    for ask in (later, frame.actor):
        with pytest.raises(NotAllowed, match="You are signed out"):
            ask()


def test_every_page_has_a_declared_need() -> None:
    assert {page.stem for page in frame.PAGES.glob("*.py")} == set(PAGES)


@pytest.mark.parametrize(
    ("role", "pages"),
    [
        ("admin", {"generate", "jobs", "operations", "people", "keys", "loras", "audit"}),
        ("creator", {"generate", "jobs", "keys"}),
        ("reviewer", {"jobs", "keys"}),
        ("operator", {"operations", "keys"}),
    ],
)
def test_each_role_may_use_its_pages_and_no_others(logins: dict[str, Actor], role: Role, pages: set[str]) -> None:
    logins["one"] = Actor(user_id="usr_1", roles=(role,))
    assert {page for page in PAGES if frame.may_use(page)} == pages
    for page in set(PAGES) - pages:
        with pytest.raises(NotAllowed, match="This page is not for you"):
            frame.require_page(page)
