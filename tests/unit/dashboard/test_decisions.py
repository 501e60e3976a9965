"""The record of decisions, in words."""

from __future__ import annotations

from typing import Any

from imagegeneration.audit.entry import AuditEntry
from imagegeneration.dashboard.kit.rows import Link, Row
from imagegeneration.dashboard.operations.decisions import decisions
from tests.unit.dashboard.samples import CEILINGS, NOW, image


def entry(**facts: Any) -> Row:
    known: dict[str, Any] = {
        "number": 1,
        "entry_id": "aud_1",
        "key": None,
        "request_id": None,
        "previous_sha256": "",
        "sha256": "",
        "at": NOW,
        "actor": "local",
        "action": "paused",
        "subject": "everything",
        "reason": "A reason.",
        "before": None,
        "after": None,
    }
    return decisions([AuditEntry(**(known | facts))]).rows[0]


def test_pauses() -> None:
    assert entry().title == "Everything paused"
    assert entry(action="resumed", subject="provider:openai").title == "OpenAI resumed"
    assert entry().lines[0][0] == "You, on this machine, "
    assert entry(actor="the studio").lines[0][0] == "The studio, "
    assert entry().lines[1] == ("A reason.",)


def test_limits() -> None:
    lower = CEILINGS.model_copy(update={"daily_micros": 12_500_000}).model_dump_json(by_alias=True)
    before = CEILINGS.model_dump_json(by_alias=True)
    said = entry(action="limits.changed", subject="limits:real", before=before, after=lower)
    assert said.title == "Limits: everybody a day $20.00 → $12.50"
    assert entry(action="limits.changed", subject="limits:real", before=before, after=before).title.endswith("were")
    assert entry(action="limits.changed", subject="limits:real").title == "Limits changed"


def test_images() -> None:
    before = image("UNKNOWN", certainty="unknown", cost_micros=13_700).model_dump_json(by_alias=True)
    said = entry(action="image.decided", subject="imgjob_1/0", reason="accept_lost: No: gone.", before=before)
    assert said.title == "An image accepted as lost, $0.0137"
    assert said.lines[1] == ("No: gone.",)
    assert said.links == (Link("Open the job", "jobs?job=imgjob_1"),)
