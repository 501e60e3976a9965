"""PRD 003's provider selection as a table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegeneration.domain.choice import ADVANCED, JUGGERNAUT, OPENAI, STANDARD, Candidate, Priority, Wishes, choose

EVERY = (*OPENAI, STANDARD, JUGGERNAUT)


def candidate(
    model: str, *, price: int = 20_000, seconds: float = 10, quality: int = 7, able: bool = True
) -> Candidate:
    return Candidate(
        model=model,
        provider="openai" if model in OPENAI else "fal",
        label=model,
        price_micros=price,
        is_estimate=False,
        expected_seconds=seconds,
        quality_score=quality,
        limitations=() if able else ("cannot",),
        able=able,
    )


@pytest.mark.parametrize(
    ("loras", "priority", "expected"),
    [
        (0, "speed", OPENAI[0]),  # rule 1
        (3, "speed", ADVANCED),  # rule 2
        (5, "quality", ADVANCED),
        (3, "cost", ADVANCED),
        (1, "quality", JUGGERNAUT),  # rule 3
        (2, "quality", JUGGERNAUT),
        (0, "cost", OPENAI[0]),  # rule 4
        (1, "cost", STANDARD),
        (2, "speed", STANDARD),  # the default
        (0, "quality", STANDARD),
        (2, None, STANDARD),
    ],
)
def test_the_rules_of_prd_003(loras: int, priority: Priority | None, expected: str) -> None:
    chosen = choose([candidate(model) for model in EVERY], Wishes(loras=loras, priority=priority))
    assert chosen is not None
    assert chosen.model == expected
    assert chosen.why.startswith(expected)


@pytest.mark.parametrize(("priority", "expected"), [("speed", "quick"), ("cost", "cheap"), ("quality", "fine")])
def test_where_the_rules_model_cannot_be_had_the_best_of_the_able_is_taken(priority: Priority, expected: str) -> None:
    others = [
        candidate("quick", seconds=1, price=9, quality=3),
        candidate("cheap", seconds=9, price=1, quality=2),
        candidate("fine", seconds=8, price=8, quality=10),
        *(candidate(model, able=False, seconds=0, price=0, quality=10) for model in EVERY),
    ]
    chosen = choose(others, Wishes(priority=priority))
    assert chosen is not None
    assert chosen.model == expected


def test_a_preferred_provider_comes_before_the_rules() -> None:
    chosen = choose([candidate(model) for model in EVERY], Wishes(priority="speed", preferred="fal"))
    assert chosen is not None
    assert chosen.provider == "fal"


@given(
    able=st.lists(st.sampled_from(EVERY), unique=True),
    loras=st.integers(0, 5),
    priority=st.sampled_from(["speed", "quality", "cost", None]),
)
def test_what_is_chosen_is_able_and_nothing_is_chosen_only_where_nothing_is_able(
    able: list[str], loras: int, priority: Priority | None
) -> None:
    candidates = [candidate(model, able=model in able) for model in EVERY]
    chosen = choose(candidates, Wishes(loras=loras, priority=priority))
    assert (chosen is None) == (not able)
    assert chosen is None or chosen.model in able
