"""A page of sections: the component that draws them, and the answer to the last order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from imagegeneration.dashboard.kit import words
from imagegeneration.dashboard.kit.inbox import Message, inbox, taker
from imagegeneration.dashboard.kit.rows import Section
from imagegeneration.dashboard.web import asset

_SECTIONS = st.components.v2.component("studio_sections", **asset("sections"))


@dataclass(frozen=True)
class Said:
    """The result of an order, in words."""

    tone: words.Tone
    title: str
    text: str = ""


@dataclass
class Answers:
    """The last answer of the page; each answer has a number, so that it is shown once."""

    count: int = 0
    latest: dict[str, Any] | None = None

    def say(self, key: str, said: Said) -> None:
        """Answer the action `key`."""
        self.count += 1
        self.latest = {"number": self.count, "key": key, **asdict(said)}


def draw_sections(
    sections: Sequence[Section],
    on_act: Callable[[str, Mapping[str, Any]], None],
    *,
    key: str,
    at: datetime | None = None,
    answer: Mapping[str, Any] | None = None,
    notice: str | None = None,
) -> None:
    """Draw the sections as they were `at` this time (None: now). `on_act` gets an action's key and its order."""

    def acted(message: Message) -> None:
        on_act(str(message.get("key")), message.get("order") or {})

    data = {
        "at": words.milliseconds(at or datetime.now(UTC)),
        "notice": notice,
        "sections": [asdict(section) for section in sections],
        "answer": answer,
        "heard": inbox(key).heard,
    }
    _SECTIONS(key=key, data=data, on_sent_change=taker(key, acted))
