"""What the pages People, API keys and Audit ask the services for."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pymongo.database import Database

from imagegeneration.audit import log as audit
from imagegeneration.audit.entry import AuditHead
from imagegeneration.bootstrap import Studio
from imagegeneration.core.actor import LOCAL, Actor
from imagegeneration.core.errors import NotAllowed, WrongState
from imagegeneration.people.person import Identity, Person
from imagegeneration.settings import Settings
from tests.integration.company import build_company
from tests.integration.company import person as company_person
from tests.integration.conftest import approve

ANN = Actor(user_id="usr_ann", name="Ann", roles=("admin",))


def person(studio: Studio, name: str, address: str) -> Person:
    identity = Identity(issuer="http://localhost:9", subject=address, email=address, name=name)
    return studio.people.signed_in(identity, {"creator": [address]})


def names(people: Any) -> list[str]:
    return [one.name for one in people]


def test_people_are_listed_by_name_page_by_page(studio: Studio) -> None:
    for number, name in enumerate(("dora", "Bob", "ann", "Bob", "Cyd")):
        person(studio, name, f"{number}@example.com")
    seen: list[Person] = []
    while page := studio.people.page(seen[-1].person_id if seen else None, 2):
        seen += page
    assert names(seen) == ["ann", "Bob", "Bob", "Cyd", "dora"]
    assert len({one.person_id for one in seen}) == 5


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("AN", ["Ann", "Joan"]),
        ("joan@", ["Joan"]),
        (".*", []),
        ("(", []),
        ("a\0", []),
        ("exa.ple", []),
        ("", ["Ann", "Joan"]),
    ],
)
def test_people_are_found_by_a_part_of_name_or_address(studio: Studio, text: str, found: list[str]) -> None:
    person(studio, "Ann", "a@example.com")
    person(studio, "Joan", "joan@example.com")
    assert names(studio.people.page(None, 10, text)) == found


def test_a_page_after_nobody_is_empty(studio: Studio) -> None:
    person(studio, "Ann", "a@example.com")
    assert names(studio.people.page("usr_nobody", 10)) == []


def test_people_are_named_by_their_ids(studio: Studio) -> None:
    ann = person(studio, "Ann", "a@example.com")
    assert studio.people.names([ann.person_id, "usr_nobody", "local"]) == {ann.person_id: "Ann"}


def test_two_admins_who_take_each_others_role_at_once_leave_one(settings: Settings) -> None:
    here, there = (build_company(settings) for _ in range(2))
    admins = [company_person(here, name, "admin") for name in ("ann", "bob")]
    both = threading.Barrier(2)

    def take(studio: Studio, who: Person, whose: Person) -> bool:
        both.wait(10)
        try:
            studio.people.change(who.actor(), whose.person_id, version=0, roles=(), is_disabled=False, reason="mine")
        except NotAllowed:
            return False
        return True

    with ThreadPoolExecutor(2) as threads:
        taken = list(threads.map(take, (here, there), admins, reversed(admins)))
    assert sorted(taken) == [False, True]
    left = [one for one in here.people.page(None, 10) if "admin" in one.effective_roles]
    assert len(left) == 1
    for studio in (here, there):
        studio.close()


def test_without_sign_in_there_are_no_keys(studio: Studio) -> None:
    with pytest.raises(WrongState, match="Without sign-in there are no keys"):
        studio.keys.make(LOCAL, "a script", ["look"], 90)
    assert studio.keys.of_actor(LOCAL) == []


def test_entries_are_found_by_actors_actions_and_subject(studio: Studio) -> None:
    job = approve(studio)
    studio.audit.note(ANN, "image.decided", f"{job.job_id}/0", "accept_lost: gone")
    studio.audit.note(ANN, "signed-in", "usr_ann", "")
    studio.audit.note(ANN, "signed-out", f"{job.job_id}x", "")

    def numbers(**wanted: Any) -> list[int]:
        return [entry.number for entry in studio.audit.find(**{"limit": 10, **wanted})]

    assert numbers() == [4, 3, 2, 1]
    assert numbers(actors=["usr_ann"]) == [4, 3, 2]
    assert numbers(actors=["usr_ann", "local"], actions=["approved", "signed-in"]) == [3, 1]
    assert numbers(subject=job.job_id) == [2, 1]
    assert numbers(subject="img.*") == numbers(subject="a\0") == []
    assert numbers(before=3, limit=1) == [2]


def test_what_is_written_while_the_chain_is_checked_breaks_nothing(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "PROGRESS_ENTRIES", 100)  # before the database is asked for the second lot
    for _ in range(150):
        studio.audit.note(ANN, "signed-in", "usr_ann", "")
    reports: list[tuple[int, int]] = []

    def progress(done: int, of: int) -> None:
        reports.append((done, of))
        studio.audit.note(ANN, "signed-out", "usr_ann", "")

    assert studio.audit.first_break(progress=progress) is None
    assert reports == [(100, 150)]
    assert studio.audit.head().number == 151


def test_an_entry_behind_the_head_is_found(studio: Studio, database: Database[dict[str, Any]]) -> None:
    for _ in range(2):
        studio.audit.note(ANN, "signed-in", "usr_ann", "")
    first = studio.audit.find(before=2, limit=1)[0]
    database.audit_head.update_one({}, {"$set": AuditHead(number=1, sha256=first.sha256).document()})
    broken = studio.audit.first_break()
    assert broken is not None
    assert (broken.number, broken.problem) == (2, "it was added past the head")


def test_an_anchor_shows_a_chain_that_was_made_anew(studio: Studio) -> None:
    studio.audit.note(ANN, "signed-in", "usr_ann", "")
    head = studio.audit.head()
    studio.audit.note(ANN, "signed-out", "usr_ann", "")
    assert studio.audit.first_break(head) is None
    other = studio.audit.first_break(AuditHead(number=1, sha256="1" * 64))
    missing = studio.audit.first_break(AuditHead(number=9, sha256="1" * 64))
    assert (other and other.number, missing and missing.number) == (1, 3)
