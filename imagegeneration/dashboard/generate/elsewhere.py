"""What another window did to the draft on the screen: it is shown at once, and nothing typed is overwritten."""

from __future__ import annotations

import streamlit as st

from imagegeneration.core.errors import StudioError
from imagegeneration.dashboard.frame import PAGES, notice
from imagegeneration.dashboard.generate.desk import Desk, start_over
from imagegeneration.dashboard.generate.obstacles import has_news

SECONDS = 2
"""How often an open draft is compared with what is stored, in seconds."""


def follow(desk: Desk) -> None:
    """Check on a timer whether another window changed or approved the draft, or calls are paused.

    A request that the budget or the credits are too small for is priced again, so that its button works as soon as they
    are large enough.
    """
    st.fragment(run_every=SECONDS)(_look)(desk, ["drawn"])


def _look(desk: Desk, drawn: list[str]) -> None:
    """Check, except in the run that draws the whole page: what it shows is new then."""
    if drawn:
        drawn.clear()
        return
    try:
        is_news = desk.look() or (desk.doing is None and has_news(desk))
    except StudioError:
        return  # the next check, or the next save, says what is wrong
    if is_news or (desk.is_short and desk.doing is None):
        st.rerun()


def elsewhere(desk: Desk) -> None:
    """Say what another window did, with the ways to go on, if it did anything."""
    found = desk.elsewhere
    if found is None:
        return
    notice("neutral", found.message, found.resolution, key="elsewhere", code=found.code)
    with st.container(horizontal=True, vertical_alignment="center"):
        if found.job_id is not None:
            st.page_link(PAGES / "jobs.py", label="Open the job", query_params={"job": found.job_id})
            st.button("New images", key="new-images", on_click=start_over)
        elif found.is_gone:
            st.page_link(PAGES / "jobs.py", label="Open Jobs")
            st.button("New images", key="new-images", on_click=start_over)
            st.button("New images with this text", key="new-images-like", on_click=start_over, args=(desk.draft,))
        else:
            st.button("Show the other version", key="take-other", on_click=desk.take_other)
            st.button("Keep this version", key="keep-own", on_click=desk.keep_own)
