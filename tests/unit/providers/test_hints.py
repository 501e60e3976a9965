"""How long a provider wants to be left alone, in every form in which it is said."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegeneration.providers.hints import LONGEST_HINT_SECONDS, wait_asked

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


def http_date(moment: datetime) -> str:
    return format_datetime(moment, usegmt=True)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "-3"}, 0),
        ({"retry-after": "99999"}, LONGEST_HINT_SECONDS),
        ({"retry-after": "1" * 400}, LONGEST_HINT_SECONDS),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "-inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan", "retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "1500", "retry-after": "2"}, 2),
        ({"retry-after-ms": "0", "retry-after": "20"}, 20),
        ({"retry-after": "0", "x-ratelimit-reset-requests": "12s"}, 12),
        ({"retry-after": http_date(NOON + timedelta(seconds=40)), "date": http_date(NOON)}, 40),
        ({"retry-after": http_date(NOON - timedelta(seconds=40)), "date": http_date(NOON)}, 0),
        ({"retry-after": "Sun, 99 Nov 2026 12:00:00 GMT"}, None),
        ({"x-ratelimit-reset-requests": "1s"}, 1),
        ({"x-ratelimit-reset-tokens": "6m0s"}, 360),
        ({"x-ratelimit-reset-requests": "20ms", "x-ratelimit-reset-tokens": "2s"}, 2),
        (
            {
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-requests": "12s",
                "x-ratelimit-remaining-tokens": "900",
                "x-ratelimit-reset-tokens": "5m",
            },
            12,
        ),
        ({"ratelimit-reset": "30"}, 30),
        ({"x-ratelimit-reset": str(round(NOON.timestamp()) + 50), "date": http_date(NOON)}, 50),
        ({"x-ratelimit-reset": "nan"}, None),
        ({"x-ratelimit-reset-requests": ""}, None),
    ],
)
def test_headers(headers: Mapping[str, str], seconds: float | None) -> None:
    assert wait_asked(headers, {}, None) == seconds


@pytest.mark.parametrize("scale", [1, 1_000])
def test_a_reset_that_is_a_moment(scale: int) -> None:
    reset = {"x-ratelimit-reset": str(round((time.time() + 50) * scale))}
    assert wait_asked(reset, {}, None) == pytest.approx(50, abs=2)


@pytest.mark.parametrize(
    ("document", "seconds"),
    [
        ({"detail": "Request was throttled.", "retry_after": 5}, 5),
        ({"error": {"retry_after": "1.5s"}}, 1.5),
        ({"error": {"retry_after_ms": 800}}, 0.8),
        ({"error": {"details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s"}]}}, 34.5),
        ({"error": {"details": [{"retryDelay": "-1s"}]}}, None),
        ({"retry_after": True}, None),
        ({"retry_after": float("nan")}, None),
        ({"retry_after": float("inf")}, None),
        ({"retry_after": -5}, 0),
        ({"retry_after": 10**400}, None),
        ({"retry_after": [1], "error": {"details": "soon"}}, None),
    ],
)
def test_fields(document: dict[str, Any], seconds: float | None) -> None:
    assert wait_asked({}, document, None) == seconds


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("Rate limit reached: Limit 5, Used 5. Please try again in 12s. Visit", 12),
        ("Please try again in 1.5s.", 1.5),
        ("Please try again in 6m0s.", 360),
        ("Please try again in 20ms.", 0.02),
        ("Please retry in 34.074824224s.", 34.074824224),
        ("Please retry after 27 seconds.", 27),
        ("reduced to 6 requests per minute while you have less than $5.0. Your rate limit resets in ~30s.", 30),
        ("Request was throttled. Expected available in 831.0 seconds.", 831),
        ("Try again in 2 minutes", 120),
        ("Try again in 5 hours", LONGEST_HINT_SECONDS),
        ("Try again in 5 models", None),
        ("Limit: 5 / 1min.", None),
        ("Try again later.", None),
    ],
)
def test_words(words: str, seconds: float | None) -> None:
    assert wait_asked({}, {}, words) == seconds


def test_of_several_hints_the_longest_counts() -> None:
    assert wait_asked({"retry-after": "1"}, {"retry_after": 2}, "try again in 3s") == 3
    assert wait_asked({"retry-after": "-1"}, {"retry_after": 2, "error": {"retry_after_ms": 0}}, None) == 2
    assert wait_asked({"retry-after": "9"}, {"retry_after": 2}, "try again in 3s") == 9


ANYTHING = st.text() | st.floats().map(str) | st.integers().map(str)


@given(
    st.dictionaries(st.sampled_from(["retry-after", "retry-after-ms", "x-ratelimit-reset", "date"]), ANYTHING),
    st.dictionaries(st.sampled_from(["retry_after", "retryDelay", "retry_after_ms"]), ANYTHING | st.floats()),
    st.text(),
)
def test_whatever_is_said_is_a_wait_within_bounds_or_none(
    headers: dict[str, str], document: dict[str, Any], words: str
) -> None:
    asked = wait_asked(headers, document, f"try again in {words}")
    assert asked is None or 0 <= asked <= LONGEST_HINT_SECONDS


@pytest.mark.parametrize("text", ["try again" * 8_000, "wait " + "1" * 64_000, "wait " + "1s " * 20_000])
def test_long_words_take_no_time(text: str) -> None:
    began = time.thread_time()
    wait_asked({}, {}, text)
    assert time.thread_time() - began < 0.2
