"""Pages of a list, newest first: each is reached by a cursor, and the cursors are in the address."""

from __future__ import annotations

from typing import Any

import streamlit as st

_PARAMETER = "page"


def trail() -> list[str]:
    """Return the cursors that lead to this page, one per page. They are in the URL, so that a reload stays here."""
    return st.query_params.get_all(_PARAMETER)


def cursor() -> str | None:
    """Return the cursor of this page, or None on the first."""
    here = trail()
    return here[-1] if here else None


def to_first() -> None:
    """Go to the first page."""
    if _PARAMETER in st.query_params:
        del st.query_params[_PARAMETER]


def pager(next_cursor: str | None, back: str = "Newer", on: str = "Older") -> None:
    """Draw the buttons to the pages before and after this one, if there are several pages."""
    here = trail()
    if not here and next_cursor is None:
        return
    with st.container(horizontal=True, horizontal_alignment="center", vertical_alignment="center"):
        st.button(back, key="pager-back", on_click=_turn, args=(here[:-1],), disabled=not here)
        st.text(f"Page {len(here) + 1}")
        further = [*here, next_cursor or ""]
        st.button(on, key="pager-on", on_click=_turn, args=(further,), disabled=next_cursor is None)


def _turn(cursors: list[str]) -> None:
    if cursors:
        params: Any = st.query_params
        params[_PARAMETER] = cursors
    else:
        to_first()
