"""Readiness: probes share one check, wait for no part for long, and keep nobody else waiting."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.testclient import TestClient

from imagegeneration.assets.bucket import Storage
from imagegeneration.bootstrap import Studio
from imagegeneration.operations import readiness as health
from tests.integration.company import client, somebody

PROBES = 44


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """A bucket that does not answer; how often it was asked."""
    asked: list[int] = []
    over = threading.Event()

    def hang(_storage: Storage) -> None:
        asked.append(1)
        over.wait(60)

    monkeypatch.setattr(Storage, "check", hang)
    monkeypatch.setattr(health, "PATIENCE_SECONDS", 0.5)
    yield asked
    over.set()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How often the bucket was asked."""
    real, times = Storage.check, []

    def check(storage: Storage) -> None:
        times.append(1)
        real(storage)

    monkeypatch.setattr(Storage, "check", check)
    return lambda: len(times)


def ready(browser: TestClient) -> int:
    return browser.get("/image/health/ready").status_code


def test_probes_of_a_hanging_bucket_are_answered_in_time_and_keep_nobody_waiting(
    hanging: list[int], company: Studio
) -> None:
    with client(company) as probe, ThreadPoolExecutor(PROBES) as probes:
        ann = somebody(company, "ann", "creator")
        began = time.monotonic()
        waiting = [probes.submit(probe.get, "/image/health/ready") for _ in range(PROBES)]
        assert ann.get("/image/me").status_code == 200
        answers = [each.result() for each in waiting]
        assert time.monotonic() - began < 10
    assert {(answer.status_code, answer.json()["error"]["message"]) for answer in answers} == {(503, "Down: storage.")}
    assert len(hanging) == 1


def test_what_was_found_counts_for_a_moment(
    asked: Callable[[], int], company: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    with client(company) as probe:
        assert {ready(probe) for _ in range(5)} == {200}
        assert asked() == 1
        monkeypatch.setattr(health, "FRESH_SECONDS", 0.0)
        assert ready(probe) == 200
        assert asked() == 2
