"""Each provider on the Operations page, in words, and what an operator can set of it."""

from __future__ import annotations

from typing import Any

import pytest

from imagegeneration.dashboard.kit.rows import Row
from imagegeneration.dashboard.operations.needs import needs
from imagegeneration.dashboard.operations.overview import Look, overview
from imagegeneration.dashboard.operations.watch import watched
from imagegeneration.money.money import ProviderLimits
from imagegeneration.operations.state import OperationsState, ProviderState
from tests.unit.dashboard.samples import CEILINGS, NOW, breaker, operations_state, spend


def provider(**facts: Any) -> ProviderState:
    known: dict[str, Any] = {
        "provider": "fal",
        "status": "works",
        "problem": None,
        "checked_at": NOW,
        "in_flight": None,
        "last_minute": None,
        "hindrance": None,
        "spend": spend(spent_micros=1_000_000, held_micros=500_000, limit_micros=5_000_000),
    }
    return ProviderState(**(known | facts))


def state(each: ProviderState, limits: ProviderLimits | None = None, **facts: Any) -> OperationsState:
    in_force = CEILINGS.model_copy(update={"providers": (limits,) if limits else ()})
    return operations_state(providers=(each,), limits=in_force, **facts)


def row(each: ProviderState, limits: ProviderLimits | None = None, **facts: Any) -> Row:
    (found,) = watched(state(each, limits, **facts)).rows
    return found


def facts(found: Row) -> dict[str, Any]:
    return {fact.label: fact.value[0] for fact in found.facts}


@pytest.mark.parametrize(
    ("status", "pill"),
    [
        ("works", ("Works", "good")),
        ("reached", ("Answers", "neutral")),
        ("refused", ("Account refused", "bad")),
        ("unreachable", ("Does not work", "bad")),
        (None, ("Not checked yet", "neutral")),
    ],
)
def test_the_latest_check_is_shown(status: Any, pill: tuple[str, str]) -> None:
    found = row(provider(status=status, problem="In its own words."))
    assert (found.title, found.pill) == ("Fal", pill)
    is_said_above = status in ("refused", "unreachable")  # under Needs you
    assert (("In its own words.",) in found.lines) is not is_said_above


def test_without_limits_of_its_own_nothing_is_counted_but_money() -> None:
    assert facts(row(provider())) == {
        "Failures in a row": "0",
        "Calls at once": "Not limited",
        "Calls a minute": "Not limited",
        "Spent and held today": "$1.50",
        "Daily budget": "None of its own",
    }


def test_limits_and_what_is_left_of_them() -> None:
    limits = ProviderLimits(provider="fal", concurrency=4, per_minute=60, daily_micros=5_000_000)
    found = row(
        provider(in_flight=2, last_minute=60, hindrance="Waiting for the provider's rate."),
        limits,
        breakers=(breaker("provider:fal", failures=3),),
    )
    assert facts(found) == {
        "Failures in a row": "3",
        "Calls at once": "2 of 4",
        "Calls a minute": "60 of 60",
        "Spent and held today": "$1.50",
        "Daily budget": "$5.00",
    }
    assert found.facts[-1].note == "$3.50 left"
    assert found.lines[-1] == ("Waiting for the provider's rate.",)
    test, change = found.actions
    assert (test.label, test.order) == ("Test now", {"what": "test", "provider": "fal"})
    assert change.ask is not None
    assert [field.value for field in change.ask.fields] == ["4", "60", "5.00"]


@pytest.mark.parametrize(
    ("status", "title"),
    [("refused", ["Fal refuses the account"]), ("unreachable", ["Fal does not work"]), ("works", []), ("reached", [])],
)
def test_a_provider_that_does_not_work_needs_somebody(status: Any, title: list[str]) -> None:
    assert [need.title for need in needs(state(provider(status=status, problem="Why."))).rows] == title


def test_one_failure_is_told_once() -> None:
    paused = breaker("provider:fal", "credentials", failures=3, last_failure="A wrong key.")
    refused = state(provider(status="refused", problem="A wrong key."), breakers=(paused,))
    page = overview(refused, Look(scopes=("provider:fal",)))
    rows = [found for section in page for found in section.rows]
    lines = [str(line) for found in rows for line in found.lines]
    assert sum("For a reason." in line for line in lines) == 1
    assert sum("A wrong key." in line for line in lines) == 0
    (told,) = needs(refused).rows
    assert told.title == "Fal is paused"
