"""Which model is chosen: by a priority, by a preferred provider, or for LoRAs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegeneration.models.lora import LoraWish
from imagegeneration.models.options import Options, Priority
from imagegeneration.models.ranking import WITH_LORAS, Candidate, best, choose

FLARE, JUGGERNAUT = "gpt-image-2.5-flare", "rundiffusion-fal/juggernaut-flux-lora"
EVERY = (FLARE, WITH_LORAS, JUGGERNAUT)


def candidate(
    model: str, *, price: int = 20_000, seconds: float = 10, quality: int = 7, able: bool = True
) -> Candidate:
    return Candidate(
        model=model,
        provider="openai" if model == FLARE else "fal",
        label=model,
        price_micros=price,
        is_estimate=False,
        expected_seconds=seconds,
        quality_score=quality,
        limitations=() if able else ("cannot",),
        able=able,
    )


def asking(loras: int = 0, priority: Priority | None = None, provider: str = "auto") -> Options:
    return Options(loras=(LoraWish(name="ink"),) * loras, priority=priority, provider=provider)


@pytest.mark.parametrize("loras", [0, 2, 5])
@pytest.mark.parametrize(("priority", "expected"), [("speed", "quick"), ("cost", "cheap"), ("quality", "fine")])
def test_a_priority_is_decided_by_the_figures(loras: int, priority: Priority, expected: str) -> None:
    others = [
        candidate("quick", seconds=1, price=9, quality=3),
        candidate("cheap", seconds=9, price=1, quality=2),
        candidate("fine", seconds=8, price=8, quality=10),
        *(candidate(model, able=False, seconds=0, price=0, quality=10) for model in EVERY),
        *(candidate(f"usual {model}") for model in EVERY),
    ]
    chosen = choose(others, asking(loras=loras, priority=priority))
    assert chosen is not None
    assert chosen[0].model == expected == best([one for one in others if one.able], priority).model


@pytest.mark.parametrize("loras", [1, 3, 5])
def test_loras_alone_are_for_the_standard_model_where_it_can_be_had(loras: int) -> None:
    chosen = choose([candidate(model) for model in EVERY], asking(loras=loras))
    assert chosen is not None
    assert chosen[0].model == WITH_LORAS
    others = [
        candidate(model, able=model != WITH_LORAS, quality=quality)
        for model, quality in zip(EVERY, (7, 9, 8), strict=True)
    ]
    chosen = choose(others, asking(loras=loras))
    assert chosen is not None
    assert chosen[0].model == JUGGERNAUT


def test_a_preferred_provider_comes_before_the_rules() -> None:
    chosen = choose([candidate(model) for model in EVERY], asking(priority="speed", provider="fal"))
    assert chosen is not None
    assert chosen[0].provider == "fal"


@given(
    able=st.lists(st.sampled_from(EVERY), unique=True),
    loras=st.integers(0, 5),
    priority=st.sampled_from(["speed", "quality", "cost", None]),
)
def test_what_is_chosen_is_able_and_nothing_is_chosen_only_where_nothing_is_able(
    able: list[str], loras: int, priority: Priority | None
) -> None:
    candidates = [candidate(model, able=model in able) for model in EVERY]
    chosen = choose(candidates, asking(loras=loras, priority=priority))
    assert (chosen is None) == (not able)
    assert chosen is None or chosen[0].model in able
