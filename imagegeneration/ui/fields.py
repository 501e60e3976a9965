"""A field of text that reaches the server while the person types, so that a reload loses nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

import streamlit as st

from imagegeneration.ui.web import asset

_EDITOR = st.components.v2.component("studio_editor", **asset("editor"))


@dataclass(frozen=True)
class Field:
    """What a field asks for: `limit` characters, on one line or on `rows`."""

    label: str
    limit: int
    rows: int = 1
    placeholder: str = ""


def editor(
    field: Field,
    text: str,
    on_text: Callable[[str], None],
    *,
    key: str,
    revision: int = 0,
    problem: str = "",
    locked: bool = False,
    stored: bool = True,
) -> None:
    """Draw the field. `on_text` gets what was typed; `text` replaces it only when `revision` changes.

    `stored` says that `text` is in the database, so that the field can say so.
    """

    def changed() -> None:
        typed = st.session_state[key].get("text")
        if typed is not None:
            on_text(storable(str(typed), field.limit))

    data = {**asdict(field), "text": text, "revision": revision, "problem": problem, "locked": locked, "stored": stored}
    _EDITOR(key=key, data=data, on_text_change=changed)


def storable(text: str, limit: int) -> str:
    """`text` as UTF-8 can carry it and of bounded length: five times the limit, as in the browser."""
    return text[: limit * 5].encode("utf-16", "surrogatepass").decode("utf-16", "replace")
