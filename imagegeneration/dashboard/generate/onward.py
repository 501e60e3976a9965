"""The bar at the foot of Generate: what it costs, and the buttons that work once everything typed is stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

import streamlit as st

from imagegeneration.dashboard.kit.inbox import Message, inbox, taker
from imagegeneration.dashboard.web import asset

_ONWARD = st.components.v2.component("studio_onward", **asset("onward"))


@dataclass(frozen=True)
class Button:
    """A button. `blocked` says why it is disabled; with `saves` it waits until what is typed is stored.

    A button that `spends` money needs a deliberate press, and sends what is on the screen.
    """

    key: str
    label: str
    working: str = ""
    blocked: str = ""
    spends: bool = False
    saves: bool = True


@dataclass(frozen=True)
class Cost:
    """The price beside the button that spends.

    `short` says why the budget or the credits are too small; `terms` is `Quote.terms_sha256`.
    """

    each: str = ""
    made_as: str = ""
    left: str = ""
    short: str = ""
    total: str = ""
    terms: str = ""


def onward(
    go: Button,
    others: Sequence[Button],
    on_press: Callable[[Message], None],
    *,
    key: str,
    busy: str = "",
    cost: Cost = Cost(),
    shown: Mapping[str, object] | None = None,
) -> None:
    """Draw the bar. `busy` says what is under way; `shown` names the field and the count that an approval is for."""
    data = {
        **asdict(cost),
        "field": "",
        "count": 0,
        **(shown or {}),
        "go": asdict(go),
        "others": [asdict(other) for other in others],
        "busy": bool(busy),
        "status": busy or go.blocked,
        "heard": inbox(key).heard,
    }
    _ONWARD(key=key, data=data, on_sent_change=taker(key, on_press))
