"""Whoever lost a role does not use it on a page that is still open: dialogs and buttons ask again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import streamlit as st

from imagegeneration.core.actor import Actor
from imagegeneration.core.errors import NotAllowed
from imagegeneration.core.roles import Need
from imagegeneration.dashboard.keys import page as keys
from imagegeneration.dashboard.kit.sections import Answers
from imagegeneration.dashboard.loras import page as loras
from imagegeneration.dashboard.people import page as people
from imagegeneration.models.lora import LoraChanges
from tests.unit.dashboard.test_lora_rows import lora
from tests.unit.dashboard.test_persons import somebody

FORM = {"key-name": "a script", "key-may-look": True, "key-days": "30 days"}


class Services:
    """Remembers what it was asked to change."""

    def __init__(self) -> None:
        self.people = self.keys = self.loras = self
        self.changed: list[str] = []

    def get(self, person_id: str) -> Any:
        """As People.get."""
        return somebody(person_id=person_id)

    def change(self, *_args: object, **_facts: object) -> Any:
        """As People.change, and as Loras.change."""
        changes_lora = isinstance(_args[-1], LoraChanges)
        self.changed.append("lora" if changes_lora else "person")
        return lora(enabled=False) if changes_lora else None

    def delete(self, *_args: object) -> None:
        """As Loras.delete."""
        self.changed.append("lora deleted")

    def make(self, *_args: object) -> tuple[str, None]:
        """As Keys.make."""
        self.changed.append("key made")
        return "isk_secret", None

    def revoke(self, *_args: object) -> None:
        """As Keys.revoke."""
        self.changed.append("key revoked")


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    found: dict[str, Any] = {**FORM, "people-answers": Answers()}
    monkeypatch.setattr(st, "session_state", found)
    return found


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch, state: dict[str, Any]) -> Services:
    made = Services()
    for module in (people, keys, loras):
        monkeypatch.setattr(module, "studio", lambda: made)
    monkeypatch.setattr(st, "rerun", lambda: None)
    monkeypatch.setattr(people, "notice", lambda *_args, **_facts: None)
    return made


def confirm() -> None:
    people._confirm(somebody(), ("admin",), "pro", is_disabled=False, reason="why not")


def open_dialog() -> None:
    people._act("change usr_1", {"what": "open", "person_id": "usr_1"})


def revoke() -> None:
    keys._revoke("revoke key_1", {"key_id": "key_1"})


def disable_lora() -> None:
    loras._act("switch ink", {"what": "switch", "name": "ink", "version": 0, "enabled": False})


def delete_lora() -> None:
    loras._act("delete ink", {"what": "delete", "name": "ink"})


def edit_lora() -> None:
    loras._act("edit ink", {"what": "edit", "name": "ink"})


def refused(_need: Need) -> Actor:
    raise NotAllowed("You may not do this.")


def allowed(_need: Need) -> Actor:
    return Actor(user_id="usr_2", roles=("admin",))


@pytest.mark.parametrize("change", [confirm, open_dialog, revoke, keys._make, disable_lora, delete_lora, edit_lora])
def test_without_the_permission_nothing_is_done(
    services: Services, state: dict[str, Any], monkeypatch: pytest.MonkeyPatch, change: Callable[[], None]
) -> None:
    for module in (people, keys, loras):
        monkeypatch.setattr(module, "acting", refused)
    change()
    assert services.changed == []
    assert "people-open" not in state
    assert "loras-open" not in state
    assert "keys-new" not in state


@pytest.mark.parametrize(
    ("change", "done"),
    [
        (confirm, "person"),
        (revoke, "key revoked"),
        (keys._make, "key made"),
        (disable_lora, "lora"),
        (delete_lora, "lora deleted"),
    ],
)
def test_with_the_permission_it_is_done(
    services: Services, monkeypatch: pytest.MonkeyPatch, change: Callable[[], None], done: str
) -> None:
    for module in (people, keys, loras):
        monkeypatch.setattr(module, "acting", allowed)
    change()
    assert services.changed == [done]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"key-name": " "}, "Say what the key is for"), ({"key-may-look": False}, "Choose at least one thing")],
)
def test_a_key_without_name_or_scopes_is_not_made(
    services: Services, state: dict[str, Any], monkeypatch: pytest.MonkeyPatch, wrong: dict[str, Any], said: str
) -> None:
    monkeypatch.setattr(keys, "acting", allowed)
    state.update(wrong)
    keys._make()
    assert services.changed == []
    assert state["keys-problem"][0].startswith(said)


def test_a_new_key_is_forgotten_once_it_was_seen(services: Services, state: dict[str, Any]) -> None:
    state["keys-new"] = "isk_secret"
    keys._forget()
    assert "isk_secret" not in str(state)
