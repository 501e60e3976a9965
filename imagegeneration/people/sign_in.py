"""Who signs people in: OpenID providers and a trusted reverse proxy, as they are configured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import AnyHttpUrl, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from imagegeneration.core.credential import Key
from imagegeneration.core.roles import Role


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
    client_secret: Key = None
    scope: str = "openid email profile"
    groups_claim: str = "groups"
    roles: Mapping[Role, Sequence[str]]


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
