"""A text field that reaches the server while the user types, so that a reload loses nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

import streamlit as st
from ulid import ULID

from imagegeneration.dashboard.kit.inbox import Inbox
from imagegeneration.dashboard.web import asset

_EDITOR = st.components.v2.component("studio_editor", **asset("editor"))


@dataclass(frozen=True)
class Field:
    """A text field of at most `limit` characters, on one line or on `rows`."""

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

    `stored` says that `text` is in the database, so that the field can say so. The browser sends what was typed, with
    a number, until it is stored. By `session` the browser notices a restart of the server, which forgets what was typed
    and not stored.
    """

    taken: Inbox = st.session_state.setdefault(f"{key}-inbox", Inbox())

    def changed() -> None:
        typed = st.session_state[key].get("typed")
        if typed is not None and typed["number"] > taken.heard:
            taken.heard = int(typed["number"])
            on_text(storable(str(typed["text"]), field.limit))

    data = {
        **asdict(field),
        "name": key,
        "text": text,
        "revision": revision,
        "session": st.session_state.setdefault("field-session", str(ULID())),
        "heard": taken.heard,
        "problem": problem,
        "locked": locked,
        "stored": stored,
    }
    _EDITOR(key=key, data=data, on_typed_change=changed)


def storable(text: str, limit: int) -> str:
    """Return `text` as UTF-8 can carry it, cut to five times the limit, as in the browser."""
    return text[: limit * 5].encode("utf-16", "surrogatepass").decode("utf-16", "replace")
