"""OpenID Connect: the only package that imports authlib and joserfc. docs/sign-in.md says what of it is understood."""

from imagegeneration.people.oidc.client import OidcClient
from imagegeneration.people.oidc.proxy import ProxyTokens

__all__ = ["OidcClient", "ProxyTokens"]
