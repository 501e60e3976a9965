"""What a component's browser part sends by its outbox: each message once, and in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

Message = Mapping[str, Any]


@dataclass
class Inbox:
    """The number of the last message that was taken. One that was not taken yet comes again with the next."""

    heard: int = 0

    def take(self, sent: object, act: Callable[[Message], None]) -> None:
        """Act on what was not taken before."""
        for message in sent if isinstance(sent, list) else []:
            if message["number"] > self.heard:
                self.heard = message["number"]
                act(message["body"])


def inbox(key: str) -> Inbox:
    """This session's inbox of the component `key`."""
    found: Inbox = st.session_state.setdefault(f"{key}-inbox", Inbox())
    return found


def taker(key: str, act: Callable[[Message], None]) -> Callable[[], None]:
    """What the component `key` calls when something was sent."""
    return lambda: inbox(key).take(st.session_state[key].get("sent"), act)
