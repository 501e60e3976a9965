"""The translation of the settings into the types of the areas."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr

from imagegeneration.assets.bucket import BucketSettings
from imagegeneration.core.errors import ConfigurationError
from imagegeneration.core.ids import ProviderName
from imagegeneration.jobs.seal import SealKeys
from imagegeneration.models.catalog import Catalog
from imagegeneration.money.money import MICROS_PER_USD, Limits, ProviderLimits, TextLimits
from imagegeneration.people.person import LoginRules
from imagegeneration.providers.breaker import BreakerRules
from imagegeneration.providers.endpoint import Endpoint
from imagegeneration.providers.generation import GenerationParameters
from imagegeneration.settings import Settings


def endpoints_of(settings: Settings) -> Mapping[ProviderName, Endpoint]:
    """Return every configured provider, the default first, or else the sandbox if it is configured."""
    openai_url = settings.openai_base_url or (settings.openai_api_key and "https://api.openai.com/v1")
    configured: tuple[tuple[ProviderName, object, SecretStr | None], ...] = (
        ("openai", openai_url, settings.openai_api_key),
        ("google", settings.google_api_key and settings.google_base_url, settings.google_api_key),
        ("fal", settings.fal_key and settings.fal_base_url, settings.fal_key),
        ("replicate", settings.replicate_api_token and settings.replicate_base_url, settings.replicate_api_token),
        ("stability", settings.stability_api_key and settings.stability_base_url, settings.stability_api_key),
        ("forge", settings.built_in_forge_api_url, settings.built_in_forge_api_key),
    )
    real = {name: Endpoint(url=str(url), key=key) for name, url, key in configured if url}
    for server in settings.image_servers:
        url = str(server.base_url).rstrip("/")
        real[server.name] = Endpoint(url=url, key=server.api_key, left_out=server.left_out)
    if real or settings.sandbox_url is None:
        return real
    return {"sandbox": Endpoint(url=settings.sandbox_url)}


def provider_of(settings: Settings) -> ProviderName | None:
    """Return the provider of requests that choose none, or None if no provider is configured."""
    return next(iter(endpoints_of(settings)), None)


def default_parameters_of(settings: Settings, catalog: Catalog) -> GenerationParameters | None:
    """Return the parameters of version 1, or None without a provider.

    OpenAI and the sandbox make OPENAI_IMAGE_MODEL in DEFAULT_SIZE and DEFAULT_QUALITY. If only other providers are
    configured, it is the first available model of the first provider, in the first size and quality of the catalog.
    """
    provider = provider_of(settings)
    if provider in ("openai", "sandbox"):
        return GenerationParameters(
            provider=provider,
            model=settings.openai_image_model,
            size=settings.default_size,
            quality=settings.default_quality,
            output_format=settings.default_format,
        )
    today = datetime.now(UTC).date()
    made = [model for model in catalog.image_models if model.provider == provider and model.is_alive(today)]
    return made[0].usual(made[0].provider) if made else None


def bucket_of(settings: Settings) -> BucketSettings:
    """Return the address and credentials of the bucket. Raises ConfigurationError that names what is missing."""
    account = settings.r2_account_id
    endpoint = settings.r2_endpoint_url or (account and f"https://{account}.r2.cloudflarestorage.com")
    key_id, key, cdn = settings.r2_access_key_id, settings.r2_secret_access_key, settings.cdn_base_url
    if not (endpoint and key_id and key and cdn):
        named = {
            "R2_ENDPOINT_URL or R2_ACCOUNT_ID": endpoint,
            "R2_ACCESS_KEY_ID": key_id,
            "R2_SECRET_ACCESS_KEY": key,
            "CDN_BASE_URL": cdn,
        }
        missing = ", ".join(name for name, value in named.items() if not value)
        raise ConfigurationError(f"Set {missing}; or start everything on this machine with `make run`.")
    return BucketSettings(
        name=settings.r2_bucket, endpoint_url=endpoint, key_id=key_id, key=key.get_secret_value(), public_url=cdn
    )


def seal_keys_of(settings: Settings) -> SealKeys:
    """Return the keys that seal approvals. Raises ConfigurationError if there is none."""
    if not settings.approval_keys:
        raise ConfigurationError(
            "Set APPROVAL_KEYS: a secret of 32 random characters or more, the same for every process "
            "(`openssl rand -hex 32` makes one)."
        )
    return SealKeys([key.get_secret_value().encode() for key in settings.approval_keys])


def limits_of(settings: Settings) -> Limits:
    """Return the ceilings of the spend limits, and the limits of providers until an operator sets others."""
    return Limits(
        daily_micros=_micros(settings.daily_budget_usd),
        daily_per_user_micros=_micros(settings.daily_budget_per_user_usd),
        per_image_micros=_micros(settings.max_cost_per_image_usd),
        providers=tuple(
            ProviderLimits(
                provider=name,
                concurrency=each.concurrency,
                per_minute=each.per_minute,
                daily_micros=None if each.daily_budget_usd is None else _micros(each.daily_budget_usd),
            )
            for name, each in settings.provider_limits.items()
        ),
    )


def text_limits_of(settings: Settings) -> TextLimits:
    """Return the budgets of prompt suggestions."""
    return TextLimits(
        daily_micros=_micros(settings.text_budget_usd), per_user_micros=_micros(settings.text_budget_per_user_usd)
    )


def login_rules_of(settings: Settings) -> LoginRules:
    """Return the idle and longest time of a login, and the public address of the studio."""
    return LoginRules(
        idle=timedelta(minutes=settings.sign_in_idle_minutes),
        longest=timedelta(hours=settings.sign_in_max_hours),
        public_url=settings.public_url or "",
    )


def breaker_rules_of(settings: Settings) -> BreakerRules:
    """Return the rules by which a provider is paused automatically."""
    burn = settings.burn_limit_usd_per_hour
    return BreakerRules(
        failures=settings.breaker_failures, burn_micros_per_hour=None if burn is None else _micros(burn)
    )


def _micros(usd: float) -> int:
    return round(usd * MICROS_PER_USD)
