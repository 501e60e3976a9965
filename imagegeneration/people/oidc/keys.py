"""The key set of a signer, and the verification of its tokens."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from joserfc import jwt
from joserfc.errors import BadSignatureError, InvalidKeyIdError, JoseError
from joserfc.jwk import JWKRegistry, KeySet
from joserfc.jws import JWSRegistry

from imagegeneration.core.errors import SignInFailed
from imagegeneration.people.oidc.documents import Shared, ask

ALGORITHMS = [
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
]
"""Accepted signatures. They exclude all that a client secret, or no key at all, could make."""

KEPT_SECONDS = 3600.0
"""How long keys are cached: a key that the signer withdraws is refused after this time."""

KEYS_SECONDS = 30.0
"""How soon keys may be fetched again for a token that no known key signed, because any client can send one."""

UNREADABLE = (JoseError, ValueError, KeyError, TypeError, AttributeError)
"""The errors that reading a token can raise, because any client can write one."""

_ALGORITHMS = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)

log = logging.getLogger(__name__)


class Keys:
    """The key set at an address. It is fetched on demand, and again for a token that no known key signed."""

    def __init__(self, url: Callable[[], str], label: str) -> None:
        self._url = url
        self._label = label
        self._known = Shared(self._fetch, KEPT_SECONDS)

    def decode(self, token: str) -> jwt.Token:
        """Return the token with its signature verified. Raises one of UNREADABLE, or SignInFailed without keys."""
        try:
            return jwt.decode(token, key=self._known.get(), registry=_ALGORITHMS)
        except (InvalidKeyIdError, BadSignatureError):  # a signer without key ids replaces its key under the same name
            return jwt.decode(token, key=self._known.get(older_than=KEYS_SECONDS), registry=_ALGORITHMS)

    def _fetch(self) -> KeySet:
        listed = ask(self._label, self._url()).document(self._label).get("keys")
        if not isinstance(listed, list):
            raise SignInFailed(f"{self._label} does not answer as it should.", detail="it has no key set")
        return KeySet([key for key in map(_usable, listed) if key is not None])


def _usable(described: Any) -> Any:
    """Return the key, or None if its kind is unknown or not for signatures."""
    try:
        return JWKRegistry.import_key(described) if described.get("use", "sig") == "sig" else None
    except UNREADABLE as error:
        log.info("A key of a sign-in provider is passed over: %s", type(error).__name__)
        return None
