"""OpenID Connect, as docs/sign-in.md describes it. The only package that imports authlib and joserfc."""

from imagegeneration.people.oidc.client import OidcClient
from imagegeneration.people.oidc.proxy import ProxyTokens

__all__ = ["OidcClient", "ProxyTokens"]
