"""The only reader of the environment. README.md has the table of variables; `.env.example` lists them all."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import unquote

from pydantic import (
    AnyHttpUrl,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

from imagegeneration.assets.asset import OutputFormat
from imagegeneration.core.errors import ConfigurationError
from imagegeneration.core.ids import ProviderName
from imagegeneration.core.redaction import hide
from imagegeneration.core.roles import Role
from imagegeneration.jobs.seal import KEY_MIN, SealKeys
from imagegeneration.money.money import MICROS_PER_USD, Limits, TextLimits
from imagegeneration.people.person import LOGIN_COOKIE, LoginRules
from imagegeneration.people.plan import PlanName
from imagegeneration.prompts.moderation import ModerationPolicy
from imagegeneration.providers.breaker import BreakerRules
from imagegeneration.providers.endpoint import MAX_PER_MINUTE, Endpoint, ImageField, ProviderLimits
from imagegeneration.providers.generation import LONGEST_WAIT_SECONDS

_URL: TypeAdapter[AnyHttpUrl] = TypeAdapter(AnyHttpUrl)
_Usd = Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)]

_AROUND_KEYS = " \t\r\n\v\f\u00a0\u00ad\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202f\u2060\u3000\ufeff"
"""What copying puts around a key and no eye sees."""


def _usable_key(value: object) -> object:
    """A key as a header can have it, without what stands around it; None for nothing. Raises ValueError."""
    if not isinstance(value, str | SecretStr):
        return value
    key = (value if isinstance(value, str) else value.get_secret_value()).strip(_AROUND_KEYS)
    for place, character in enumerate(key, 1):
        if not "!" <= character <= "~":
            raise ValueError(f"no key has the character U+{ord(character):04X}, which is at place {place} of it")
    return key or None


_Key = Annotated[SecretStr | None, BeforeValidator(_usable_key)]


VENDORS = ("openai", "google", "fal", "replicate", "stability", "forge", "midjourney", "sandbox")
"""The names of the providers that the studio knows by itself."""


class SignInProvider(BaseModel):
    """An OpenID provider: where it is, what it knows us as, and who gets which role.

    A rule of `roles` is an address (`ann@example.com`), a domain (`@example.com`), both only if the provider has
    verified them, or `group:NAME`. Who gets no role is not let in.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True)

    name: str = Field(pattern=r"^[a-z0-9-]{1,32}$")
    label: str = Field(min_length=1, max_length=60)
    issuer: AnyHttpUrl
    client_id: str = Field(min_length=1)
    client_secret: _Key = None
    scope: str = "openid email profile"
    groups_claim: str = "groups"
    roles: Mapping[Role, Sequence[str]]


class ImageServer(BaseModel):
    """A server of one's own that speaks OpenAI's images API. `name` is its provider in the catalog's rows.

    `left_out` are fields that it refuses.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")
    base_url: AnyHttpUrl
    api_key: _Key = None
    left_out: tuple[ImageField, ...] = ()

    @field_validator("name")
    @classmethod
    def _is_its_own(cls, name: str) -> str:
        if name in VENDORS:
            raise ValueError(f"{name} is the name of a provider of its own")
        return name

    @property
    def endpoint(self) -> Endpoint:
        """Where it is reached, and with what."""
        return Endpoint(url=str(self.base_url).rstrip("/"), key=self.api_key, left_out=self.left_out)


class ProviderLimitSetting(BaseModel):
    """What a provider may be asked for by all runners together, until an operator sets other limits at run time."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True)

    concurrency: int | None = Field(default=None, ge=1, le=256)
    per_minute: int | None = Field(default=None, ge=1, le=MAX_PER_MINUTE)
    daily_budget_usd: _Usd | None = None


class TrustedProxy(BaseModel):
    """A reverse proxy that signs people in and says who they are in a signed token (JWT) in the header `header`.

    Believed is what the keys at `jwks_url` have signed for `issuer` and `audience`, never a bare header. `roles`
    as for a `SignInProvider`; an address counts unless the token says that it is not verified.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True)

    label: str = Field(min_length=1, max_length=60)
    header: str = Field(pattern=r"^[A-Za-z0-9-]{1,64}$")
    issuer: str = Field(min_length=1)
    audience: str = Field(min_length=1)
    jwks_url: AnyHttpUrl
    groups_claim: str = "groups"
    roles: Mapping[Role, Sequence[str]]


_Named = TypeVar("_Named", ImageServer, SignInProvider)


class Settings(BaseSettings):
    """All configuration. An empty variable counts as unset; a wrong one stops the process at start."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    mongodb_uri: SecretStr | None = None
    mongodb_database: str = Field(default="image_studio", pattern=r"^[A-Za-z0-9_-]{1,38}$")

    r2_endpoint_url: str | None = None
    r2_account_id: str | None = Field(default=None, pattern=r"^[0-9A-Za-z]+$")
    r2_access_key_id: Annotated[str | None, BeforeValidator(_usable_key)] = None
    r2_secret_access_key: _Key = None
    r2_bucket: str = Field(default="images", pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")
    cdn_base_url: str | None = None

    openai_api_key: _Key = None
    openai_base_url: str | None = None
    openai_image_model: str = "gpt-image-2.5-flare"
    openai_text_model: str = "gpt-6-luna"
    google_api_key: _Key = None
    google_base_url: str = "https://generativelanguage.googleapis.com"
    fal_key: _Key = None
    fal_base_url: str = "https://queue.fal.run"
    replicate_api_token: _Key = None
    replicate_base_url: str = "https://api.replicate.com/v1"
    stability_api_key: _Key = None
    stability_base_url: str = "https://api.stability.ai"
    built_in_forge_api_url: str | None = None
    built_in_forge_api_key: _Key = None
    image_servers: tuple[ImageServer, ...] = ()
    sandbox_url: str | None = None
    moderation_policy: ModerationPolicy = "off"

    approval_keys: Annotated[tuple[SecretStr, ...], NoDecode] = ()

    public_url: str | None = None
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = ()
    sign_in_providers: tuple[SignInProvider, ...] = ()
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

    daily_budget_usd: _Usd = 20
    daily_budget_per_user_usd: _Usd = 10
    max_cost_per_image_usd: _Usd = 1

    text_budget_usd: _Usd = 1
    text_budget_per_user_usd: _Usd = 0.25
    enhance_seconds: float = Field(default=2, ge=0.1, le=60)

    requests_per_minute: int = Field(default=100, ge=1, le=1_000_000)
    default_plan: PlanName = "pro"

    breaker_failures: int = Field(default=10, ge=1, le=1_000_000)
    burn_limit_usd_per_hour: _Usd | None = None

    @field_validator(
        *("r2_endpoint_url", "cdn_base_url", "sandbox_url", "public_url", "built_in_forge_api_url"),
        *("openai_base_url", "google_base_url", "fal_base_url", "replicate_base_url", "stability_base_url"),
    )
    @classmethod
    def _is_http_url(cls, value: str | None) -> str | None:
        if value is not None:
            _URL.validate_python(value)
        return value.rstrip("/") if value else None

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _are_networks(cls, value: object) -> object:
        """Addresses and networks, with commas between: `10.0.0.1,192.168.0.0/24`."""
        if not isinstance(value, str):
            return value
        return tuple(str(ipaddress.ip_network(part.strip())) for part in value.split(","))

    @field_validator("approval_keys", mode="before")
    @classmethod
    def _are_separated_by_commas(cls, value: object) -> object:
        parts = value.split(",") if isinstance(value, str) else value
        if not isinstance(parts, list | tuple):
            return parts
        return tuple(key for key in map(_usable_key, parts) if key is not None)

    @field_validator("approval_keys")
    @classmethod
    def _are_long(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if any(len(key.get_secret_value()) < KEY_MIN for key in value):
            raise ValueError(f"each key needs {KEY_MIN} characters or more")
        return value

    @field_validator("public_url")
    @classmethod
    def _is_an_origin(cls, value: str | None) -> str | None:
        """As browsers write it: lower case, no default port. The studio is not served below a path."""
        if value is None:
            return None
        url = _URL.validate_python(value)
        if url.path not in (None, "/") or url.query or url.fragment or url.username or url.password:
            raise ValueError("give scheme, host and port only, for example https://studio.example.com")
        return str(url).rstrip("/")

    @field_validator("mongodb_database")
    @classmethod
    def _is_not_the_servers_own(cls, value: str) -> str:
        if value in ("admin", "config", "local"):
            raise ValueError(f"{value} is a database of MongoDB's own, which has no transactions")
        return value

    @field_validator("image_servers", "sign_in_providers")
    @classmethod
    def _have_names_of_their_own(cls, value: tuple[_Named, ...]) -> tuple[_Named, ...]:
        names = [one.name for one in value]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"{twice[0]} is the name of two entries")
        return value

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
    def provider(self) -> ProviderName | None:
        """Who makes the images where nobody chooses: the first that is configured, else the sandbox, else nobody."""
        return next(iter(self.endpoints), None)

    @property
    def endpoints(self) -> Mapping[ProviderName, Endpoint]:
        """Every provider that can be called. The sandbox is there only where no real one is."""
        openai_url = self.openai_base_url or (self.openai_api_key and "https://api.openai.com/v1")
        configured = (
            ("openai", openai_url, self.openai_api_key),
            ("google", self.google_api_key and self.google_base_url, self.google_api_key),
            ("fal", self.fal_key and self.fal_base_url, self.fal_key),
            ("replicate", self.replicate_api_token and self.replicate_base_url, self.replicate_api_token),
            ("stability", self.stability_api_key and self.stability_base_url, self.stability_api_key),
            ("forge", self.built_in_forge_api_url, self.built_in_forge_api_key),
        )
        real = {name: Endpoint(url=url, key=key) for name, url, key in configured if url}
        real |= {server.name: server.endpoint for server in self.image_servers}
        if real or self.sandbox_url is None:
            return real
        return {"sandbox": Endpoint(url=self.sandbox_url)}

    @property
    def bucket_endpoint(self) -> str | None:
        """Where the bucket's S3 API is."""
        if self.r2_endpoint_url:
            return self.r2_endpoint_url
        return f"https://{self.r2_account_id}.r2.cloudflarestorage.com" if self.r2_account_id else None

    @property
    def secrets(self) -> Sequence[str]:
        """What nobody may ever read in a log or an answer."""
        kept = [value for _, value in self if isinstance(value, SecretStr)]
        kept += self.approval_keys
        kept += [server.api_key for server in self.image_servers if server.api_key is not None]
        kept += [provider.client_secret for provider in self.sign_in_providers if provider.client_secret is not None]
        values = [secret.get_secret_value() for secret in kept]
        password = re.match(r"[^:]+://[^:@]*:(.+)@", self.mongodb_uri.get_secret_value()) if self.mongodb_uri else None
        return [*values, password[1], unquote(password[1])] if password else values

    @property
    def spool_dir(self) -> Path:
        """Where paid answers wait for the bucket."""
        return self.data_dir / "spool"

    @property
    def rates_database(self) -> str:
        """The database of the rate counters, which are apart from everything that matters."""
        return f"{self.mongodb_database}_limits"

    @property
    def limits(self) -> Limits:
        """The ceilings of the spend limits in micro-dollars, and the limits of providers where nobody set others."""
        return Limits(
            daily_micros=round(self.daily_budget_usd * MICROS_PER_USD),
            daily_per_user_micros=round(self.daily_budget_per_user_usd * MICROS_PER_USD),
            per_image_micros=round(self.max_cost_per_image_usd * MICROS_PER_USD),
            providers=tuple(
                ProviderLimits(
                    provider=name,
                    concurrency=each.concurrency,
                    per_minute=each.per_minute,
                    daily_micros=None
                    if each.daily_budget_usd is None
                    else round(each.daily_budget_usd * MICROS_PER_USD),
                )
                for name, each in self.provider_limits.items()
            ),
        )

    @property
    def text_limits(self) -> TextLimits:
        """Return the budgets of prompt suggestions in micro-dollars."""
        return TextLimits(
            daily_micros=round(self.text_budget_usd * MICROS_PER_USD),
            per_user_micros=round(self.text_budget_per_user_usd * MICROS_PER_USD),
        )

    @property
    def has_sign_in(self) -> bool:
        """Whether people are told apart; else there is one local admin, on this machine only."""
        return bool(self.sign_in_providers or self.sign_in_proxy)

    @property
    def login_cookie(self) -> str:
        """The name of the cookie of a sign-in. Browsers take a `__Host-` one from this host by HTTPS only.

        So no other host of the domain can put its own in its place.
        """
        is_https = (self.public_url or "").startswith("https://")
        return f"__Host-{LOGIN_COOKIE}" if is_https else LOGIN_COOKIE

    @property
    def login_rules(self) -> LoginRules:
        """How long a login lasts, and where people come back to."""
        return LoginRules(
            idle=timedelta(minutes=self.sign_in_idle_minutes),
            longest=timedelta(hours=self.sign_in_max_hours),
            public_url=self.public_url or "",
        )

    @property
    def breaker_rules(self) -> BreakerRules:
        """When the breaker of a provider trips."""
        burn = self.burn_limit_usd_per_hour
        return BreakerRules(
            failures=self.breaker_failures,
            burn_micros_per_hour=None if burn is None else round(burn * MICROS_PER_USD),
        )

    def require_safe_exposure(self, host: str) -> None:
        """Raise ConfigurationError where strangers could reach `host` and nobody would ask who they are."""
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

    def require_bucket(self) -> None:
        """Raise ConfigurationError unless the bucket and its public address are configured."""
        self._require(
            {
                "R2_ENDPOINT_URL or R2_ACCOUNT_ID": self.bucket_endpoint,
                "R2_ACCESS_KEY_ID": self.r2_access_key_id,
                "R2_SECRET_ACCESS_KEY": self.r2_secret_access_key,
                "CDN_BASE_URL": self.cdn_base_url,
            }
        )

    def require_database(self) -> str:
        """The database's URI. Raises ConfigurationError where none is configured."""
        self._require({"MONGODB_URI": self.mongodb_uri})
        return self.mongodb_uri.get_secret_value() if self.mongodb_uri else ""

    def require_seal_keys(self) -> SealKeys:
        """Return the keys that approvals are sealed with. Raises ConfigurationError without one."""
        if not self.approval_keys:
            raise ConfigurationError(
                "Set APPROVAL_KEYS: a secret of 32 random characters or more, the same for every process "
                "(`openssl rand -hex 32` makes one)."
            )
        return SealKeys([key.get_secret_value().encode() for key in self.approval_keys])

    @staticmethod
    def _require(values: Mapping[str, object]) -> None:
        missing = [name for name, value in values.items() if not value]
        if missing:
            raise ConfigurationError(f"Set {', '.join(missing)}; or start everything on this machine with `make run`.")


def is_loopback(name: str) -> bool:
    """Whether this host name or address reaches this machine only."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def load_settings(**overrides: Any) -> Settings:
    """Settings from the environment and `.env`; from then on their secrets are hidden wherever something is logged.

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
