"""What a field hands on."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from imagegeneration.dashboard.generate.desk import in_words
from imagegeneration.dashboard.kit.fields import storable
from imagegeneration.jobs.bodies import ExecuteBody


def test_text_is_stored_as_typed() -> None:
    for text in ("", " a\r\n\tkite ", "שלום \U0001f3a8", "<b>**x**</b>"):
        assert storable(text, 200) == text


def test_half_a_character_and_endless_text_cannot_break_the_store() -> None:
    assert storable("a\ud800b", 200) == "a\ufffdb"
    assert len(storable("x" * 100_000, 200)) == 1_000


def test_what_is_wrong_is_said_beside_its_field() -> None:
    with pytest.raises(ValidationError) as refused:
        ExecuteBody(intent=" ", raw_prompt="a" * 4_001, final_prompt="a\x00b", image_count=1)
    assert in_words(refused.value) == {
        "intent": "This must not be empty.",
        "raw_prompt": "This has 4001 characters; at most 4000 are allowed.",
        "final_prompt": "This contains the control character U+0000, which is not allowed.",
    }
