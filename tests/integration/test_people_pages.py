"""Pages of long lists, and what the pages offer to whom."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pymongo.database import Database
from streamlit.testing.v1 import AppTest

from imagegeneration.bootstrap import Studio
from imagegeneration.domain.access import Role
from tests.integration.belongings import belongings
from tests.integration.company import person, signed_in, somebody
from tests.integration.window import Window

PAGER = "from imagegeneration.ui.pager import pager; pager({next!r})"


def test_the_second_page_of_people_follows_the_first(company: Studio) -> None:
    admin = somebody(company, "adm", "admin")
    for name in ("ann", "bob", "cyd"):
        person(company, name, "creator")
    seen: list[str] = []
    after: dict[str, str] = {}
    while page := admin.get("/image/people", params={"limit": "3", **after}).json():
        seen += [one["name"] for one in page]
        assert len(seen) <= 4, seen
        after = {"after": page[-1]["personId"]}
    assert seen == ["adm", "ann", "bob", "cyd"]


@pytest.mark.parametrize(
    ("here", "following", "buttons"),
    [
        ([], None, []),
        ([], "b", [("Newer", True), ("Older", False)]),
        (["a"], None, [("Newer", False), ("Older", True)]),
    ],
)
def test_a_list_of_one_page_has_no_pager(here: list[str], following: str | None, buttons: list[Any]) -> None:
    app = AppTest.from_string(PAGER.format(next=following), default_timeout=30)
    if here:
        app.query_params["page"] = here
    app.run()
    assert [(button.label, button.disabled) for button in app.button] == buttons
    assert len(app.text) == (1 if buttons else 0)


@pytest.mark.parametrize(("roles", "retries"), [(("operator",), 0), (("admin",), 1)])
def test_operations_offers_what_its_reader_may_do_and_names_people(
    company: Studio, window: Window, database: Database[dict[str, Any]], roles: tuple[Role, ...], retries: int
) -> None:
    anns = belongings(company, database)
    boss = person(company, "Boss", "admin")
    company.breakers.pause(boss.actor(), "everything", "a look at the bill")
    window.sign_in(person(company, "reader", *roles))
    shown = window.open("operations")
    assert shown.count('"label": "Accept as lost"') == 1
    assert shown.count('"label": "Retry"') == retries
    assert shown.count(f"jobs?job={anns.doubtful}") == retries
    assert "By Boss, " in shown
    assert not re.findall(r"By usr_\w+", shown)


def test_the_record_names_people_and_keys(company: Studio, window: Window) -> None:
    ann = person(company, "Ann", "admin")
    browser = signed_in(company, ann)
    made = browser.post("/image/keys", json={"name": "nightly", "scopes": ["look"]}).json()
    assert browser.post(f"/image/keys/{made['facts']['keyId']}/revoke").status_code == 200
    window.sign_in(ann)
    shown = window.open("audit")
    assert "Key “nightly” made" in shown
    assert "Key “nightly” revoked" in shown
    assert f"Ann ({ann.person_id})" in shown
