"""A field of text that reaches the server while the person types, so that a reload loses nothing."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from imagegeneration.ui.web import asset

_EDITOR = st.components.v2.component("studio_editor", **asset("editor"))


def editor(
    label: str,
    text: str,
    *,
    key: str,
    limit: int,
    on_text: Callable[[str], None],
    rows: int = 1,
    revision: int = 0,
    placeholder: str = "",
    problem: str = "",
    locked: bool = False,
) -> None:
    """Draw the field. `on_text` gets what was typed; `text` replaces it only when `revision` changes."""

    def changed() -> None:
        typed = st.session_state[key].get("text")
        if typed is not None:
            on_text(storable(str(typed), limit))

    data = {
        "label": label,
        "text": text,
        "limit": limit,
        "rows": rows,
        "revision": revision,
        "placeholder": placeholder,
        "problem": problem,
        "locked": locked,
    }
    _EDITOR(key=key, data=data, on_text_change=changed)


def storable(text: str, limit: int) -> str:
    """`text` as UTF-8 can carry it and of bounded length: five times the limit, as in the browser."""
    return text[: limit * 5].encode("utf-16", "surrogatepass").decode("utf-16", "replace")
