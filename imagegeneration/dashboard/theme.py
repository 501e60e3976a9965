"""The switch between the light and the dark theme, at the foot of the menu."""

from __future__ import annotations

import streamlit as st

from imagegeneration.dashboard.web import asset

_SWITCH = st.components.v2.component("studio_theme", **asset("theme_switch"))


def theme_switch() -> None:
    """Draw the switch. The browser keeps the choice; the server does not know it."""
    with st.sidebar:
        _SWITCH(key="theme")
