"""The Jobs page's gallery: a page of jobs that updates automatically, and the way to older and newer ones."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from imagegeneration.core.actor import LOCAL
from imagegeneration.core.errors import InvalidRequest, StudioError
from imagegeneration.dashboard.frame import actor, errors_in_words, explain, loading, require_page, studio
from imagegeneration.dashboard.jobs.cards import is_active
from imagegeneration.dashboard.jobs.gallery import gallery, inspector
from imagegeneration.dashboard.jobs.newest import UNFILTERED
from imagegeneration.dashboard.kit.pager import cursor, pager, to_first, trail
from imagegeneration.jobs.job import Job, Status

PER_PAGE = 20
BUSY_SECONDS, IDLE_SECONDS = 2, 10
"""How often the page is read again, in seconds: while something changes on it, and otherwise."""

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
_KEY, _SHOWN, _LOADED = "jobs", "jobs-shown", "jobs-loaded"

Shown = tuple[Sequence[Job], str | None]


@dataclass(frozen=True)
class Wanted:
    """The filters of the page: a status, and a user (None: all users whose jobs the reader may see)."""

    status: str
    owner: str | None = None

    @property
    def empty(self) -> tuple[str, str]:
        """Return the title and the text for a page without jobs."""
        if self.owner is not None or not actor().may("generate"):
            return (
                "No jobs here",
                "Choose another status or person. Other people's jobs appear here once they are done.",
            )
        return _EMPTY[self.status]


def choose_filters() -> Wanted:
    """Draw the filters and return what is chosen; the choice is in the page's URL."""
    with st.container(horizontal=True, vertical_alignment="center"):
        return Wanted(_choose_status(), _choose_person())


def _choose_person() -> str | None:
    """Draw the filter by user, for readers who may see the jobs of others; return the chosen user or None for all."""
    if not (studio().settings.has_sign_in and actor().may("review")):
        return None
    everybody = UNFILTERED["person"]
    people = _labels(studio().queries.owners(actor()))
    chosen = st.selectbox(
        "Person",
        [everybody, *people],
        key="person",
        bind="query-params",
        label_visibility="collapsed",
        width=220,
        on_change=to_first,
    )
    return people.get(chosen or everybody)


def _labels(ids: Sequence[str]) -> Mapping[str, str]:
    """Return the ids by the names of their users, sorted by name; a name that occurs twice gets an end of the id."""
    names = {LOCAL.user_id: LOCAL.name} | dict(studio().people.names(ids))
    called = sorted((names.get(name, name), name) for name in ids)
    often = Counter(label for label, _ in called)
    return {label if often[label] == 1 else f"{label} ({name[-4:]})": name for label, name in called}


def _choose_status() -> str:
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


def board(wanted: Wanted) -> None:
    """Draw the jobs, and redraw them every 2 s while something changes, every 10 s otherwise."""
    inspector(_KEY).open(st.query_params.get("job"))
    with loading(420) as place:
        if st.session_state.pop(_LOADED, None) != _page(wanted):
            st.session_state[_SHOWN] = _load(wanted)
    pace = _pace()
    with place:
        st.fragment(run_every=pace)(_follow)(wanted, pace, ["loaded"])


@errors_in_words()
def _follow(wanted: Wanted, pace: int, fresh: list[str]) -> None:
    require_page("jobs")
    notice = None
    if fresh:
        fresh.clear()
    else:
        try:
            st.session_state[_SHOWN] = _load(wanted)
        except StudioError as error:
            title, text = explain(error)
            notice = {"tone": "bad", "title": title, "text": f"{text} The page keeps trying."}
    jobs, older = st.session_state[_SHOWN]
    empty = None
    if not jobs:
        empty = dict(zip(("title", "text"), wanted.empty, strict=True))
    page = _page(wanted)
    gallery(jobs, key=_KEY, page=page, notice=notice, empty=empty, in_address=True)
    pager(older)
    if _pace() != pace:
        st.session_state[_LOADED] = page
        st.rerun()


def _page(wanted: Wanted) -> str:
    """Return a key that tells this page of jobs from others."""
    return f"{wanted} {' '.join(trail())}"


def _load(wanted: Wanted) -> Shown:
    load = functools.partial(
        studio().queries.page, actor(), limit=PER_PAGE, status=FILTERS.get(wanted.status), owner=wanted.owner
    )
    try:
        page = load(cursor=cursor())
    except InvalidRequest:  # the address was shortened or changed by hand
        to_first()
        page = load()
    return page.jobs, page.next_cursor


def _pace() -> int:
    jobs, _ = st.session_state[_SHOWN]
    return BUSY_SECONDS if any(is_active(job) for job in jobs) else IDLE_SECONDS
