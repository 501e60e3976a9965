"""What a draft says."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from imagegeneration.models.options import Options
from imagegeneration.prompts.draft import Draft
from tests.unit.dashboard.samples import NOW

DRAFT = Draft(draft_id="drf_1", user_id="ann", raw_prompt="a kite", updated_at=NOW)


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


def test_the_final_prompt_takes_the_place_of_what_was_typed_also_when_it_is_emptied() -> None:
    assert DRAFT.prompt == "a kite"
    assert [DRAFT.model_copy(update={"final_prompt": text}).prompt for text in ("a red kite", "")] == ["a red kite", ""]
