"""API keys as rows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from imagegeneration.dashboard.keys.key_rows import example, key_sections
from imagegeneration.dashboard.kit.rows import Fact, Row, Time
from imagegeneration.people.key import ApiKey
from tests.unit.dashboard.samples import NOW

DAY = timedelta(days=1)


def key(**facts: Any) -> ApiKey:
    known: dict[str, Any] = {
        "key_id": "key_1",
        "person_id": "usr_1",
        "name": "a script",
        "hint": "isk_ABCD",
        "key_sha256": "a" * 64,
        "scopes": ("look", "generate"),
        "created_at": NOW - DAY,
        "expires_at": NOW + DAY,
    }
    return ApiKey(**(known | facts))


def facts(row: Row) -> dict[str, Fact]:
    return {fact.label: fact for fact in row.facts}


def test_keys_that_work_come_first_newest_first() -> None:
    keys = [
        key(key_id="old", created_at=NOW - 3 * DAY),
        key(key_id="gone", expires_at=NOW),
        key(key_id="new"),
        key(key_id="revoked", revoked_at=NOW),
    ]
    sections = key_sections(keys, NOW, 90)
    assert [[row.key for row in section.rows] for section in sections] == [["new", "old"], ["gone", "revoked"]]


def test_a_key_that_works_can_be_revoked_after_a_question() -> None:
    row = key_sections([key()], NOW, 90)[0].rows[0]
    (revoke,) = row.actions
    assert revoke.order == {"what": "revoke", "key_id": "key_1"}
    assert revoke.ask is not None
    assert "“a script”" in revoke.ask.text
    assert (row.pill, row.aside) == (("Works", "good"), "isk_ABCD…")
    assert facts(row)["May"].value == ("Look, Generate",)
    assert facts(row)["Last used"].value == ("Never",)
    assert facts(row)["Expires"].value == (Time(round((NOW + DAY).timestamp() * 1000), "until"),)


def test_the_end_of_a_key_is_said() -> None:
    assert facts(key_sections([key(expires_at=None)], NOW, 90)[0].rows[0])["Expires"].value == ("Never",)
    expired, revoked = key_sections([key(expires_at=NOW), key(revoked_at=NOW)], NOW, 90)[1].rows
    assert (expired.pill, expired.actions) == (("Expired", "neutral"), ())
    assert (revoked.pill, revoked.actions) == (("Revoked", "neutral"), ())
    assert "Expired" in facts(expired)
    assert "Revoked" in facts(revoked)


def test_the_page_says_when_keys_rest() -> None:
    (only,) = key_sections([key()], NOW, 30)
    assert only.about == "They stop 30 days after your last sign-in, until you sign in again."


def test_without_keys_the_page_says_so() -> None:
    (only,) = key_sections([], NOW, 90)
    assert only.empty == "You have no key that works. Make one above."


def test_the_example_is_a_call_that_any_key_may_make() -> None:
    assert example("isk_X", "http://s") == 'curl -H "Authorization: Bearer isk_X" http://s/image/me'
