"""The chain of hashes: any later change shows."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from imagegeneration.audit.entry import BEGINNING, AuditEntry, AuditHead, Break, entry_sha256, first_break

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
TEXTS = st.text(max_size=20)


def entry(number: int, previous: str, **facts: Any) -> AuditEntry:
    known: dict[str, Any] = {
        "entry_id": f"aud_{number}",
        "at": NOON + timedelta(seconds=number),
        "actor": "local",
        "key": None,
        "request_id": None,
        "action": "paused",
        "subject": "everything",
        "reason": "x",
        "before": None,
        "after": None,
    }
    unsealed = AuditEntry(number=number, previous_sha256=previous, sha256="", **(known | facts))
    return unsealed.model_copy(update={"sha256": entry_sha256(unsealed)})


@st.composite
def chains(draw: st.DrawFn) -> list[AuditEntry]:
    chain: list[AuditEntry] = []
    for number in range(1, draw(st.integers(2, 8)) + 1):
        facts = {"reason": draw(TEXTS), "actor": draw(TEXTS), "before": draw(st.none() | TEXTS)}
        chain.append(entry(number, chain[-1].sha256 if chain else BEGINNING, **facts))
    return chain


def head(chain: list[AuditEntry]) -> AuditHead:
    return AuditHead(number=chain[-1].number, sha256=chain[-1].sha256)


@given(chains())
def test_a_whole_chain_is_whole(chain: list[AuditEntry]) -> None:
    assert first_break(chain, head(chain)) is None


@given(chains(), st.data())
def test_any_changed_fact_of_any_entry_is_found(chain: list[AuditEntry], data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(chain) - 1))
    name = data.draw(st.sampled_from(["reason", "actor", "subject", "entry_id", "before", "sha256", "previous_sha256"]))
    value = data.draw(TEXTS.filter(lambda text: text != getattr(chain[position], name)))
    changed = [*chain]
    changed[position] = chain[position].model_copy(update={name: value})
    broken = first_break(changed, head(chain))
    assert broken is not None
    assert broken.number in (position + 1, position + 2)


@given(chains(), st.data())
def test_a_removed_entry_is_named(chain: list[AuditEntry], data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(chain) - 1))
    broken = first_break([*chain[:position], *chain[position + 1 :]], head(chain))
    assert broken is not None
    assert broken.number == position + 1


@given(chains(), st.data())
def test_two_entries_that_changed_places_are_found(chain: list[AuditEntry], data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(chain) - 2))
    chain_ = [*chain]
    chain_[position], chain_[position + 1] = chain[position + 1], chain[position]
    assert first_break(chain_, head(chain)) is not None


def test_a_chain_made_anew_does_not_end_in_the_head_that_was_kept() -> None:
    first = entry(1, BEGINNING)
    forged = entry(1, BEGINNING, reason="another")
    assert first_break([forged], head([first])) is not None


def test_an_entry_is_hashed_alike_in_every_version_of_the_studio() -> None:
    one = entry(1, BEGINNING, reason="a kite 🪁")
    facts = {
        "schemaVersion": 1,
        "number": 1,
        "entryId": "aud_1",
        "at": "2026-11-21T12:00:01Z",
        "actor": "local",
        "key": None,
        "requestId": None,
        "action": "paused",
        "subject": "everything",
        "reason": "a kite 🪁",
        "before": None,
        "after": None,
        "previousSha256": "0" * 64,
    }
    canonical = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert one.sha256 == hashlib.sha256(canonical).hexdigest()


def test_a_break_says_where_and_how() -> None:
    one = entry(1, BEGINNING)
    two = entry(2, one.sha256)
    three = entry(3, two.sha256)
    forged = two.model_copy(update={"reason": "y"})
    end = head([one, two, three])
    found = [
        first_break(entries, end)
        for entries in (
            [one, None, three],
            [one, one, two],
            [one, three],
            [one, entry(2, BEGINNING), three],
            [one, forged, three],
            [one, two],
            [],
        )
    ]
    assert found == [
        Break(2, "it was changed, and cannot be read"),
        Break(1, "it is there twice"),
        Break(2, "it is missing; number 3 follows"),
        Break(2, "it does not follow the entry before it"),
        Break(2, "it was changed"),
        Break(3, "it is missing; the chain had 3 entries"),
        Break(1, "it is missing; the chain had 3 entries"),
    ]
    other = AuditHead(number=3, sha256="f" * 64)
    assert first_break([one, two, three], other) == Break(3, "it is not the one that the head names")
    assert first_break([one, two, three], head([one, two])) == Break(3, "it is not the one that the head names")
    assert first_break([], AuditHead()) is None
