"""The switch between the light and the dark theme, at the foot of the menu."""

from __future__ import annotations

import streamlit as st

from imagegeneration.dashboard.web import asset

_SWITCH = st.components.v2.component("studio_theme", **asset("theme_switch"))


def theme_switch() -> None:
    """Draw it. The browser keeps what was chosen; the server does not know."""
    with st.sidebar:
        _SWITCH(key="theme")
