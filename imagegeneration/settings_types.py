"""The types of settings: the values that a variable may have."""

from __future__ import annotations

import ipaddress
from typing import Annotated, TypeVar

from pydantic import (
    AfterValidator,
    AnyHttpUrl,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    TypeAdapter,
    field_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_settings import NoDecode

from imagegeneration.core.credential import Key, usable_key
from imagegeneration.jobs.seal import KEY_MIN
from imagegeneration.money.money import MAX_PER_MINUTE
from imagegeneration.people.sign_in import SignInProvider
from imagegeneration.providers.endpoint import ImageField

VENDORS = ("openai", "google", "fal", "replicate", "stability", "forge", "midjourney", "sandbox")
"""The names of the built-in providers."""

_URL: TypeAdapter[AnyHttpUrl] = TypeAdapter(AnyHttpUrl)


def _http_url(value: str) -> str:
    _URL.validate_python(value)
    return value.rstrip("/")


def _origin(value: str) -> str:
    """Return the address as browsers write it, lower case and without a default port. It must not have a path."""
    url = _URL.validate_python(value)
    if url.path not in (None, "/") or url.query or url.fragment or url.username or url.password:
        raise ValueError("give scheme, host and port only, for example https://studio.example.com")
    return str(url).rstrip("/")


def _networks(value: object) -> object:
    if not isinstance(value, str):
        return value
    return tuple(str(ipaddress.ip_network(part.strip())) for part in value.split(","))


def _separated(value: object) -> object:
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple):
        return parts
    return tuple(key for key in map(usable_key, parts) if key is not None)


def _long(value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    if any(len(key.get_secret_value()) < KEY_MIN for key in value):
        raise ValueError(f"each key needs {KEY_MIN} characters or more")
    return value


def _not_the_servers_own(value: str) -> str:
    if value in ("admin", "config", "local"):
        raise ValueError(f"{value} is a database of MongoDB's own, which has no transactions")
    return value


Usd = Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)]

Url = Annotated[str, AfterValidator(_http_url)]
"""An http or https address without a slash at its end."""

Origin = Annotated[str, AfterValidator(_origin)]

Networks = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_networks)]
"""Addresses and networks, separated by commas: `10.0.0.1,192.168.0.0/24`."""

SealKeyTexts = Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_separated), AfterValidator(_long)]
"""Keys, separated by commas."""

DatabaseName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,38}$"), AfterValidator(_not_the_servers_own)]


class ImageServer(BaseModel):
    """An operator's server that speaks OpenAI's images API. `name` is its provider in the catalog.

    `left_out` are fields that it refuses.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")
    base_url: AnyHttpUrl
    api_key: Key = None
    left_out: tuple[ImageField, ...] = ()

    @field_validator("name")
    @classmethod
    def _is_its_own(cls, name: str) -> str:
        if name in VENDORS:
            raise ValueError(f"{name} is the name of a provider of its own")
        return name


class ProviderLimitSetting(BaseModel):
    """The limits of a provider over all runners, until an operator sets others at run time."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True)

    concurrency: int | None = Field(default=None, ge=1, le=256)
    per_minute: int | None = Field(default=None, ge=1, le=MAX_PER_MINUTE)
    daily_budget_usd: Usd | None = None


Named = TypeVar("Named", ImageServer, SignInProvider)


def _named_once(value: tuple[Named, ...]) -> tuple[Named, ...]:
    names = [one.name for one in value]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{twice[0]} is the name of two entries")
    return value


ImageServers = Annotated[tuple[ImageServer, ...], AfterValidator(_named_once)]
SignInProviders = Annotated[tuple[SignInProvider, ...], AfterValidator(_named_once)]
