"""The third step of Generate: the job that the draft has become, image by image."""

from __future__ import annotations

import streamlit as st

from imagegeneration.core.errors import NotFound, StudioError
from imagegeneration.dashboard.frame import PAGES, actor, errors_in_words, explain, require_page, studio
from imagegeneration.dashboard.generate.desk import Desk, lay, new_draft, start_over
from imagegeneration.dashboard.jobs.gallery import gallery, inspector
from imagegeneration.jobs.job import Job

SECONDS = 1
_KEY, _LAST = "progress", "progress-last"


def progress(desk: Desk, job_id: str) -> None:
    """Draw the job, and redraw it every second until it is over."""
    job = studio().queries.get(actor(), job_id)
    if inspector(_KEY).job_id != job_id:
        inspector(_KEY).open(None)  # the dialog was left open over an earlier job
    st.session_state[_LAST] = job
    about = None if job.is_over else studio().forecast.seconds_of(job.request.model)
    st.fragment(run_every=None if job.is_over else SECONDS)(_watch)(job_id, about, [job])
    _buttons(desk, job)


@errors_in_words()
def _watch(job_id: str, about: float | None, fresh: list[Job]) -> None:
    require_page("generate")
    notice, last = None, st.session_state[_LAST]
    try:
        job = fresh.pop() if fresh else studio().queries.get(actor(), job_id)
    except NotFound:  # it belongs to the user who was signed in here before
        raise
    except StudioError as error:
        title, text = explain(error)
        job, notice = last, {"tone": "bad", "title": title, "text": f"{text} The page keeps trying."}
    st.session_state[_LAST] = job
    gallery([job], key=_KEY, mode="single", about_seconds=about, notice=notice)
    if job.is_over != last.is_over:
        st.rerun()


def _buttons(desk: Desk, job: Job) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("New request", key="new", type="primary" if job.is_over else "secondary"):
            start_over()
            st.rerun()
        if st.button("Start from this again", key="again"):
            lay(Desk(new_draft(like=desk.draft)))
            st.session_state["desk"].save()
            st.rerun()
        st.page_link(PAGES / "jobs.py", label="See it in Jobs", query_params={"job": job.job_id})
