"""What text a person may send."""

from __future__ import annotations

import re
from typing import Annotated

import bson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from imagegeneration.core.text import INTENT_MAX, PROMPT_MAX, Described, Intent, Prompt, tame
from imagegeneration.providers.generation import Answer, CallFailed

PROMPT: TypeAdapter[str] = TypeAdapter(Prompt)
INTENT: TypeAdapter[str] = TypeAdapter(Intent)


@given(st.text(max_size=300))
def test_text_is_accepted_unchanged_or_refused(text: str) -> None:
    trimmed = text.strip()
    controls = [c for c in text if (ord(c) < 32 or 127 <= ord(c) < 160) and c not in "\t\r\n"]
    surrogates = [c for c in text if 0xD800 <= ord(c) <= 0xDFFF]
    try:
        assert PROMPT.validate_python(text) == text
        accepted = True
    except ValidationError:
        accepted = False
    assert accepted == (bool(trimmed) and not controls and not surrogates)


@pytest.mark.parametrize(("adapter", "limit"), [(INTENT, INTENT_MAX), (PROMPT, PROMPT_MAX)])
def test_the_limit_counts_code_points_after_trimming(adapter: TypeAdapter[str], limit: int) -> None:
    longest = " \n" + "🎨" * limit + "\t"
    assert adapter.validate_python(longest) == longest
    with pytest.raises(ValidationError):
        adapter.validate_python("🎨" * (limit + 1))


@pytest.mark.parametrize("value", [None, 7, 1.5, True, b"bytes", ["a"]])
def test_only_text_is_text(value: object) -> None:
    with pytest.raises(ValidationError):
        PROMPT.validate_python(value)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=50))
def test_the_documented_pattern_says_what_the_rule_does(text: str) -> None:
    pattern = PROMPT.json_schema()["pattern"]
    try:
        PROMPT.validate_python(text)
        accepted = True
    except ValidationError:
        accepted = False
    assert bool(re.fullmatch(pattern.removeprefix("^").removesuffix("$"), text, re.DOTALL)) == accepted


NOT_STORABLE = "a\x00\ud800\x1bb"


def test_the_texts_of_a_provider_are_cut_and_cleaned_wherever_they_come_from() -> None:
    answer = Answer(b"", None, NOT_STORABLE * 1_000_000, NOT_STORABLE * 1_000_000)
    failure = CallFailed(NOT_STORABLE * 1_000_000, certainty="unknown", provider_request_id=NOT_STORABLE * 1_000_000)
    kept = (answer.provider_request_id, answer.revised_prompt, failure.message, failure.provider_request_id)
    assert [len(text or "") for text in kept] == [200, 32_000, 1_000, 200]
    for text in kept:
        assert str(text).startswith("a\ufffd\ufffd\ufffdba")
        assert bson.encode({"text": text})


def test_the_text_of_a_provider_that_can_be_stored_is_kept_as_it_is() -> None:
    text = "Ein Drachen 🪁,\n\tüber \u202e der See\r\n"
    assert Answer(b"", None, None, text).revised_prompt == text


def test_a_refusal_counts_and_names_what_is_wrong() -> None:
    for text, words in (
        (" ", "must not be empty"),
        ("x" * (PROMPT_MAX + 1), "has 4001 characters; at most 4000 are allowed"),
        ("a\x1bb\x00", "contains the control character U+001B, which is not allowed"),
    ):
        with pytest.raises(ValidationError) as refusal:
            PROMPT.validate_python(text)
        (error,) = refusal.value.errors()
        assert (error["type"], error["msg"]) == ("text", words)


def test_the_document_says_the_bounds_of_a_text_that_may_be_empty_and_of_one_that_may_not() -> None:
    must = PROMPT.json_schema()
    may: dict[str, object] = TypeAdapter(Annotated[str, Described(7, may_be_empty=True)]).json_schema()
    assert {name: must[name] for name in ("type", "minLength", "maxLength")} == {
        "type": "string",
        "minLength": 1,
        "maxLength": PROMPT_MAX,
    }
    assert set(may) == {"type", "maxLength", "pattern"}
    assert TypeAdapter(Annotated[str, Described(7)]).json_schema()["minLength"] == 1
    assert may["maxLength"] == 7
    assert may["pattern"] == f"^({str(must['pattern']).removeprefix('^').removesuffix('$')})?$"


def test_a_text_is_cut_to_the_character() -> None:
    assert tame("abc", 2) == "ab"
    assert tame("abc", 3) == "abc"
