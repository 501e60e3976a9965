"""Spend limits that operators set at run time."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo.database import Database

from imagegeneration.bootstrap import Studio, build_studio
from imagegeneration.core.actor import LOCAL
from imagegeneration.core.errors import OverBudget, WrongState
from imagegeneration.money.money import Limits
from imagegeneration.settings import Settings
from tests.integration.conftest import approve
from tests.support import wait_until


def limits(**changes: Any) -> Limits:
    known: dict[str, Any] = {
        "daily_micros": 20_000_000,
        "daily_per_user_micros": 10_000_000,
        "per_image_micros": 1_000_000,
    }
    return Limits(**(known | changes))


def test_until_somebody_sets_limits_the_ceilings_are_in_force(studio: Studio) -> None:
    assert studio.limits.in_force() == studio.limits.ceilings == limits()


@pytest.mark.parametrize("name", ["daily_micros", "daily_per_user_micros", "per_image_micros"])
def test_a_limit_is_in_force_at_once(studio: Studio, name: str) -> None:
    approve(studio)
    studio.limits.change(LOCAL, limits(**{name: 1_000}), version=0, reason="careful")
    with pytest.raises(OverBudget):
        approve(studio)


def test_another_process_holds_approvals_against_it_within_a_second(studio: Studio, settings: Settings) -> None:
    other = build_studio(settings)
    approve(other)
    changed = limits(daily_micros=1_000)
    studio.limits.change(LOCAL, changed, version=0, reason="careful")
    wait_until(lambda: other.limits.in_force() == changed, "the limit is known", seconds=1.5)
    with pytest.raises(OverBudget):
        approve(other)
    other.close()


def test_no_limit_is_set_above_its_ceiling(studio: Studio) -> None:
    with pytest.raises(WrongState, match="DAILY_BUDGET_USD"):
        studio.limits.change(LOCAL, limits(daily_micros=20_000_001), version=0, reason="more")
    assert studio.limits.latest() is None


def test_a_ceiling_that_is_lowered_later_is_in_force_over_a_stored_limit(studio: Studio, settings: Settings) -> None:
    studio.limits.change(LOCAL, limits(daily_micros=15_000_000), version=0, reason="less")
    lower = build_studio(settings.model_copy(update={"daily_budget_usd": 5.0}))
    assert lower.limits.in_force().daily_micros == 5_000_000
    lower.close()


def test_of_two_who_change_what_they_saw_the_second_is_told(studio: Studio) -> None:
    studio.limits.change(LOCAL, limits(daily_micros=5_000_000), version=0, reason="first")
    with pytest.raises(WrongState):
        studio.limits.change(LOCAL, limits(daily_micros=6_000_000), version=0, reason="second")
    assert studio.limits.in_force().daily_micros == 5_000_000


def test_each_version_stays_and_is_on_record(studio: Studio, database: Database[dict[str, Any]]) -> None:
    studio.limits.change(LOCAL, limits(daily_micros=5_000_000), version=0, reason="first")
    studio.limits.change(LOCAL, limits(daily_micros=6_000_000), version=1, reason="second")
    versions = [(found["version"], found["reason"]) for found in database["limits"].find().sort("version")]
    assert versions == [(1, "first"), (2, "second")]
    latest = studio.operations.state(LOCAL).audit[0]
    assert (latest.action, latest.reason) == ("limits.changed", "second")
    assert '"dailyMicros": 5000000' in (latest.before or "")
    assert '"dailyMicros": 6000000' in (latest.after or "")


def test_sandbox_limits_are_apart_from_real_ones(studio: Studio, settings: Settings, sandbox: Any) -> None:
    studio.limits.change(LOCAL, limits(daily_micros=1_000), version=0, reason="sandbox only")
    real = build_studio(settings.model_copy(update={"openai_base_url": sandbox.url, "sandbox_url": None}))
    assert real.limits.in_force() == limits()
    real.close()
