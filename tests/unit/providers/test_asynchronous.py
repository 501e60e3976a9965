"""Waiting for a call that its provider works on by itself."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator

import pytest

from imagegeneration.providers import asynchronous
from imagegeneration.providers.asynchronous import AsynchronousApi, TakenCall
from imagegeneration.providers.endpoint import Endpoint
from imagegeneration.providers.generation import CallFailed
from tests.support import Clock


class Waiting(threading.Event):
    """Stands for the event that ends the waiting: the clock goes on at once."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        self._clock.now += timeout or 0
        return False


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(asynchronous, "time", made)
    return made


@pytest.fixture
def api(clock: Clock) -> Iterator[AsynchronousApi]:
    made = AsynchronousApi(Endpoint(url="http://127.0.0.1:9", key=None), "Key", None)
    yield made
    made.close()


def asked(api: AsynchronousApi, clock: Clock, seconds: float) -> list[float]:
    """When a call that never ends is asked about within so many seconds."""
    began, moments = clock.now, []

    def look() -> None:
        moments.append(clock.now - began)

    with pytest.raises(CallFailed):
        api.patiently(look, TakenCall("handle_1", clock.now + seconds, Waiting(clock)), "is still at work")
    return moments


def test_a_quick_call_is_asked_about_soon_and_a_slow_one_ever_more_seldom(api: AsynchronousApi, clock: Clock) -> None:
    moments = asked(api, clock, 600)
    assert len([moment for moment in moments if moment < 3]) >= 4
    pauses = [later - earlier for earlier, later in itertools.pairwise(moments)]
    assert pauses == sorted(pauses)
    assert pauses[-1] <= 5
    assert len(moments) < 600 / 2
