"""The server's end of a component's outbox: it takes each message once, and in order."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

Message = Mapping[str, Any]


@dataclass
class Inbox:
    """The number of the last message that was taken. The browser sends a message again until it was taken."""

    heard: int = 0

    def take(self, sent: object, act: Callable[[Message], None]) -> None:
        """Act on each message that was not taken before."""
        for message in sent if isinstance(sent, list) else []:
            if message["number"] > self.heard:
                self.heard = message["number"]
                act(message["body"])


def inbox(key: str) -> Inbox:
    """Return this session's inbox of the component `key`.

    Numbers begin at the present time in milliseconds. After a restart of the server the browser sends again what the
    server had taken before, and nothing may be done twice.
    """
    found: Inbox = st.session_state.setdefault(f"{key}-inbox", Inbox(time.time_ns() // 1_000_000))
    return found


def taker(key: str, act: Callable[[Message], None]) -> Callable[[], None]:
    """Return the callback of the component `key` for what was sent."""
    return lambda: inbox(key).take(st.session_state[key].get("sent"), act)
