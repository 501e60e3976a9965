"""The way to a job that was just approved: to the first page of Jobs, whatever was shown there before."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from imagegeneration.dashboard.frame import PAGES
from imagegeneration.dashboard.kit.pager import to_first

UNFILTERED: Mapping[str, str] = {"status": "All", "person": "All people"}
"""The filters of Jobs, each with the choice that hides nothing. The page's URL has them by these names."""

_KEY = "jobs-newest"


def expect(job_id: str) -> None:
    """Reset the filters, so that they do not hide the new job."""
    st.session_state.update({**UNFILTERED, _KEY: job_id})


def go(*, is_on_jobs: bool = False) -> None:
    """Go to Jobs, to the first page of it."""
    if not is_on_jobs:
        st.switch_page(PAGES / "jobs.py")
    to_first()
    if "job" in st.query_params:
        del st.query_params["job"]
    st.rerun()


def newest() -> str | None:
    """Return the job that the reader has to be shown now, once, or None."""
    found: str | None = st.session_state.pop(_KEY, None)
    return found
