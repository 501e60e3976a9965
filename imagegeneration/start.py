"""Checks before a process begins, so that wrong settings fail at once instead of later."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from imagegeneration.bootstrap import Studio
from imagegeneration.configuration import limits_of
from imagegeneration.core.errors import (
    ConfigurationError,
    DatabaseDown,
    InvalidRequest,
    ModelUnavailable,
    StorageFailed,
)
from imagegeneration.money.money import format_usd
from imagegeneration.providers.generation import GenerationParameters

log = logging.getLogger(__name__)


def require_fit(studio: Studio) -> None:
    """Raise ConfigurationError, one line, for faults that waiting cannot fix, in every kind of process.

    Faults that may pass, such as an outage of the bucket, are one line of the log.
    """
    try:
        _require_all(studio)
    except ConfigurationError:
        studio.close()
        raise


def _require_all(studio: Studio) -> None:
    _require_models(studio)
    if studio.settings.has_sign_in:
        try:
            studio.rates.require_usable()
        except DatabaseDown:
            name = studio.settings.rates_database
            raise ConfigurationError(
                f"MONGODB_URI: the counters of requests cannot be written. Give the user readWrite on {name} too."
            ) from None
        studio.sign_in.check_providers()
    for found in studio.runners.processes.mismatches():
        log.error("%s", found.text)
    studio.runners.processes.seen()
    try:
        studio.storage.require_working()
    except StorageFailed as error:
        log.error("R2_ENDPOINT_URL, CDN_BASE_URL: until this works, images wait or are not shown: %s", error)


def _require_models(studio: Studio) -> None:
    settings, registry = studio.settings, studio.registry
    if studio.provider is None:
        log.warning("No provider is configured, so jobs are refused: set OPENAI_API_KEY or the key of another one.")
        return
    if settings.moderation_policy != "off" and not {"openai", "sandbox"} & studio.endpoints.keys():
        raise ConfigurationError(
            f"MODERATION_POLICY is {settings.moderation_policy}, and no prompt can be checked: "
            "set OPENAI_API_KEY or OPENAI_BASE_URL, or the policy off."
        )
    if registry.default is None:
        raise ConfigurationError(
            f"CATALOG_FILE: no model of the provider {studio.provider} can be had. Add rows for it."
        )
    if {"openai", "sandbox"} & studio.endpoints.keys():
        try:
            registry.catalog.text_cost(settings.openai_text_model, 0, 0)
        except ModelUnavailable as error:
            raise ConfigurationError(f"OPENAI_TEXT_MODEL: {error.message} Add a row to CATALOG_FILE.") from None
    _require_affordable(studio, registry.default)


def _require_affordable(studio: Studio, made: GenerationParameters) -> None:
    """Check that one image with the parameters of version 1 has a price and fits into every budget.

    Raises ConfigurationError otherwise.
    """
    settings, catalog, today = studio.settings, studio.registry.catalog, datetime.now(UTC).date()
    model = catalog.named(made.model)
    if model is not None and model.unavailable is None and not model.is_alive(today):  # the other models still work
        log.error("OPENAI_IMAGE_MODEL: %s", catalog.why_not(made.model, today))
        return
    if model is not None and studio.registry.provider_of(model) != made.provider:
        raise ConfigurationError(f"OPENAI_IMAGE_MODEL: {made.model} is a model of {model.provider}.")
    try:
        catalog.require_possible(made, today)
        price = catalog.quote(made, "x", today)
    except (ModelUnavailable, InvalidRequest) as error:
        raise ConfigurationError(
            f"OPENAI_IMAGE_MODEL, DEFAULT_SIZE, DEFAULT_QUALITY, DEFAULT_FORMAT: {error.message}"
        ) from None
    limits = limits_of(settings)
    budgets = {
        "MAX_COST_PER_IMAGE_USD": limits.per_image_micros,
        "DAILY_BUDGET_USD": limits.daily_micros,
        "DAILY_BUDGET_PER_USER_USD": limits.daily_per_user_micros,
        f"PROVIDER_LIMITS, {made.provider}": limits.of(made.provider).daily_micros,
    }
    for name, micros in budgets.items():
        if micros is not None and micros < price:
            raise ConfigurationError(
                f"{name}: {format_usd(micros)} is less than one image of {made.model} costs, {format_usd(price)}."
            )
    longest = 0.0 if model is None else model.longest_seconds
    if settings.provider_timeout_seconds < longest:
        log.warning(
            "PROVIDER_TIMEOUT_SECONDS is %g: calls of %s may take %g, and what comes later is in doubt",
            settings.provider_timeout_seconds,
            made.model,
            longest,
        )
