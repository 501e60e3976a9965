"""Pages of long lists, and what the pages offer to whom."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from pymongo.database import Database
from streamlit.testing.v1 import AppTest

from imagegeneration.bootstrap import Studio
from imagegeneration.core.roles import Role
from imagegeneration.dashboard.jobs.gallery import Inspector
from imagegeneration.people.person import Identity, Person
from tests.integration.belongings import belongings
from tests.integration.company import ISSUER, execute, person, signed_in, somebody
from tests.integration.window import Window

PAGER = "from imagegeneration.dashboard.kit.pager import pager; pager({next!r})"


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
    company.pauses.pause(boss.actor(), "everything", "a look at the bill")
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


def shown_card(page: str, job_id: str) -> dict[str, Any]:
    """What Jobs tells the browser of a job's card."""
    (told,) = (line.partition(" ")[2] for line in page.splitlines() if line.startswith("studio_gallery "))
    found: dict[str, Any] = next(card for card in json.loads(told)["cards"] if card["id"] == job_id)
    return found


@pytest.mark.parametrize(
    ("roles", "may_change", "owner"),
    [(("admin",), True, "ann-the-owner"), (("reviewer",), False, "ann-the-owner")],
)
def test_jobs_of_others_are_shown_with_their_owner_and_what_one_may_do(
    company: Studio,
    window: Window,
    database: Database[dict[str, Any]],
    roles: tuple[Role, ...],
    may_change: bool,
    owner: str,
) -> None:
    anns = belongings(company, database)
    window.sign_in(person(company, "reader", *roles))
    jobs = window.open("jobs")
    assert shown_card(jobs, anns.done)["owner"] == owner
    assert "ann-the-owner" in select(jobs)
    dialog = Inspector(job_id=anns.done)
    dialog.update([])
    assert dialog.record is not None
    assert (dialog.record["again"] is not None) == may_change
    facts = [row for section in dialog.record["sections"] for row in section["rows"]]
    assert {row["value"] for row in facts if row["label"] in ("Owner", "Approved by")} == {"ann-the-owner"}
    if may_change:
        assert shown_card(jobs, anns.doubtful)["retry"]
        assert shown_card(jobs, anns.queued)["cancel"]


def test_ones_own_jobs_are_offered_no_more_than_the_role_allows(
    company: Studio, window: Window, database: Database[dict[str, Any]]
) -> None:
    anns = belongings(company, database)
    cases: list[tuple[Role, bool, int]] = [("creator", True, 0), ("reviewer", False, 0), ("admin", True, 1)]
    for role, may_change, choices in cases:
        window.sign_in(person(company, "ann-the-owner", role))
        jobs = window.open("jobs")
        assert shown_card(jobs, anns.doubtful)["retry"] == may_change, role
        assert shown_card(jobs, anns.queued)["cancel"] == may_change, role
        dialog = Inspector(job_id=anns.doubtful)
        dialog.update([])
        assert dialog.record is not None
        assert (dialog.record["offer"] is not None, len(dialog.record["choices"])) == (may_change, choices), role
        assert dialog.said is None, "nothing is complained of that was not asked for"
        assert (shown_card(jobs, anns.done)["owner"] is None) == (role == "creator")


def test_jobs_are_filtered_by_person_in_the_address(
    company: Studio, window: Window, database: Database[dict[str, Any]]
) -> None:
    anns = belongings(company, database)
    bobs = execute(somebody(company, "bob", "creator"), intent="bobs-intent")
    window.sign_in(person(company, "boss", "admin"))
    both = window.open("jobs")
    assert anns.done in both
    assert bobs in both
    only_bob = window.new().open("jobs", person="bob")
    assert bobs in only_bob
    assert anns.done not in only_bob
    twin = execute(signed_in(company, _twin(company, "bob")), intent="twins-intent")
    assert len(re.findall(r'"bob \(\w{4}\)"', select(window.new().open("jobs")))) == 2
    assert twin in window.new().open("jobs", person="bob"), "whose name is not clear is not filtered by"
    window.sign_in(person(company, "bob", "creator"))
    assert select(window.new().open("jobs")) == ""


def select(page: str) -> str:
    """What the page says of its choice of persons."""
    return "".join(re.findall(r"options: .*", page))


def _twin(company: Studio, name: str) -> Person:
    identity = Identity(issuer=ISSUER, subject=f"{name}-2", email=f"{name}-2@example.com", name=name)
    return company.people.signed_in(identity, {"creator": [f"{name}-2@example.com"]})
