"""The tokens in which a reverse proxy names the user it has signed in."""

from __future__ import annotations

from joserfc import jwt

from imagegeneration.core.errors import SignInFailed
from imagegeneration.people.oidc.claims import identity_of
from imagegeneration.people.oidc.client import LEEWAY_SECONDS
from imagegeneration.people.oidc.keys import UNREADABLE, Keys
from imagegeneration.people.person import Identity
from imagegeneration.people.sign_in import TrustedProxy


class ProxyTokens:
    """A reader of the tokens of one proxy."""

    def __init__(self, proxy: TrustedProxy) -> None:
        self.label = proxy.label
        self.roles = proxy.roles
        self._groups_claim = proxy.groups_claim
        self._keys = Keys(lambda: str(proxy.jwks_url), proxy.label)
        self._rules = jwt.JWTClaimsRegistry(
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": proxy.issuer},
            aud={"essential": True, "value": proxy.audience},
            sub={"essential": True},
            exp={"essential": True},
        )

    def identity(self, token: str) -> Identity:
        """Return the identity in a token. Raises SignInFailed unless the proxy issued it, for this studio and time."""
        try:
            claims = self._keys.decode(token).claims
            self._rules.validate(claims)
        except UNREADABLE as error:
            raise SignInFailed(f"What {self.label} signed could not be verified.", detail=str(error)[:200]) from error
        return identity_of({"email_verified": True, **claims}, self._groups_claim)
