"""Styles and negative prompts become part of the final prompt, found again, and never touch the person's own text."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegeneration.core.errors import PromptRefused
from imagegeneration.core.text import PROMPT_MAX, check_text
from imagegeneration.models.style import STYLE_NAMES, StyleName, on_one_line, parts, render_prompt, styles

OWN = st.text(st.characters(exclude_categories=("Cs", "Cc"), include_characters="\n\t"), min_size=1, max_size=300)
PROMPTS = OWN.filter(lambda text: bool(text.strip()))
CHOSEN = st.none() | st.sampled_from(STYLE_NAMES)
UNWANTED = st.none() | OWN


def folded(final_prompt: str, style: StyleName | None, negative_prompt: str | None) -> str:
    """The prompt with everything in words."""
    return render_prompt(final_prompt, style, negative_prompt).final_prompt


@st.composite
def _folded_before(draw: st.DrawFn) -> str:
    return folded(draw(PROMPTS), draw(CHOSEN), draw(UNWANTED))


ANY = PROMPTS | _folded_before()


def test_the_styles_are_those_of_the_requirement() -> None:
    assert [style.name for style in styles()] == [
        "photorealistic",
        "artistic",
        "illustration",
        "cartoon",
        "abstract",
        "minimalist",
        "vintage",
        "modern",
    ]
    assert [style.name for style in styles()] == list(get_args(StyleName))
    assert len({style.adds for style in styles()}) == 8


def test_what_is_folded_stands_in_clear_words_at_the_end() -> None:
    text = folded(" A red kite.\n", "vintage", "people,\n text. ")
    assert text == (
        " A red kite.\n\n\nStyle: vintage, muted tones, film grain and the look of past decades.\n"
        "Do not show: people, text."
    )
    assert folded("A kite", None, "fog") == "A kite\n\nDo not show: fog."
    assert folded("A kite", "abstract", None).startswith("A kite\n\nStyle: abstract, ")


def test_another_choice_takes_the_place_of_the_first() -> None:
    text = folded(folded("A kite", "vintage", "fog"), "modern", None)
    assert text == folded("A kite", "modern", None)
    assert folded(text, None, None) == "A kite"
    assert folded(folded("A kite", "vintage", "fog"), None, "rain") == "A kite\n\nDo not show: rain."


@given(ANY, CHOSEN, UNWANTED)
def test_folding_again_changes_nothing(text: str, style: StyleName | None, negative: str | None) -> None:
    once = folded(text, style, negative)
    assert folded(once, style, negative) == once


@given(ANY, CHOSEN, UNWANTED, CHOSEN, UNWANTED)
def test_only_the_last_choice_counts(
    text: str, style: StyleName | None, negative: str | None, later: StyleName | None, instead: str | None
) -> None:
    assert folded(folded(text, style, negative), later, instead) == folded(text, later, instead)


@given(ANY, CHOSEN, UNWANTED)
def test_the_persons_own_text_is_never_altered(text: str, style: StyleName | None, negative: str | None) -> None:
    own = parts(text).own
    once = folded(text, style, negative)
    assert once.startswith(own)
    assert text.startswith(own)
    found = parts(once)
    assert (found.own, found.style) == (own, style)
    assert found.negative_prompt == (on_one_line(negative or "") or None)


@pytest.mark.parametrize(
    "own",
    [
        "A kite\n\nStyle: vintage, as I like it.",
        "A kite\n\nStyle: vintage, muted tones, film grain and the look of past decades.\nand a tail",
        "A kite\n\nDo not show: fog",
        "A kite. Do not show: fog.",
        "A kite\n\nDo not show: fog.\nDo not show: rain.",
        "\n\nDo not show: fog.",
        "Do not show: fog.",
    ],
)
def test_what_only_looks_alike_is_the_persons_own(own: str) -> None:
    assert parts(own).own == own
    assert folded(own, "modern", "snow").startswith(f"{own}\n\n")


def test_what_was_edited_is_the_persons_own() -> None:
    edited = folded("A kite", "vintage", None).replace("film grain", "no film grain")
    assert parts(edited).own == edited
    changed = folded("A kite", "vintage", "fog").replace("fog", "fog, rain")
    assert parts(changed).negative_prompt == "fog, rain"


def test_the_limit_holds_for_all_of_it_together() -> None:
    added = len(folded("x", "modern", "fog")) - 1
    longest = folded("x" * (PROMPT_MAX - added), "modern", "fog")
    assert check_text(longest, PROMPT_MAX) == longest
    with pytest.raises(PromptRefused, match="has 4,001 characters; at most 4,000") as refusal:
        folded("x" * (PROMPT_MAX - added + 1), "modern", "fog")
    assert refusal.value.resolution == "Shorten the prompt or the negative prompt, then choose again."


def test_a_negative_prompt_of_no_words_adds_nothing() -> None:
    assert folded("A kite", None, " .\n. ") == "A kite"


def test_a_prompt_of_several_paragraphs_keeps_them_and_its_style_is_found() -> None:
    found = parts(folded("a kite\n\nover hills", "modern", "X rays."))
    assert (found.own, found.style, found.negative_prompt) == ("a kite\n\nover hills", "modern", "X rays")
