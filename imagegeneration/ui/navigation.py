"""The script that st.App runs for every page: the list of pages, and the frame around the one that is open."""

from __future__ import annotations

import streamlit as st

from imagegeneration.ui import frame

# The icon comes first: a page's own icon would be fetched from a foreign host to become the favicon.
st.set_page_config(page_icon=str(frame.ASSETS / "favicon.png"), layout="wide", initial_sidebar_state=220)
page = st.navigation(
    [
        st.Page(frame.PAGES / "generate.py", title="Generate", icon=":material/add_photo_alternate:", default=True),
        st.Page(frame.PAGES / "jobs.py", title="Jobs", icon=":material/photo_library:", url_path="jobs"),
        st.Page(
            frame.PAGES / "operations.py", title="Operations", icon=":material/monitor_heart:", url_path="operations"
        ),
    ]
)
st.set_page_config(page_title=f"{page.title} · Image Studio")
st.logo(str(frame.ASSETS / "logo.svg"), icon_image=str(frame.ASSETS / "mark.svg"), size="medium")
with frame.errors_in_words():
    page.run()
