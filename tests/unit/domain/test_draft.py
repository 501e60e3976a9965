"""What a draft says, and what an approval is bound to."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest

from imagegeneration.models.options import Options, Order
from imagegeneration.prompts.draft import Draft, shown_sha256, terms_sha256
from imagegeneration.providers.generation import GenerationParameters
from tests.unit.ui.samples import NOW

DRAFT = Draft(draft_id="drf_1", user_id="ann", raw_prompt="a kite", updated_at=NOW)
FIRST = GenerationParameters(
    provider="sandbox", model="gpt-image-2.5-flare", size="1024x1024", quality="medium", output_format="png"
)
SECOND = FIRST.model_copy(update={"model": "gpt-image-2"})


@pytest.mark.parametrize(
    "stored", [{"version": 7}, {"updated_at": NOW + timedelta(hours=1)}, {"job_id": "imgjob_1"}], ids=str
)
def test_when_and_how_often_a_draft_was_stored_is_nothing_that_it_says(stored: dict[str, Any]) -> None:
    other = DRAFT.model_copy(update=stored)
    assert DRAFT.says_the_same(other)
    assert other.says_the_same(DRAFT)


@pytest.mark.parametrize(
    "change",
    [
        {"raw_prompt": "two kites"},
        {"final_prompt": "a kite"},
        {"image_count": 2},
        {"options": Options(quality="low")},
        {"style": "sketch"},
    ],
    ids=str,
)
def test_another_text_or_choice_is_another(change: dict[str, Any]) -> None:
    assert not DRAFT.says_the_same(DRAFT.model_copy(update=change))


def canonical(shown: Any) -> str:
    return hashlib.sha256(json.dumps(shown, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def test_what_was_shown_is_hashed_alike_by_every_process() -> None:
    order = Order(request=FIRST, alternates=(SECOND,))
    terms = canonical([[FIRST.document(), SECOND.document()], 27_400])
    assert terms_sha256(order, 27_400, draws_seed=False) == terms
    assert shown_sha256("a kite 🪁", 2, terms) == canonical(["a kite 🪁", 2, terms])


def test_a_drawn_seed_is_no_part_of_what_is_shown_and_a_chosen_one_is() -> None:
    drawn = [
        Order(request=FIRST.model_copy(update={"seed": seed, "seeds": (seed, seed + 1)}), alternates=(SECOND,))
        for seed in (1, 2)
    ]
    assert len({terms_sha256(order, 9, draws_seed=True) for order in drawn}) == 1
    assert len({terms_sha256(order, 9, draws_seed=False) for order in drawn}) == 2
    others = [
        drawn[0].model_copy(update={"alternates": ()}),
        drawn[0].model_copy(update={"request": SECOND}),
    ]
    assert len({terms_sha256(order, 9, draws_seed=True) for order in (drawn[0], *others)}) == 3
    assert terms_sha256(drawn[0], 9, draws_seed=True) != terms_sha256(drawn[0], 10, draws_seed=True)
