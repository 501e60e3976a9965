"""The settings of sign-in: OpenID providers and a trusted reverse proxy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import AnyHttpUrl, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from imagegeneration.core.credential import Key
from imagegeneration.core.roles import Role


class SignInProvider(BaseModel):
    """An OpenID provider: its address, the client's credentials there, and the rules that give roles.

    A rule of `roles` is an address (`ann@example.com`), a domain (`@example.com`) or `group:NAME`. Addresses and
    domains count only if the provider has verified the address. A user without a role may not enter.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True)

    name: str = Field(pattern=r"^[a-z0-9-]{1,32}$")
    label: str = Field(min_length=1, max_length=60)
    issuer: AnyHttpUrl
    client_id: str = Field(min_length=1)
    client_secret: Key = None
    scope: str = "openid email profile"
    groups_claim: str = "groups"
    roles: Mapping[Role, Sequence[str]]


class TrustedProxy(BaseModel):
    """A reverse proxy that signs users in and names them in a signed token (JWT) in the header `header`.

    Only tokens that a key at `jwks_url` has signed for `issuer` and `audience` are accepted, never a bare header.
    `roles` are as for a `SignInProvider`; an address counts unless the token says that it is not verified.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True)

    label: str = Field(min_length=1, max_length=60)
    header: str = Field(pattern=r"^[A-Za-z0-9-]{1,64}$")
    issuer: str = Field(min_length=1)
    audience: str = Field(min_length=1)
    jwks_url: AnyHttpUrl
    groups_claim: str = "groups"
    roles: Mapping[Role, Sequence[str]]
