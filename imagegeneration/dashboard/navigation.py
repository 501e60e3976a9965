"""The script that st.App runs for every page: the list of pages, and the frame around the one that is open."""

from __future__ import annotations

import streamlit as st

from imagegeneration.dashboard import frame
from imagegeneration.dashboard.theme import theme_switch

_PAGES = (
    ("generate", "Generate", ":material/add_photo_alternate:"),
    ("jobs", "Jobs", ":material/photo_library:"),
    ("operations", "Operations", ":material/monitor_heart:"),
    ("people", "People", ":material/group:"),
    ("keys", "API keys", ":material/key:"),
    ("loras", "LoRAs", ":material/tune:"),
    ("audit", "Audit", ":material/history_edu:"),
)
"""The pages: name, which is both file and address, title and icon."""

_FRONT = "generate"
"""The page at the front address. It is the same for all users, because it has no other address."""

# The icon comes first: a page's own icon would be fetched from a foreign host to become the favicon.
st.set_page_config(page_icon=str(frame.ASSETS / "favicon.png"), layout="wide", initial_sidebar_state=220)
with frame.errors_in_words():
    frame.recognize()
    usable = [name for name, _, _ in _PAGES if frame.may_use(name)]
    # All users get every page, otherwise an address would lead to a dialog; the menu shows those they may use.
    pages = {
        st.Page(
            frame.PAGES / f"{name}.py",
            title=title,
            icon=icon,
            url_path=name,
            default=name == _FRONT,
            visibility="visible" if name in usable else "hidden",
        ): name
        for name, title, icon in _PAGES
    }
    page = st.navigation(list(pages))
    if pages[page] == _FRONT and _FRONT not in usable:
        st.switch_page(next(other for other, name in pages.items() if name in usable))
    st.set_page_config(page_title=f"{page.title} · Image Studio")
    st.logo(str(frame.ASSETS / "logo.svg"), icon_image=str(frame.ASSETS / "mark.svg"), size="medium")
    frame.account()
    theme_switch()
    frame.require_page(pages[page])
    page.run()
