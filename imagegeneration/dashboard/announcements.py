"""The announcements above every page: providers that do not work, and models that will soon be gone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime

from imagegeneration.dashboard.frame import errors_in_words, notice, studio
from imagegeneration.dashboard.kit import words
from imagegeneration.models.catalog import Catalog
from imagegeneration.models.model import ImageModel
from imagegeneration.models.registry import ModelRegistry
from imagegeneration.providers.health import HealthStatus, ProviderHealth

_TROUBLE: Mapping[HealthStatus, str] = {
    "refused": "{provider} does not accept the studio's account at present.",
    "unreachable": "{provider} does not work at present.",
}


def trouble(health: ProviderHealth | None) -> str | None:
    """Return what is wrong with a provider, in words, or None if nothing is known to be."""
    if health is None or health.status is None or not health.is_trouble:
        return None
    return words.capital(_TROUBLE[health.status].format(provider=words.provider(health.provider)))


def dying(registry: ModelRegistry, today: date) -> Iterator[str]:
    """Yield a line for each model that can be chosen here and will be gone within a month."""
    for model in registry.catalog.image_models:
        if model.is_dying(today) and registry.provider_of(model) is not None and _has_a_price(model):
            yield _last_day(model, registry.catalog)


def _has_a_price(model: ImageModel) -> bool:
    return bool(model.sizes) and model.prices.of(model.usual(model.provider)) is not None


def _last_day(model: ImageModel, catalog: Catalog) -> str:
    day = model.shut_down
    successor = None if model.successor is None else catalog.named(model.successor)
    then = f"; then use {successor.label if successor else model.successor}" if model.successor else ""
    return f"{model.label} can be had until {day:%-d %B %Y}{then}."


def announce() -> None:
    """Draw the announcements, if there are any."""
    with errors_in_words("announcements"):
        here = studio()
        for number, line in enumerate(dying(here.registry, datetime.now(UTC).date())):
            notice("neutral", line, key=f"dying-{number}")
