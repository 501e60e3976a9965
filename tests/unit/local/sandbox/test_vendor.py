from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from imagegeneration.local.sandbox.vendor import SUGGESTION_MAX, suggest


def test_a_suggestion_keeps_the_wish_and_the_intent() -> None:
    suggestion = suggest("homepage card", "simple saas ui.")

    assert suggestion.startswith("Simple saas ui. Intended use: homepage card. ")
    assert suggestion == suggest("homepage card", "simple saas ui.")


@given(intent=st.text(max_size=200), prompt=st.text(max_size=4000))
def test_a_suggestion_never_grows_beyond_what_a_prompt_may_have(intent: str, prompt: str) -> None:
    assert len(suggest(intent, prompt)) <= SUGGESTION_MAX


def test_a_prompt_that_leaves_no_room_is_suggested_as_it_is() -> None:
    assert suggest("card", "x" * 4000) == "x" * 4000
