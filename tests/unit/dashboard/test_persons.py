"""People as rows."""

from __future__ import annotations

from typing import Any

from imagegeneration.dashboard.kit.rows import Fact, Row
from imagegeneration.dashboard.people.persons import access_words, confirm_words, people_section
from imagegeneration.people.person import Person
from tests.unit.dashboard.samples import NOW


def somebody(**facts: Any) -> Person:
    known: dict[str, Any] = {
        "person_id": "usr_1",
        "issuer": "https://idp.example/",
        "subject": "1",
        "email": "bob@example.com",
        "name": "Bob",
        "granted_roles": ("creator",),
        "created_at": NOW,
        "signed_in_at": NOW,
    }
    return Person(**(known | facts))


def row(**facts: Any) -> Row:
    return people_section([somebody(**facts)], {"https://idp.example": "Example"}, {"usr_1": 14}, "").rows[0]


def fact(shown: Row, label: str) -> Fact:
    return next(one for one in shown.facts if one.label == label)


def test_roles_say_where_they_are_from() -> None:
    assert fact(row(), "Roles") == Fact("Roles", ("Creator",), note="As configured")
    assert fact(row(roles=("operator", "admin")), "Roles").value == ("Operator, Admin",)
    assert fact(row(roles=("operator",)), "Roles").note == "Set here; configured: Creator"
    assert fact(row(roles=()), "Roles").value == ("No role",)


def test_who_is_disabled_is_marked() -> None:
    assert (row().pill, row(is_disabled=True).pill) == (("May sign in", "good"), ("Disabled", "bad"))


def test_who_was_refused_has_no_access() -> None:
    refused = row(granted_roles=())
    assert refused.pill == ("No access", "neutral")
    assert "Set one to let them in." in fact(refused, "Roles").note
    assert [one.label for one in refused.facts if one.label in ("Refused", "Last sign-in")] == ["Refused"]
    assert row(granted_roles=(), roles=("reviewer",)).pill == ("May sign in", "good")
    assert row(roles=()).pill == ("No access", "neutral")
    assert access_words((), None, "pro", is_disabled=False) == "No role, as configured · plan pro · no access"


def test_a_provider_goes_by_its_label() -> None:
    assert fact(row(), "Signs in with").value == ("Example",)
    assert fact(row(issuer="https://old.example"), "Signs in with").value == ("https://old.example",)


def test_links_lead_to_the_record() -> None:
    assert [link.href for link in row().links] == ["audit?who=usr_1", "audit?subject=usr_1"]


def test_nobody_is_explained() -> None:
    assert people_section([], {}, {}, "").empty == "Nobody has signed in yet."
    assert "“bo*b”" in people_section([], {}, {}, "bo*b").empty


def test_what_somebody_may_do_in_one_line() -> None:
    assert (
        access_words(("creator",), None, "pro", is_disabled=False) == "Creator, as configured · plan pro · may sign in"
    )
    assert access_words(("creator",), ("admin",), "free", is_disabled=True) == "Admin · plan free · disabled"


def test_plan_and_credits_are_told() -> None:
    plan = fact(row(plan="free"), "Plan")
    assert (plan.value, plan.note) == (("Free",), "10 approvals an hour, 50 a day, 1 job at once")
    assert fact(row(plan="enterprise"), "Plan").note == "any number of approvals, 10 jobs at once"
    assert fact(row(), "Credits").value == ("14 credits left",)
    assert fact(row(person_id="usr_2"), "Credits").value == ("Not metered",)


def test_the_button_says_what_it_does() -> None:
    assert confirm_words(somebody(), is_disabled=True) == "Disable, and sign out everywhere"
    assert confirm_words(somebody(is_disabled=True), is_disabled=False) == "Let in again"
    assert confirm_words(somebody(), is_disabled=False) == "Change"
