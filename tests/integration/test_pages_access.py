"""Which page is for whom, cell by cell, also on pages that are open while a role is taken away."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from imagegeneration.bootstrap import Studio
from imagegeneration.core.roles import PAGES, ROLES, Role
from imagegeneration.people import logins
from tests.integration.company import person
from tests.integration.window import Window, draw
from tests.support import Clock

READERS: Mapping[str, frozenset[Role]] = {
    "generate": frozenset({"admin", "creator"}),
    "jobs": frozenset({"admin", "creator", "reviewer"}),
    "operations": frozenset({"admin", "operator"}),
    "people": frozenset({"admin"}),
    "keys": frozenset(ROLES),
    "loras": frozenset({"admin"}),
    "audit": frozenset({"admin"}),
}
"""What people were promised: who may open which page. Stated here on its own, so that a wrong rule shows."""

FRONT = "generate"
REFUSED = "This page is not for you."
PARTS: Mapping[str, str] = {
    "generate": "from imagegeneration.dashboard.generate import progress; progress._watch('imgjob_0', None, [])",
    "jobs": "from imagegeneration.dashboard.jobs import board; board._follow(board.Wanted('All'), 2, [])",
    "operations": "from imagegeneration.dashboard.operations import page; page._follow()",
}
"""Of each page the part that draws itself again by the clock, without the script that has checked the page."""


def test_every_page_is_in_the_matrix() -> None:
    assert set(PAGES) == set(READERS)
    assert set(PARTS) <= set(PAGES)


@pytest.mark.parametrize("role", ROLES)
def test_each_role_opens_its_pages_and_no_other(company: Studio, window: Window, role: Role) -> None:
    window.sign_in(person(company, "ann", role))
    for page, readers in READERS.items():
        shown = window.new().open(page)
        if page == FRONT and role not in readers:  # the address of the studio itself leads everybody somewhere
            assert '"title": "Generate"' not in shown
            continue
        assert (REFUSED not in shown) == (role in readers), (page, shown)
        assert ("studio_head" in shown) == (role in readers), "the page is drawn, or nothing of it"


@pytest.mark.parametrize("page", sorted(READERS))
def test_who_signs_out_sees_no_page_any_more(company: Studio, window: Window, page: str) -> None:
    window.sign_in(person(company, "ann", "admin"))
    assert "studio_head" in window.open(page)
    window.sign_in(None)
    shown = window.open(page)
    assert "You are signed out." in shown
    assert "studio_head" not in shown


@pytest.mark.parametrize("page", sorted(PARTS))
def test_an_open_page_stops_once_its_role_is_gone(company: Studio, window: Window, page: str, clock: Clock) -> None:
    who, admin = person(company, "ann", *READERS[page]), person(company, "adm", "admin").actor()
    window.sign_in(who)
    assert REFUSED not in window.open(page)
    left = next(role for role in ROLES if role not in READERS[page])
    company.people.change(admin, who.person_id, version=0, roles=(left,), is_disabled=False, reason="moved")
    clock.now += logins.KNOWN_SECONDS
    assert REFUSED in draw(PARTS[page])
