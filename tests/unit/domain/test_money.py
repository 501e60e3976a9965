"""Amounts, rounding and days."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegeneration.domain.money import (
    MICROS_PER_USD,
    account_of,
    budget_day,
    budget_reset,
    format_usd,
    format_usd_exact,
    tokens_cost,
)


@pytest.mark.parametrize(
    ("micros", "shown"),
    [
        (0, "$0.00"),
        (1, "$0.000001"),
        (5_900, "$0.0059"),
        (10_000, "$0.01"),
        (13_200, "$0.02"),
        (39_600, "$0.04"),
        (40_000, "$0.04"),
        (20_000_000, "$20.00"),
        (1_234_567_890_000, "$1,234,567.89"),
    ],
)
def test_dollars_are_rounded_up_to_cents(micros: int, shown: str) -> None:
    assert format_usd(micros) == shown


@given(st.integers(0, 10**12))
def test_what_is_shown_is_never_less_than_the_price(micros: int) -> None:
    assert float(format_usd(micros).strip("$").replace(",", "")) * MICROS_PER_USD >= micros - 0.001


@pytest.mark.parametrize(("micros", "shown"), [(0, "$0.00"), (13_335, "$0.013335"), (500_000, "$0.50")])
def test_a_record_shows_every_micro_dollar(micros: int, shown: str) -> None:
    assert format_usd_exact(micros) == shown


def test_a_call_is_rounded_up_once() -> None:
    assert tokens_cost((1, 1)) == 1
    assert tokens_cost((1, 500_000), (1, 500_000)) == 1
    assert tokens_cost((440, 30_000_000)) == 13_200
    assert tokens_cost() == 0


def test_a_budget_lasts_a_utc_day() -> None:
    late = datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert budget_day(late) == "2026-12-31"
    assert budget_reset(late) == datetime(2027, 1, 1, tzinfo=UTC)


def test_sandbox_money_is_an_account_of_its_own() -> None:
    assert (account_of("sandbox"), account_of("openai")) == ("sandbox", "real")
