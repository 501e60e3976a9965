"""Amounts, rounding and days."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from imagegeneration.models.catalog import Catalog
from imagegeneration.money.money import (
    MICROS_PER_USD,
    PRICE_STEP,
    Limits,
    ProviderLimits,
    Spend,
    TextLimits,
    account_of,
    budget_day,
    budget_id,
    budget_reset,
    format_left,
    format_usd,
    format_usd_exact,
    quoted,
    tokens_cost,
)
from imagegeneration.providers.generation import MAX_IMAGES, GenerationParameters

CATALOG = Catalog.read()
ROUTES = [
    model.usual(model.provider).model_copy(update={"size": size, "quality": quality})
    for model in CATALOG.image_models
    if model.is_alive(date(2026, 11, 21))
    for size in model.sizes
    for quality in model.priced_qualities(size)
]


@pytest.mark.parametrize(
    ("micros", "shown"),
    [
        (0, "$0.00"),
        (1, "$0.0001"),
        (5_900, "$0.0059"),
        (10_000, "$0.01"),
        (13_201, "$0.0133"),
        (39_600, "$0.0396"),
        (40_000, "$0.04"),
        (20_000_000, "$20.00"),
        (1_234_567_890_000, "$1,234,567.89"),
    ],
)
def test_dollars_are_rounded_up(micros: int, shown: str) -> None:
    assert format_usd(micros) == shown


@given(st.integers(0, 10**12))
def test_what_is_shown_is_never_less_than_the_price(micros: int) -> None:
    assert micros <= dollars(format_usd(micros)) * MICROS_PER_USD < micros + PRICE_STEP


@given(st.integers(0, 10**12), st.integers(1, 10**6))
def test_what_is_left_never_looks_like_enough_for_a_price_above_it(left: int, above: int) -> None:
    assert dollars(format_left(left)) < dollars(format_usd(quoted(left + above)))


@given(
    prompt=st.text(min_size=1, max_size=400),
    count=st.integers(1, MAX_IMAGES),
    route=st.sampled_from(ROUTES),
)
def test_the_price_of_an_image_times_their_number_is_what_is_shown_held_and_recorded(
    prompt: str, count: int, route: GenerationParameters
) -> None:
    each = CATALOG.quote(route, prompt, date(2026, 11, 21))
    total = each * count
    assert dollars(format_usd(each)) * count == dollars(format_usd(total))
    assert format_usd(each) == format_usd_exact(each), "the record has the figure that was shown"
    assert format_usd(total) == format_usd_exact(total)


def dollars(shown: str) -> Decimal:
    return Decimal(shown.strip("$").replace(",", ""))


@pytest.mark.parametrize(("micros", "shown"), [(0, "$0.00"), (13_335, "$0.013335"), (500_000, "$0.50")])
def test_a_record_shows_every_micro_dollar(micros: int, shown: str) -> None:
    assert format_usd_exact(micros) == shown


def test_a_call_is_rounded_up_once() -> None:
    assert tokens_cost((1, 1)) == 1
    assert tokens_cost((1, 500_000), (1, 500_000)) == 1
    assert tokens_cost((440, 30_000_000)) == 13_200
    assert tokens_cost() == 0
    assert tokens_cost((2_000_000, 1_000_000)) == 2_000_000


def test_a_budget_lasts_a_utc_day() -> None:
    late = datetime(2026, 12, 31, 23, 59, 59, 999, tzinfo=UTC)
    assert budget_day(late) == "2026-12-31"
    assert budget_reset(late) == datetime(2027, 1, 1, tzinfo=UTC)


def test_sandbox_money_is_an_account_of_its_own() -> None:
    assert (account_of("sandbox"), account_of("openai")) == ("sandbox", "real")


CEILINGS = Limits(
    daily_micros=100,
    daily_per_user_micros=50,
    per_image_micros=10,
    providers=(ProviderLimits(provider="fal", concurrency=4), ProviderLimits(provider="openai", per_minute=9)),
)


def test_limits_are_never_above_their_ceilings() -> None:
    above = Limits(daily_micros=101, daily_per_user_micros=51, per_image_micros=11).within(CEILINGS)
    assert above == CEILINGS
    below = Limits(daily_micros=3, daily_per_user_micros=2, per_image_micros=1).within(CEILINGS)
    assert (below.daily_micros, below.daily_per_user_micros, below.per_image_micros) == (3, 2, 1)


def test_limits_of_a_provider_take_the_place_of_those_of_the_ceilings() -> None:
    own = ProviderLimits(provider="fal", daily_micros=5)
    found = CEILINGS.model_copy(update={"providers": (own,)}).within(CEILINGS)
    assert found.of("fal") == own
    assert found.of("openai").per_minute == 9
    assert found.of("stability") == ProviderLimits(provider="stability")
    assert len(found.providers) == 2


def test_a_provider_has_its_limits_once() -> None:
    twice = (ProviderLimits(provider="fal"), ProviderLimits(provider="fal", per_minute=1))
    with pytest.raises(ValidationError, match="must name each provider once"):
        Limits(daily_micros=1, daily_per_user_micros=1, per_image_micros=1, providers=twice)


def test_suggestions_are_never_paid_for_beyond_the_daily_budgets_of_images() -> None:
    assert TextLimits(daily_micros=101, per_user_micros=51).within(CEILINGS) == TextLimits(
        daily_micros=100, per_user_micros=50
    )
    low = TextLimits(daily_micros=3, per_user_micros=2)
    assert low.within(CEILINGS) == low


def test_each_budget_has_a_key_of_its_own() -> None:
    assert budget_id("real", "2026-11-21") == "real:2026-11-21"
    assert budget_id("sandbox", "2026-11-21", "ann") == "sandbox:2026-11-21:ann"
    assert budget_id("real", "2026-11-21", provider="fal") == "real:2026-11-21/fal"


def test_what_is_left_of_a_day_is_what_is_neither_spent_nor_held() -> None:
    spend = Spend(
        account="real",
        day="2026-11-21",
        spent_micros=60,
        held_micros=30,
        text_micros=7,
        limit_micros=100,
        resets_at=datetime(2026, 11, 22, tzinfo=UTC),
    )
    assert spend.left_micros == 10
    assert spend.model_copy(update={"limit_micros": 80}).left_micros == -10
