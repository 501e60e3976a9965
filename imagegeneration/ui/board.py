"""The Jobs page's gallery: a page of jobs that follows what happens, and the way to older and newer ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from imagegeneration.domain.job import Job, Status
from imagegeneration.errors import InvalidRequest, StudioError
from imagegeneration.ui.cards import is_active
from imagegeneration.ui.frame import actor, errors_in_words, explain, require_page, studio
from imagegeneration.ui.gallery import gallery, inspector
from imagegeneration.ui.newest import UNFILTERED
from imagegeneration.ui.pager import cursor, pager, to_first, trail

PER_PAGE = 20
BUSY_SECONDS, IDLE_SECONDS = 2, 10
"""How often the page looks: while something changes on it, and else."""

FILTERS: Mapping[str, Status | None] = {
    "All": None,
    "Queued": "QUEUED",
    "Running": "RUNNING",
    "Done": "DONE",
    "Failed": "FAILED",
}
_EMPTY: Mapping[str, tuple[str, str]] = {
    "All": ("No jobs yet", "Your images appear here as soon as you approve a request on the Generate page."),
    "Queued": ("Nothing is waiting", "Every job has been started."),
    "Running": ("Nothing is running", "Jobs that are being made appear here."),
    "Done": ("Nothing is done yet", "Finished jobs appear here with their images."),
    "Failed": ("Nothing has failed", "Jobs that could not be finished appear here, with the reason."),
}
_KEY, _SHOWN = "jobs", "jobs-shown"

Shown = tuple[Sequence[Job], str | None]


def choose_filter() -> str:
    """The filter that the person chose; it is in the page's URL."""
    chosen = st.segmented_control(
        "Show",
        list(FILTERS),
        key="status",
        default=UNFILTERED["status"],
        required=True,
        bind="query-params",
        label_visibility="collapsed",
        on_change=to_first,
    )
    return chosen or UNFILTERED["status"]


def board(chosen: str) -> None:
    """Draw the jobs, and look again every 2 s while something changes, every 10 s otherwise."""
    inspector(_KEY).open(st.query_params.get("job"))
    with st.skeleton(height=420):
        st.session_state[_SHOWN] = _load(chosen)
    pace = _pace()
    st.fragment(run_every=pace)(_follow)(chosen, pace, ["loaded"])


@errors_in_words()
def _follow(chosen: str, pace: int, fresh: list[str]) -> None:
    require_page("jobs")
    notice = None
    if fresh:
        fresh.clear()
    else:
        try:
            st.session_state[_SHOWN] = _load(chosen)
        except StudioError as error:
            title, text = explain(error)
            notice = {"tone": "bad", "title": title, "text": f"{text} The page keeps trying."}
    jobs, older = st.session_state[_SHOWN]
    empty = None
    if not jobs:
        empty = dict(zip(("title", "text"), _EMPTY[chosen], strict=True))
    page = f"{chosen} {' '.join(trail())}"
    gallery(jobs, key=_KEY, page=page, notice=notice, empty=empty, in_address=True)
    pager(older)
    if _pace() != pace:
        st.rerun()


def _load(chosen: str) -> Shown:
    try:
        page = studio().jobs.page(actor(), limit=PER_PAGE, cursor=cursor(), status=FILTERS.get(chosen))
    except InvalidRequest:  # an address that somebody shortened or changed
        to_first()
        page = studio().jobs.page(actor(), limit=PER_PAGE, status=FILTERS.get(chosen))
    return page.jobs, page.next_cursor


def _pace() -> int:
    jobs, _ = st.session_state[_SHOWN]
    return BUSY_SECONDS if any(is_active(job) for job in jobs) else IDLE_SECONDS
