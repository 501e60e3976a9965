"""Which entries of the ledger and of the credits are made of movements."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from imagegeneration.money.credits import entries_of as credit_entries
from imagegeneration.money.ledger import entries_of
from imagegeneration.money.movement import Movement

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
NONE = Movement(
    day="2026-11-21",
    user_id="usr_1",
    provider="fal",
    model="flux",
    job_id="imgjob_1",
    index=0,
    attempt_id="att_1",
    outcome=None,
)
HOLD = replace(NONE, attempt_id=None, held_micros=300, credits=2)
RELEASE = replace(NONE, outcome="refused", held_micros=-300, credits=-2)


@pytest.mark.parametrize(
    ("movement", "kind"),
    [
        (HOLD, "hold"),
        (RELEASE, "release"),
        (replace(RELEASE, spent_micros=200), "settle"),
        (replace(NONE, spent_micros=200), "settle"),
        (replace(NONE, spent_micros=-200), "adjust"),
    ],
)
def test_the_kind_of_an_entry_follows_from_its_amounts(movement: Movement, kind: str) -> None:
    (entry,) = entries_of([movement], NOW)
    assert (entry.kind, entry.held_delta_micros, entry.spent_delta_micros) == (
        kind,
        movement.held_micros,
        movement.spent_micros,
    )
    assert (entry.account, entry.day, entry.user_id, entry.provider, entry.model) == (
        *("real", "2026-11-21", "usr_1", "fal", "flux"),
    )
    assert (entry.job_id, entry.index, entry.attempt_id, entry.at) == ("imgjob_1", 0, movement.attempt_id, NOW)


def test_what_one_attempt_hands_on_to_the_next_is_no_entry() -> None:
    assert entries_of([RELEASE, HOLD], NOW) == []
    assert credit_entries([RELEASE, HOLD], NOW) == []


def test_what_less_is_held_is_given_back_under_the_attempt_that_goes_on() -> None:
    (entry,) = entries_of([RELEASE, replace(HOLD, held_micros=100, model="cheaper")], NOW)
    assert (entry.kind, entry.held_delta_micros, entry.model) == ("release", -200, "cheaper")


def test_each_provider_day_and_image_has_its_own_entry() -> None:
    apart = [RELEASE, replace(HOLD, provider="sandbox"), replace(HOLD, day="2026-11-22"), replace(HOLD, index=1)]
    assert [(entry.account, entry.kind) for entry in entries_of(apart, NOW)] == [
        *(("real", "release"), ("sandbox", "hold"), ("real", "hold"), ("real", "hold")),
    ]


@pytest.mark.parametrize(
    ("movement", "kind", "delta"),
    [
        (HOLD, "spent", -2),
        (RELEASE, "given_back", 2),
        (replace(NONE, credits=2, outcome="generated"), "charged_after_all", -2),
    ],
)
def test_credits_move_with_an_entry(movement: Movement, kind: str, delta: int) -> None:
    (entry,) = credit_entries([movement], NOW)
    assert (entry.kind, entry.delta) == (kind, delta)
    assert (entry.person_id, entry.job_id, entry.index) == ("usr_1", "imgjob_1", 0)
