"""The difference between what was typed and what is sent."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegeneration.dashboard.generate.difference import difference, summary

SIMILAR = st.text(alphabet="ab  \n\r\t\u00a0\u2028.,<>*é\U0001f3a8ש", max_size=60)
WORDS = st.lists(st.sampled_from(["a", "red", "kite", ",", " ", "  ", "\n", "\n\n", "\t"]), max_size=40).map("".join)


@given(st.one_of(st.tuples(SIMILAR, SIMILAR), st.tuples(WORDS, WORDS), st.tuples(st.text(), st.text())))
def test_kept_and_removed_is_the_old_text_and_kept_and_added_the_new_one(texts: tuple[str, str]) -> None:
    old, new = texts
    pieces = difference(old, new)
    assert "".join(text for kind, text in pieces if kind != "added") == old
    assert "".join(text for kind, text in pieces if kind != "removed") == new
    assert all(text for _, text in pieces)


def test_the_longest_prompts_lose_nothing_either() -> None:
    old, new = "a b \n c " * 500, "a  b\nd c " * 444
    pieces = difference(old, new)
    assert "".join(text for kind, text in pieces if kind != "added") == old
    assert "".join(text for kind, text in pieces if kind != "removed") == new


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
