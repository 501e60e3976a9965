"""Orders of an operator: what is refused before anything is done."""

from __future__ import annotations

from typing import Any, cast

import pytest

from imagegeneration.bootstrap import Studio
from imagegeneration.core.actor import LOCAL
from imagegeneration.dashboard.operations.orders import carry_out, read_usd

NO_STUDIO = cast(Studio, None)
"""Nothing of it may be touched."""

LIMITS = {"what": "limits", "version": 0, "daily": "1", "daily_per_user": "1", "per_image": "1", "reason": "r"}


@pytest.mark.parametrize(
    ("typed", "micros"),
    [("12.50", 12_500_000), ("$3", 3_000_000), (" 0.000001 ", 1), ("0", 0), ("1.1", 1_100_000)],
)
def test_amounts_are_read_to_the_micro_dollar(typed: str, micros: int) -> None:
    assert read_usd(typed) == micros


@pytest.mark.parametrize("typed", ["", "five", "-1", "1,5", "1e3", "0.0000001", "NaN", "٣", "99999999", 5, None])
def test_what_is_no_amount_is_refused(typed: object) -> None:
    said = carry_out(LIMITS | {"daily": typed}, NO_STUDIO, LOCAL)
    assert (said.tone, said.title) == ("bad", "Write each amount in dollars with a point, such as 12.50.")


@pytest.mark.parametrize("reason", ["", "   ", "r" * 501, "\x00", None])
def test_a_reason_is_required(reason: str | None) -> None:
    said = carry_out({"what": "pause", "scope": "everything", "reason": reason}, NO_STUDIO, LOCAL)
    assert (said.tone, said.title) == ("bad", "Write down why, in 1 to 500 characters.")


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"what": "drop"},
        {"what": "pause", "scope": "the moon", "reason": "r"},
        {"what": "decide", "decision": "steal", "images": [], "reason": "r"},
        {"what": "retry", "job_id": "imgjob_1", "accept_micros": -1},
    ],
)
def test_what_is_no_order_is_not_carried_out(order: dict[str, Any]) -> None:
    said = carry_out(order, NO_STUDIO, LOCAL)
    assert (said.tone, said.title) == ("bad", "The page has sent something that is not understood. Reload it.")


PROVIDER_LIMITS = {"what": "provider_limits", "version": 0, "provider": "fal", "reason": "r"}
UNLIMITED = {"concurrency": "", "per_minute": "", "daily": ""}


@pytest.mark.parametrize("typed", ["many", "-1", "1.5", "1e3", "٣", "1234567", 5, None])
def test_what_is_no_number_of_calls_is_refused(typed: object) -> None:
    said = carry_out(PROVIDER_LIMITS | UNLIMITED | {"per_minute": typed}, NO_STUDIO, LOCAL)
    words = "Write how many calls as a whole number, or nothing where there is no limit."
    assert (said.tone, said.title) == ("bad", words)


@pytest.mark.parametrize("typed", [{"per_minute": "0"}, {"concurrency": "257"}, {"per_minute": "1001"}])
def test_a_number_of_calls_that_cannot_be_kept_is_refused(typed: dict[str, str]) -> None:
    said = carry_out(PROVIDER_LIMITS | UNLIMITED | typed, NO_STUDIO, LOCAL)
    assert (said.tone, said.title) == (
        "bad",
        "At most 256 calls at once and 1000 a minute are possible, and at least one.",
    )
