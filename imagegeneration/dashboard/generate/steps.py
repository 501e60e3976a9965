"""The step indicator of Generate."""

from __future__ import annotations

import streamlit as st

from imagegeneration.dashboard.generate.desk import Step
from imagegeneration.dashboard.web import asset

_NAMES: dict[Step, str] = {"describe": "Describe", "review": "Review", "images": "Images"}
_STEPS = st.components.v2.component("studio_steps", **asset("steps"))


def steps(current: Step) -> None:
    """Show which step the user is at."""
    _STEPS(key="steps", data={"steps": list(_NAMES.values()), "current": list(_NAMES).index(current)})
