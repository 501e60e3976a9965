"""Messages of the browser's outbox, which come again until they were heard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import streamlit as st

from imagegeneration.dashboard.kit.inbox import Inbox, Message, inbox, taker


def sent(*numbers: int) -> list[dict[str, Any]]:
    return [{"number": number, "at": 0, "body": {"what": number}} for number in numbers]


@pytest.mark.parametrize(
    ("arrivals", "taken"),
    [
        ([sent(1), sent(1, 2), sent(1, 2, 3)], [1, 2, 3]),
        ([sent(1), sent(1, 2, 3, 4)], [1, 2, 3, 4]),
        ([sent(1, 2), sent(1, 2), sent(2)], [1, 2]),
        ([None, sent()], []),
    ],
    ids=["one after the other", "some came together", "the same again", "nothing"],
)
def test_each_message_is_taken_once_and_in_order(arrivals: Sequence[object], taken: list[int]) -> None:
    box, found = Inbox(), list[int]()
    for arrival in arrivals:
        box.take(arrival, lambda message: found.append(message["what"]))
    assert found == taken
    assert box.heard == max(taken, default=0)


def test_a_message_that_fails_is_not_taken_again() -> None:
    box = Inbox()

    def fail(message: Message) -> None:
        raise ValueError(message)

    with pytest.raises(ValueError, match="1"):
        box.take(sent(1), fail)
    found: list[Message] = []
    box.take(sent(1, 2), found.append)
    assert found == [{"what": 2}]


def test_what_an_earlier_server_took_is_not_done_again(monkeypatch: pytest.MonkeyPatch) -> None:
    state: dict[str, Any] = {}
    monkeypatch.setattr(st, "session_state", state)
    found: list[Message] = []
    first = inbox("jobs").heard + 1
    state["jobs"] = {"sent": sent(first)}
    taker("jobs", found.append)()
    assert len(found) == 1
    del state["jobs-inbox"]  # the server starts anew, and the browser connects again with what it had sent
    monkeypatch.setattr("time.time_ns", lambda: (first + 1) * 1_000_000)
    taker("jobs", found.append)()
    assert len(found) == 1
