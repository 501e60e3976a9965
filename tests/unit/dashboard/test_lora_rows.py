"""LoRAs as rows."""

from __future__ import annotations

from typing import Any

from imagegeneration.dashboard.kit.rows import Row
from imagegeneration.dashboard.loras.lora_rows import lora_section
from imagegeneration.models.lora import CollectedLora
from tests.unit.dashboard.samples import NOW


def lora(**facts: Any) -> CollectedLora:
    known: dict[str, Any] = {
        "name": "ink",
        "label": "Ink drawings",
        "path": "owner/ink",
        "family": "flux-1",
        "created_at": NOW,
        "changed_at": NOW,
        "changed_by": "usr_1",
    }
    return CollectedLora(**(known | facts))


def row(**facts: Any) -> Row:
    return lora_section([lora(**facts)], {"flux-1": ["Flux", "Juggernaut"]}, {"usr_1": "Ann"}, "").rows[0]


def test_a_row_says_what_it_is_made_for_and_who_changed_it() -> None:
    facts = {fact.label: (fact.value[0], fact.note) for fact in row(trigger_words=("INK", "DRAWN")).facts}
    assert facts["Made for"] == ("flux-1", "Flux, Juggernaut")
    assert facts["Trigger words"] == ("INK, DRAWN", "")
    assert facts["Sent as"] == ("owner/ink", "")
    assert facts["Changed"][1] == "Ann"
    assert {fact.label: fact.note for fact in row(family="flux-9").facts}[
        "Made for"
    ] == "No model of the catalog takes it"


def test_what_is_offered_can_be_disabled_and_offered_again() -> None:
    offered, disabled = row(version=3), row(enabled=False)
    assert (offered.pill, offered.actions[1].label) == (("Offered", "good"), "Disable")
    assert offered.actions[1].order == {"what": "switch", "name": "ink", "version": 3, "enabled": False}
    assert (disabled.pill, disabled.actions[1].label) == (("Disabled", "neutral"), "Offer again")


def test_deleting_is_asked_for_first() -> None:
    ask = row().actions[2].ask
    assert ask is not None
    assert ask.danger
    assert "Jobs that were approved with it stay as they are" in ask.text


def test_an_empty_list_says_why_it_is_empty() -> None:
    assert "Add one above" in lora_section([], {}, {}, "").empty
    assert "“clay”" in lora_section([], {}, {}, "clay").empty
