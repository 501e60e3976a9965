"""Entries of the audit record, in words and as files."""

from __future__ import annotations

import csv
import json
from typing import Any, get_args

import pytest

from imagegeneration.audit.entry import Action, AuditEntry
from imagegeneration.dashboard.audit.entries import ACTION_WORDS, changes, entry_row
from imagegeneration.dashboard.audit.exports import as_csv, as_json_lines, literal_cell
from imagegeneration.dashboard.kit.rows import Change, Row
from imagegeneration.money.credit import Balance
from tests.unit.dashboard.samples import NOW, approval
from tests.unit.dashboard.test_persons import somebody

NAMES = {"usr_1": "Bob", "usr_2": "Ann"}


def entry(**facts: Any) -> AuditEntry:
    known: dict[str, Any] = {
        "number": 1234,
        "entry_id": "aud_1",
        "key": None,
        "request_id": None,
        "previous_sha256": "",
        "sha256": "",
        "at": NOW,
        "actor": "usr_2",
        "action": "signed-in",
        "subject": "usr_2",
        "reason": "",
        "before": None,
        "after": None,
    }
    return AuditEntry(**(known | facts))


def row(**facts: Any) -> Row:
    return entry_row(entry(**facts), NAMES)


def line(shown: Row) -> str:
    return "".join(piece if isinstance(piece, str) else "THEN" for piece in shown.lines[0])


def test_every_action_has_words() -> None:
    assert set(ACTION_WORDS) == set(get_args(Action))


def test_who_when_and_why() -> None:
    assert line(row()) == "Ann, THEN"
    assert line(row(reason="by Example")) == "Ann, THEN: by Example"
    assert line(row(key="a script")) == "Ann with the key “a script”, THEN"
    assert line(row(actor="local")) == "You, on this machine, THEN"
    assert line(row(actor="usr_9")) == "usr_9, THEN"
    assert row().aside == "#1,234"


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({}, {"roles": ("reviewer",)}, "Bob: Creator → Reviewer"),
        ({"roles": ("reviewer",)}, {}, "Bob: Reviewer → Creator as configured"),
        ({}, {"is_disabled": True}, "Bob: disabled"),
        ({"is_disabled": True}, {"roles": ("admin",)}, "Bob: Creator → Admin, let in again"),
        ({}, {}, "Bob: set again as before"),
    ],
)
def test_changes_of_a_person_are_said(before: dict[str, Any], after: dict[str, Any], said: str) -> None:
    states = {
        name: somebody(**facts).model_dump_json(by_alias=True) for name, facts in (("before", before), ("after", after))
    }
    assert row(action="person.changed", subject="usr_1", **states).title == said


def test_a_plan_and_credits_are_said() -> None:
    before, after = (somebody(plan=plan).model_dump_json(by_alias=True) for plan in ("pro", "free"))
    changed = row(action="person.changed", subject="usr_1", before=before, after=after)
    assert changed.title == "Bob: plan pro → free"
    had, has = (Balance(person_id="usr_1", credits=number).model_dump_json(by_alias=True) for number in (4, 14))
    assert row(action="credits.granted", subject="usr_1", before=had, after=has).title == "Bob: 4 → 14 credits"
    first = row(action="credits.granted", subject="usr_1", after=has)
    assert first.title == "Bob: not metered → 14 credits"


def test_entries_of_other_forms_are_still_shown() -> None:
    assert row(action="person.changed", subject="usr_1").title == "Bob changed"
    assert row(action="approved", subject="imgjob_1").title == "Job approved"
    assert row(action="limits.changed").title == "Limits changed"


def test_jobs_and_keys() -> None:
    approved = row(action="approved", subject="imgjob_1", after=approval(20_000).model_dump_json(by_alias=True))
    assert approved.title == "Job approved for up to $0.02"
    assert [link.href for link in approved.links] == ["jobs?job=imgjob_1", "audit?subject=imgjob_1"]
    decided = row(action="image.decided", subject="imgjob_1/0", reason="accept_lost: gone")
    assert decided.title == "An image accepted as lost"
    assert line(decided) == "Ann, THEN: gone"
    assert [link.href for link in decided.links] == ["jobs?job=imgjob_1", "audit?subject=imgjob_1"]
    made = row(action="key.made", subject="key_1", reason="a script")
    assert (made.title, line(made)) == ("Key “a script” made", "Ann, THEN")


def test_the_difference_names_each_value_that_changed() -> None:
    before = {"roles": None, "same": 1, "deep": {"list": [{"cost": 1}]}, "gone": "x"}
    after = {"roles": ["admin", "creator"], "same": 1, "deep": {"list": [{"cost": 2}]}, "on": True}
    assert list(changes(json.dumps(before), json.dumps(after))) == [
        Change("roles", "none", "admin, creator"),
        Change("deep.list.0.cost", "1", "2"),
        Change("gone", "x", ""),
        Change("on", "", "yes"),
    ]
    assert list(changes(None, None)) == []
    assert list(changes("no JSON", None)) == [Change("state", "no JSON", "")]


UNSEEN = ("\n=", " =", "\u00a0=", "\u200b=", "\ufeff =", "\u2060-", "\v@", "\u3000＝", " \n\u200d+")
"""What some spreadsheets drop before they look for a formula."""


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠", *UNSEEN])
def test_no_cell_is_a_formula(start: str) -> None:
    assert literal_cell(f"{start}cmd") == f"'{start}cmd"
    name = f'{start}cmd|"x"\n,y'
    written = as_csv([entry(key=name)]).decode("utf-8-sig")
    (found,) = csv.DictReader(written.splitlines(keepends=True))
    assert found["key"] == f"'{name}"


def test_harmless_cells_stay_as_they_are() -> None:
    (found,) = csv.DictReader(as_csv([entry(reason="a = b")]).decode("utf-8-sig").splitlines())
    assert (found["number"], found["reason"], found["requestId"]) == ("1234", "a = b", "")


def test_json_lines_are_the_entries_to_the_letter() -> None:
    entries = [entry(reason="=1"), entry(number=2, after='{"a": 1}')]
    lines = as_json_lines(entries).decode().splitlines()
    assert [AuditEntry.model_validate_json(one) for one in lines] == entries
