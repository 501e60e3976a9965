"""The first step of Generate: what the images are for, and what they show."""

from __future__ import annotations

import streamlit as st

from imagegeneration.core.text import INTENT_MAX, PROMPT_MAX
from imagegeneration.dashboard.frame import draw_part_again, errors_in_words, notice, show_error
from imagegeneration.dashboard.generate import submit, wishes
from imagegeneration.dashboard.generate.desk import Desk, start_over
from imagegeneration.dashboard.generate.elsewhere import elsewhere
from imagegeneration.dashboard.generate.obstacles import announce_obstacles
from imagegeneration.dashboard.generate.onward import Button, onward
from imagegeneration.dashboard.generate.options import panel
from imagegeneration.dashboard.generate.sources import sources
from imagegeneration.dashboard.kit.fields import Field, editor
from imagegeneration.dashboard.web import asset

_INTENT = Field("Intent", INTENT_MAX, placeholder="For example: category card on the homepage")
_PROMPT = Field("Prompt", PROMPT_MAX, rows=8, placeholder="Describe the image in your own words")
_ASIDE = st.components.v2.component("studio_aside", **asset("aside"))
_NEXT = (
    ("Enhance", "We suggest a more detailed prompt. Free."),
    ("Review", "Edit it, choose how many images, and see the price."),
    ("Generate", "You pay only after you approve. We send exactly what you approved."),
)


@st.fragment
@errors_in_words()
def describe(desk: Desk) -> None:
    """Draw the step, and do what its buttons asked for."""
    if st.session_state["desk"] is not desk or desk.step != "describe":
        st.rerun()
    form, aside = st.columns([7, 4], gap="large")
    with form, st.container(border=True, key="describe"):
        elsewhere(desk)
        sources(desk)
        _fields(desk)
        if desk.problem is not None:
            show_error(desk.problem, key="enhance-problem", cost="Nothing was charged, and your text is kept.")
        wishes.settle(desk)
        panel(desk)
        announce_obstacles(desk, desk.quote)  # the next step says what else is wrong with it
        if desk.unsaved is not None and desk.elsewhere is None:
            notice("bad", "Your text is not stored at the moment.", desk.unsaved.message, key="unsaved")
    with aside:
        _ASIDE(key="aside", data={"title": "What happens next", "items": _NEXT})
    _buttons(desk)
    if desk.doing == "enhance":
        submit.enhance(desk)
        if desk.step == "review":
            st.rerun()
        draw_part_again()


def _fields(desk: Desk) -> None:
    draft, problems, locked = desk.draft, desk.field_problems, desk.is_locked
    editor(
        _INTENT,
        draft.intent,
        lambda text: desk.edit(intent=text),
        key=f"intent-{draft.draft_id}",
        revision=desk.revision,
        problem=problems.get("intent", ""),
        locked=locked,
        stored=desk.unsaved is None,
    )
    editor(
        _PROMPT,
        draft.raw_prompt,
        lambda text: desk.edit(raw_prompt=text),
        key=f"prompt-{draft.draft_id}",
        revision=desk.revision,
        problem=problems.get("raw_prompt", ""),
        locked=locked,
        stored=desk.unsaved is None,
    )


def _buttons(desk: Desk) -> None:
    others = [Button("as-typed", "Use my prompt as it is")]
    if desk.rewriting:
        others.append(Button("keep", "Keep the final prompt"))
    if desk.draft.raw_prompt or desk.draft.intent:
        others.append(Button("clear", "Clear", saves=False))
    onward(
        Button(
            "enhance",
            "Improving your prompt…" if desk.doing is not None else "Enhance prompt",
            blocked="" if desk.elsewhere is None else desk.elsewhere.message,
        ),
        others,
        lambda message: _press(desk, str(message.get("do"))),
        key="describe-onward",
        busy="This takes a few seconds. Your text stays as it is." if desk.doing is not None else "",
    )


def _press(desk: Desk, button: str) -> None:
    """Do what a button asks for, or note it for the next run, once the page shows that it is under way."""
    if button == "clear":
        start_over()
    elif desk.doing is not None or desk.elsewhere is not None:
        return
    elif button == "enhance":
        desk.ask("enhance")
    elif button == "as-typed":
        submit.use_as_typed(desk)
    elif button == "keep":
        desk.rewrite(False)
