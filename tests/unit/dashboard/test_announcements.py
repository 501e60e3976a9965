"""What is announced on Generate: trouble of the provider in use, and models that will soon be gone."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from imagegeneration.dashboard.announcements import dying, trouble
from imagegeneration.models.catalog import Catalog
from imagegeneration.models.registry import ModelRegistry
from imagegeneration.providers.health import ProviderHealth
from tests.unit.dashboard.samples import NOW

ROW = """
[[image_models]]
name = "flux-old"
provider = "fal"
label = "Flux Old"
shut_down = 2026-12-01
successor = "fal-ai/flux-2/lora"
sizes = ["1024x1024"]
prices = {prices}
source = "an operator"
read_on = 2026-11-21
"""
FROM, UNTIL = date(2026, 11, 1), date(2026, 11, 30)


def registry(folder: Path, prices: str = "{ megapixel = 25_000 }", *configured: str) -> ModelRegistry:
    override = folder / "catalog.toml"
    override.write_text(ROW.replace("{prices}", prices))
    return ModelRegistry(Catalog.read(override), None, dict.fromkeys(configured or ("fal",), "sha"))


@pytest.mark.parametrize("today", [FROM, UNTIL])
def test_a_model_in_its_last_month_is_announced_with_its_successor(tmp_path: Path, today: date) -> None:
    assert list(dying(registry(tmp_path), today)) == [
        "Flux Old can be had until 1 December 2026; then use Flux 2 with LoRAs (Fal)."
    ]


@pytest.mark.parametrize("today", [date(2026, 10, 31), date(2026, 12, 1)])
def test_neither_before_nor_after(tmp_path: Path, today: date) -> None:
    assert list(dying(registry(tmp_path), today)) == []


def test_what_nobody_could_choose_is_not_announced(tmp_path: Path) -> None:
    assert list(dying(registry(tmp_path, "{}"), UNTIL)) == [], "it has no price"
    assert list(dying(registry(tmp_path, "{ megapixel = 25_000 }", "stability"), UNTIL)) == [], "nobody makes it here"


def health(**facts: Any) -> ProviderHealth:
    known: dict[str, Any] = {
        "provider": "openai",
        "claim_id": "chk_1",
        "claimed_at": NOW,
        "fingerprint": "f",
        "checked_at": NOW,
    }
    return ProviderHealth(**(known | facts))


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("refused", "OpenAI does not accept the studio's account at present."),
        ("unreachable", "OpenAI does not work at present."),
        ("works", None),
        ("reached", None),
        (None, None),
    ],
)
def test_trouble_of_the_provider_is_told_and_nothing_else(status: Any, words: str | None) -> None:
    assert trouble(health(status=status)) == words
    assert trouble(None) is None
