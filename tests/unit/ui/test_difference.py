"""The difference between what was typed and what is sent."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegeneration.dashboard.generate.difference import difference, summary

TEXT = st.text(alphabet="ab  \n.,<>*é\U0001f3a8ש", max_size=60)


@given(TEXT, TEXT)
def test_both_texts_can_be_read_from_it_to_the_letter(old: str, new: str) -> None:
    pieces = difference(old, new)
    assert "".join(text for kind, text in pieces if kind != "removed") == new
    assert "".join(text for kind, text in pieces if kind != "added") == old
    assert all(text for _, text in pieces)


def test_it_goes_by_words() -> None:
    assert difference("a red kite", "a blue kite, high up") == (
        ("same", "a "),
        ("removed", "red "),
        ("added", "blue "),
        ("same", "kite"),
        ("added", ", high up"),
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("a kite", "a kite", "Nothing changed"),
        ("a kite", "a  kite", "Only spaces changed"),
        ("a kite", "a red kite", "1 word added"),
        ("a red old kite", "a new kite", "1 word added · 2 words removed"),
        ("a red kite", "a kite", "1 word removed"),
    ],
)
def test_it_is_said_in_one_line(old: str, new: str, said: str) -> None:
    assert summary(difference(old, new)) == said


def test_the_longest_prompts_of_one_word_take_no_time() -> None:
    begun = time.thread_time()
    difference("a " * 2_000, "a " * 1_999 + "b ")
    assert time.thread_time() - begun < 1
