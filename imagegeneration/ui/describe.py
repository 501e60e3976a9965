"""The first step of Generate: what the images are for, and what they shall show."""

from __future__ import annotations

import streamlit as st

from imagegeneration.domain.text import INTENT_MAX, PROMPT_MAX
from imagegeneration.ui.desk import Desk, lay, new_draft
from imagegeneration.ui.fields import Field, editor
from imagegeneration.ui.frame import errors_in_words, notice, show_error
from imagegeneration.ui.options import panel
from imagegeneration.ui.sources import sources
from imagegeneration.ui.web import asset

_INTENT = Field("Intent", INTENT_MAX, placeholder="What they are for, like a category card")
_PROMPT = Field("Prompt", PROMPT_MAX, rows=8, placeholder="What they shall show, in your own words")
_ASIDE = st.components.v2.component("studio_aside", **asset("aside"))
_NEXT = (
    ("Enhance", "You get a fuller prompt to look at. It costs nothing."),
    ("Review", "Edit it, choose how many images, and see the most they can cost."),
    ("Generate", "Only then is money spent. What you approved is sent to the letter."),
)


@st.fragment
@errors_in_words()
def describe(desk: Desk) -> None:
    """Draw the step, and do what its buttons asked for."""
    form, aside = st.columns([7, 4], gap="large")
    with form, st.container(border=True, key="describe"):
        sources(desk)
        _fields(desk)
        if desk.problem is not None:
            show_error(desk.problem, key="enhance-problem", cost="Nothing was charged, and your text is kept.")
        panel(desk)
        _buttons(desk)
        if desk.unsaved is not None:
            notice("bad", "Your text is not stored at the moment.", desk.unsaved.message, key="unsaved")
    with aside:
        _ASIDE(key="aside", data={"title": "What happens next", "items": _NEXT})
    if desk.doing == "enhance":
        desk.enhance()
        st.rerun(scope="app" if desk.step == "review" else "fragment")


def _fields(desk: Desk) -> None:
    draft, problems, busy = desk.draft, desk.field_problems, desk.doing is not None
    editor(
        _INTENT,
        draft.intent,
        lambda text: desk.edit(intent=text),
        key=f"intent-{draft.draft_id}",
        revision=desk.revision,
        problem=problems.get("intent", ""),
        locked=busy,
        stored=desk.unsaved is None,
    )
    editor(
        _PROMPT,
        draft.raw_prompt,
        lambda text: desk.edit(raw_prompt=text),
        key=f"prompt-{draft.draft_id}",
        revision=desk.revision,
        problem=problems.get("raw_prompt", ""),
        locked=busy,
        stored=desk.unsaved is None,
    )


def _buttons(desk: Desk) -> None:
    busy = desk.doing is not None
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Writing a fuller prompt…" if busy else "Enhance prompt",
            key="enhance",
            type="primary",
            icon="spinner" if busy else None,
            shortcut=None if busy else "Ctrl+Enter",
            on_click=desk.ask,
            args=("enhance",),
            disabled=busy,
        )
        if st.button("Use my prompt as it is", key="as-typed", disabled=busy):
            desk.use_as_typed()
            st.rerun(scope="app" if desk.step == "review" else "fragment")
        if desk.rewriting and st.button("Keep the final prompt", key="keep", type="tertiary", disabled=busy):
            desk.rewriting = False
            st.rerun()
        if desk.draft.raw_prompt or desk.draft.intent:
            st.space("stretch")
            if st.button("Clear", key="clear", type="tertiary", disabled=busy):
                start_over()
                st.rerun()
    if busy:
        st.caption("This takes a few seconds. Your text stays as it is.")


def start_over() -> None:
    """Put a new, empty draft on the desk; the old one stays in the database for a week."""
    lay(Desk(new_draft()))
