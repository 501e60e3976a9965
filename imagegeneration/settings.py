"""The only reader of the environment. README.md has the table of variables; `.env.example` lists them all."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from imagegeneration.assets.asset import OutputFormat
from imagegeneration.core.credential import Key, usable_key
from imagegeneration.core.errors import ConfigurationError
from imagegeneration.core.redaction import hide
from imagegeneration.core.roles import PlanName
from imagegeneration.people.person import LOGIN_COOKIE
from imagegeneration.people.sign_in import TrustedProxy
from imagegeneration.prompts.moderation import ModerationPolicy
from imagegeneration.providers.generation import LONGEST_WAIT_SECONDS
from imagegeneration.settings_types import (
    VENDORS,
    DatabaseName,
    ImageServers,
    Networks,
    Origin,
    ProviderLimitSetting,
    SealKeyTexts,
    SignInProviders,
    Url,
    Usd,
)


class Settings(BaseSettings):
    """All configuration. An empty variable counts as unset; a wrong one stops the process at start."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    mongodb_uri: SecretStr | None = None
    mongodb_database: DatabaseName = "image_studio"

    r2_endpoint_url: Url | None = None
    r2_account_id: str | None = Field(default=None, pattern=r"^[0-9A-Za-z]+$")
    r2_access_key_id: Annotated[str | None, BeforeValidator(usable_key)] = None
    r2_secret_access_key: Key = None
    r2_bucket: str = Field(default="images", pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")
    cdn_base_url: Url | None = None

    openai_api_key: Key = None
    openai_base_url: Url | None = None
    openai_image_model: str = "gpt-image-2.5-flare"
    openai_text_model: str = "gpt-6-luna"
    google_api_key: Key = None
    google_base_url: Url = "https://generativelanguage.googleapis.com"
    fal_key: Key = None
    fal_base_url: Url = "https://queue.fal.run"
    replicate_api_token: Key = None
    replicate_base_url: Url = "https://api.replicate.com/v1"
    stability_api_key: Key = None
    stability_base_url: Url = "https://api.stability.ai"
    built_in_forge_api_url: Url | None = None
    built_in_forge_api_key: Key = None
    image_servers: ImageServers = ()
    sandbox_url: Url | None = None
    moderation_policy: ModerationPolicy = "off"

    approval_keys: SealKeyTexts = ()

    public_url: Origin | None = None
    trusted_proxies: Networks = ()
    sign_in_providers: SignInProviders = ()
    sign_in_proxy: TrustedProxy | None = None
    sign_in_idle_minutes: float = Field(default=8 * 60, ge=1, le=60 * 24 * 90)
    sign_in_max_hours: float = Field(default=7 * 24, ge=1, le=24 * 90)
    key_confirmation_days: int = Field(default=90, ge=1, le=3650)

    default_size: str = Field(default="1024x1024", pattern=r"^[1-9][0-9]{1,3}x[1-9][0-9]{1,3}$")
    default_quality: str = Field(default="medium", pattern=r"^(low|medium|high|xhigh|max)$")
    default_format: OutputFormat = "png"

    port: int = Field(default=8501, ge=1, le=65535)
    host: str = "127.0.0.1"
    data_dir: Path = Path(".data")
    catalog_file: Path | None = None

    runner_concurrency: int = Field(default=8, ge=1, le=256)
    runner_lease_seconds: float = Field(default=30, ge=1, le=3600)
    runner_poll_seconds: float = Field(default=1, ge=0.05, le=60)
    runner_drain_seconds: float = Field(default=1000, ge=0, le=3600)

    provider_timeout_seconds: float = Field(default=LONGEST_WAIT_SECONDS, ge=1, le=LONGEST_WAIT_SECONDS)
    provider_concurrency: int = Field(default=8, ge=1, le=256)
    provider_limits: Mapping[str, ProviderLimitSetting] = {}
    provider_check_minutes: float = Field(default=5, ge=0.1, le=24 * 60)
    queue_limit: int = Field(default=1000, ge=1, le=10_000_000)
    spool_max_bytes: int = Field(default=2 * 1024**3, ge=64 * 1024**2)

    daily_budget_usd: Usd = 20
    daily_budget_per_user_usd: Usd = 10
    max_cost_per_image_usd: Usd = 1

    text_budget_usd: Usd = 1
    text_budget_per_user_usd: Usd = 0.25
    enhance_seconds: float = Field(default=2, ge=0.1, le=60)

    requests_per_minute: int = Field(default=100, ge=1, le=1_000_000)
    default_plan: PlanName = "pro"

    breaker_failures: int = Field(default=10, ge=1, le=1_000_000)
    burn_limit_usd_per_hour: Usd | None = None

    @field_validator("provider_limits")
    @classmethod
    def _are_of_known_providers(
        cls, value: Mapping[str, ProviderLimitSetting], info: ValidationInfo
    ) -> Mapping[str, ProviderLimitSetting]:
        known = {*VENDORS, *(server.name for server in info.data.get("image_servers", ()))}
        if unknown := sorted(set(value) - known):
            raise ValueError(f"{unknown[0]} is not the name of a provider")
        return value

    @property
    def secrets(self) -> Sequence[str]:
        """Return the secrets, which must never appear in a log or an answer."""
        kept = [value for _, value in self if isinstance(value, SecretStr)]
        kept += self.approval_keys
        kept += [server.api_key for server in self.image_servers if server.api_key is not None]
        kept += [provider.client_secret for provider in self.sign_in_providers if provider.client_secret is not None]
        values = [secret.get_secret_value() for secret in kept]
        password = re.match(r"[^:]+://[^:@]*:(.+)@", self.mongodb_uri.get_secret_value()) if self.mongodb_uri else None
        return [*values, password[1], unquote(password[1])] if password else values

    @property
    def spool_dir(self) -> Path:
        """Return the directory in which paid answers wait for the bucket."""
        return self.data_dir / "spool"

    @property
    def rates_database(self) -> str:
        """Return the name of the database of rate counters, apart from all that must not be lost."""
        return f"{self.mongodb_database}_limits"

    @property
    def has_sign_in(self) -> bool:
        """Return whether users sign in; else there is one local admin, on this machine only."""
        return bool(self.sign_in_providers or self.sign_in_proxy)

    @property
    def login_cookie(self) -> str:
        """Return the name of the cookie of a login, with the prefix `__Host-` under HTTPS.

        Browsers accept such a cookie from this host over HTTPS only, so no other host of the domain can replace it.
        """
        is_https = (self.public_url or "").startswith("https://")
        return f"__Host-{LOGIN_COOKIE}" if is_https else LOGIN_COOKIE

    def require_safe_exposure(self, host: str) -> None:
        """Raise ConfigurationError if `host` is reachable from outside without sign-in, or if sign-in cannot work."""
        if not self.has_sign_in and not is_loopback(host):
            raise ConfigurationError(
                f"{host} can be reached by others and no sign-in is configured: set SIGN_IN_PROVIDERS and PUBLIC_URL, "
                "or listen on 127.0.0.1."
            )
        if self.has_sign_in and not self.public_url:
            raise ConfigurationError("Set PUBLIC_URL: sign-in providers send people back to it.")
        if (self.public_url or "").startswith("https://") and (self.cdn_base_url or "").startswith("http://"):
            raise ConfigurationError("CDN_BASE_URL has to be https: browsers show no http images on an https page.")
        roles = [each.roles for each in (*self.sign_in_providers, self.sign_in_proxy) if each is not None]
        if roles and not any(rules for each in roles for rules in each.values()):
            raise ConfigurationError("SIGN_IN_PROVIDERS, SIGN_IN_PROXY: their roles let nobody in. Name an admin.")

    def require_database(self) -> str:
        """Return the database's URI. Raises ConfigurationError if none is configured."""
        if self.mongodb_uri is None:
            raise ConfigurationError("Set MONGODB_URI; or start everything on this machine with `make run`.")
        return self.mongodb_uri.get_secret_value()


def is_loopback(name: str) -> bool:
    """Return whether this host name or address reaches this machine only."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def load_settings(**overrides: Any) -> Settings:
    """Return the settings from the environment and `.env`, and redact their secrets in logs from now on.

    Raises ConfigurationError, one line that names the variable.
    """
    try:
        settings = Settings(**overrides)
    except SettingsError as error:
        named = re.search(r'field "(\w+)"', str(error))
        variable = named[1].upper() if named else "the environment"
        raise ConfigurationError(f"{variable} is wrong: it is not JSON.") from None
    except ValidationError as error:
        wrong = error.errors(include_input=False, include_url=False)[0]
        variable = str(wrong["loc"][0]).upper() if wrong["loc"] else "the environment"
        raise ConfigurationError(f"{variable} is wrong: {wrong['msg']}.") from None
    hide(settings.secrets)
    return settings
