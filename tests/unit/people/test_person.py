"""Who gets which roles, and what a person may do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from imagegeneration.core.actor import Actor
from imagegeneration.core.roles import Need, Role
from imagegeneration.people.person import Identity, Person, RoleRules, roles_of
from tests.unit.dashboard.samples import NOW

RULES: RoleRules = {
    "admin": ["Ann@Example.com"],
    "creator": ["@example.com", "group:Writers"],
    "reviewer": ["local-name", "group:readers"],
}


@pytest.mark.parametrize(
    ("email", "groups", "roles"),
    [
        ("ann@example.com", [], ("admin", "creator")),
        ("ANN@EXAMPLE.COM", [], ("admin", "creator")),
        ("bob@example.com", [], ("creator",)),
        ("bob@example.com@elsewhere.com", [], ()),
        ("bob@elsewhere.com@example.com", [], ("creator",)),
        ("bob@elsewhere.com", [], ()),
        ("local-name", [], ("reviewer",)),
        (None, [], ()),
        (None, ["Writers"], ("creator",)),
        (None, ["writers"], ()),
        ("ann@example.com", ["readers"], ("admin", "creator", "reviewer")),
        (None, ["ann@example.com"], ()),
    ],
)
def test_roles_follow_from_addresses_and_groups(email: str | None, groups: list[str], roles: Sequence[Role]) -> None:
    ann = Identity(issuer="https://id", subject="1", email=email, name="Ann", groups=tuple(groups))
    assert roles_of(ann, RULES) == roles


def person(**facts: Any) -> Person:
    known: dict[str, Any] = {
        "person_id": "usr_1",
        "issuer": "https://id",
        "subject": "1",
        "email": None,
        "name": "Ann",
        "granted_roles": ("creator",),
        "created_at": NOW,
        "signed_in_at": NOW,
    }
    return Person(**(known | facts))


@pytest.mark.parametrize(
    ("facts", "roles", "enters"),
    [
        ({}, ("creator",), True),
        ({"roles": ("reviewer", "operator")}, ("reviewer", "operator"), True),
        ({"roles": ()}, (), False),
        ({"granted_roles": ()}, (), False),
        ({"is_disabled": True}, ("creator",), False),
    ],
)
def test_the_roles_that_an_admin_has_set_count(facts: dict[str, Any], roles: tuple[Role, ...], enters: bool) -> None:
    ann = person(plan="free", **facts)
    assert ann.may_enter == enters
    assert ann.actor() == Actor(user_id="usr_1", name="Ann", roles=roles, plan="free")


@pytest.mark.parametrize(
    ("roles", "scopes", "may"),
    [
        ((), None, {"nobody", "signed-in"}),
        (("creator",), None, {"nobody", "signed-in", "generate", "look"}),
        (("creator",), ("look", "administer"), {"nobody", "signed-in", "look"}),
        (("reviewer", "operator"), None, {"nobody", "signed-in", "look", "review", "operate"}),
        (("admin",), None, {"nobody", "signed-in", "generate", "look", "review", "operate", "administer"}),
        (("admin",), (), {"nobody", "signed-in"}),
    ],
)
def test_an_actor_may_what_its_roles_give_within_the_scopes_of_its_key(
    roles: tuple[Role, ...], scopes: Any, may: set[Need]
) -> None:
    actor = Actor(user_id="ann", roles=roles, scopes=scopes)
    needs: set[Need] = {"nobody", "signed-in", "generate", "look", "review", "operate", "administer"}
    assert {need for need in needs if actor.may(need)} == may


@pytest.mark.parametrize(
    ("role", "of", "done_of_all", "changes"),
    [
        ("creator", "ann", False, False),
        ("reviewer", "ann", True, False),
        ("operator", "ann", False, False),
        ("admin", None, False, True),
    ],
)
def test_which_jobs_exist_for_an_actor_and_which_it_may_change(
    role: Role, of: str | None, done_of_all: bool, changes: bool
) -> None:
    actor = Actor(user_id="ann", roles=(role,))
    assert (actor.reach.user_id, actor.reach.done_of_all) == (of, done_of_all)
    assert actor.may_change("ann")
    assert actor.may_change("bob") == changes
