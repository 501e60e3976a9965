"""OpenID Connect: sends a person to a provider and reads who came back. The only module that imports authlib.

Code flow with PKCE, state and nonce; the identity token is verified against the provider's key set, with
asymmetric signatures only. The same goes for the tokens of a reverse proxy that signs people in.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx2
from authlib.integrations.httpx_client import OAuth2Client, OAuthError
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from imagegeneration.domain.person import Identity
from imagegeneration.errors import SignInFailed
from imagegeneration.settings import SignInProvider, TrustedProxy

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Signatures that are accepted: none that a client secret, or nobody, could make."""

METADATA_SECONDS = 3600.0
LEEWAY_SECONDS = 60
TIMEOUT_SECONDS = 10.0

KEYS_SECONDS = 30.0
"""How soon keys may be fetched anew for a token that none of them signed: anybody can send such tokens."""

_ALGORITHMS = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
_UNREADABLE = (JoseError, ValueError, KeyError, TypeError, AttributeError)
"""What reading a token can raise: strangers write them."""


class OidcClient:
    """One configured provider."""

    def __init__(self, provider: SignInProvider) -> None:
        self.provider = provider
        self._issuer = str(provider.issuer).rstrip("/")
        self._metadata: tuple[float, dict[str, Any]] | None = None
        self._keys = _Keys(lambda: str(self._metadata_now()["jwks_uri"]), provider.label)

    def address(self, redirect_uri: str, *, state: str, nonce: str, verifier: str) -> str:
        """Where the person is sent to sign in. Raises SignInFailed if the provider does not answer."""
        endpoint = self._metadata_now()["authorization_endpoint"]
        with self._client(redirect_uri) as client:
            address, _ = client.create_authorization_url(endpoint, state=state, nonce=nonce, code_verifier=verifier)
        return str(address)

    def identity(self, redirect_uri: str, code: str, *, nonce: str, verifier: str) -> Identity:
        """Who the code stands for. Raises SignInFailed where the provider, or what it signed, is not as it must be."""
        endpoint = self._metadata_now()["token_endpoint"]
        try:
            with self._client(redirect_uri) as client:
                token = client.fetch_token(endpoint, grant_type="authorization_code", code=code, code_verifier=verifier)
        except (OAuthError, httpx2.HTTPError, ValueError) as error:
            raise SignInFailed(f"{self.provider.label} did not accept the sign-in.") from error
        if not isinstance(token.get("id_token"), str):
            raise SignInFailed(f"{self.provider.label} did not say who signed in.")
        return self._read(token, nonce)

    def _read(self, token: dict[str, Any], nonce: str) -> Identity:
        issuer, client_id = self._metadata_now()["issuer"], self.provider.client_id
        try:
            decoded = self._keys.decode(token["id_token"])
            claims = CodeIDToken(
                decoded.claims,
                decoded.header,
                {"iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": client_id}},
                {"nonce": nonce, "client_id": client_id, "access_token": token.get("access_token")},
            )
            claims.validate(leeway=LEEWAY_SECONDS)
        except _UNREADABLE as error:
            raise SignInFailed(f"What {self.provider.label} signed could not be verified.") from error
        return identity_of(dict(decoded.claims), self.provider.groups_claim)

    def _metadata_now(self) -> dict[str, Any]:
        found = self._metadata
        if found is None or time.monotonic() - found[0] > METADATA_SECONDS:
            metadata = _fetch(f"{self._issuer}/.well-known/openid-configuration", self.provider.label)
            if str(metadata.get("issuer", "")).rstrip("/") != self._issuer:
                raise SignInFailed(f"{self.provider.label} calls itself by another name than is configured.")
            found = self._metadata = (time.monotonic(), metadata)
        return found[1]

    def _client(self, redirect_uri: str) -> OAuth2Client:
        secret = self.provider.client_secret
        return OAuth2Client(
            client_id=self.provider.client_id,
            client_secret=secret.get_secret_value() if secret else None,
            token_endpoint_auth_method="client_secret_basic" if secret else "none",
            scope=self.provider.scope,
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
            timeout=TIMEOUT_SECONDS,
            follow_redirects=False,
            trust_env=False,
        )


class ProxyTokens:
    """The tokens in which a reverse proxy says who it has signed in."""

    def __init__(self, proxy: TrustedProxy) -> None:
        self.label = proxy.label
        self.roles = proxy.roles
        self._groups_claim = proxy.groups_claim
        self._keys = _Keys(lambda: str(proxy.jwks_url), proxy.label)
        self._rules = jwt.JWTClaimsRegistry(
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": proxy.issuer},
            aud={"essential": True, "value": proxy.audience},
            sub={"essential": True},
            exp={"essential": True},
        )

    def identity(self, token: str) -> Identity:
        """Whom a token is about. Raises SignInFailed for one that the proxy has not signed, for us and for now."""
        try:
            claims = self._keys.decode(token).claims
            self._rules.validate(claims)
        except _UNREADABLE as error:
            raise SignInFailed(f"What {self.label} signed could not be verified.") from error
        return identity_of({"email_verified": True, **claims}, self._groups_claim)


class _Keys:
    """The key set at an address, fetched when it is first needed, and anew for a token of a key that is not in it."""

    def __init__(self, url: Callable[[], str], label: str) -> None:
        self._url = url
        self._label = label
        self._lock = threading.Lock()
        self._known: tuple[float, KeySet] | None = None

    def decode(self, token: str) -> jwt.Token:
        """The token, its signature verified. Raises what joserfc raises, and SignInFailed if no keys can be had."""
        try:
            return jwt.decode(token, key=self._keys(older_than=math.inf), registry=_ALGORITHMS)
        except InvalidKeyIdError:
            return jwt.decode(token, key=self._keys(older_than=KEYS_SECONDS), registry=_ALGORITHMS)

    def _keys(self, *, older_than: float) -> KeySet:
        """The keys; fetched anew if they are older than so many seconds."""
        with self._lock:
            if self._known is None or time.monotonic() - self._known[0] > older_than:
                fetched = KeySet.import_key_set({"keys": _fetch(self._url(), self._label)["keys"]})
                self._known = (time.monotonic(), fetched)
            return self._known[1]


def _fetch(url: str, label: str) -> dict[str, Any]:
    try:
        answer = httpx2.get(url, timeout=TIMEOUT_SECONDS, follow_redirects=False, trust_env=False)
        answer.raise_for_status()
        document = answer.json()
    except (httpx2.HTTPError, ValueError) as error:
        raise SignInFailed(f"{label} does not answer.") from error
    if not isinstance(document, dict):
        raise SignInFailed(f"{label} does not answer as it should.")
    return document


def identity_of(claims: dict[str, Any], groups_claim: str) -> Identity:
    """The identity in verified claims; an address counts only if the provider says that it has verified it."""
    email = claims.get("email") if claims.get("email_verified") is True else None
    groups = claims.get(groups_claim)
    name = next((claims[key] for key in ("name", "preferred_username", "email") if claims.get(key)), "Somebody")
    return Identity(
        issuer=str(claims["iss"]),
        subject=str(claims["sub"]),
        email=email if isinstance(email, str) else None,
        name=str(name)[:200],
        groups=tuple(str(group) for group in groups) if isinstance(groups, list) else (),
    )
