"""A client of one OpenID provider: sign-in by code flow with PKCE, state and nonce, and back-channel logout.

Everything that the provider signs is verified against its key set, with asymmetric signatures only.
"""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus

from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import OctKey

from imagegeneration.core.errors import ConfigurationError, SignInFailed
from imagegeneration.people.oidc.claims import NAMES, identity_of, merged
from imagegeneration.people.oidc.documents import ask, printable
from imagegeneration.people.oidc.keys import UNREADABLE, Keys
from imagegeneration.people.oidc.metadata import ASSERTION_ALG, Metadata
from imagegeneration.people.person import Identity, SignedOut
from imagegeneration.people.sign_in import SignInProvider

LEEWAY_SECONDS = 60

_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_LOGOUT = "http://schemas.openid.net/event/backchannel-logout"


class OidcClient:
    """A client of one configured provider."""

    def __init__(self, provider: SignInProvider) -> None:
        self.provider = provider
        self._metadata = Metadata(provider)
        self._keys = Keys(lambda: self._metadata.endpoint("jwks_uri"), provider.label)
        rules = [rule for rules in provider.roles.values() for rule in rules]
        by_group = any(rule.startswith("group:") for rule in rules)
        by_address = any(not rule.startswith("group:") for rule in rules)
        self._needed = {provider.groups_claim} if by_group else set()
        self._needed |= {"email", "email_verified"} if by_address else set()

    def check(self) -> None:
        """Check that users can sign in. Raises SignInFailed if the metadata cannot be read.

        Raises ConfigurationError, one line, if the provider supports no way of signing in that this client knows.
        """
        self._metadata.get()
        try:
            self._metadata.require_query()
            self._metadata.method()
        except SignInFailed as error:
            raise ConfigurationError(f"SIGN_IN_PROVIDERS: {error.reason}") from None

    def address(self, redirect_uri: str, *, state: str, nonce: str, verifier: str) -> str:
        """Return the address to sign in at. Raises SignInFailed if the provider does not answer."""
        self._metadata.require_query()
        return str(
            prepare_grant_uri(
                self._metadata.endpoint("authorization_endpoint"),
                self.provider.client_id,
                "code",
                redirect_uri,
                self._metadata.scope(),
                state,
                nonce=nonce,
                code_challenge=create_s256_code_challenge(verifier),
                code_challenge_method="S256",
            )
        )

    def check_answer(self, answer: Mapping[str, str]) -> str:
        """Return the code in the answer that the browser brought back.

        Raises SignInFailed for an error of the provider, and for an answer that names another issuer (RFC 9207).
        """
        label, issuer = self.provider.label, answer.get("iss")
        names_itself = self._metadata.get().get("authorization_response_iss_parameter_supported") is True
        if (issuer is not None or names_itself) and issuer != self._metadata.get()["issuer"]:
            raise SignInFailed(f"The answer does not come from {label}.", detail="iss of another provider")
        if "error" in answer:
            raise SignInFailed(f"{label} did not let you in.", detail=printable(answer["error"]))
        if not answer.get("code"):
            raise SignInFailed(f"{label} did not say who signed in.", detail="no code")
        return answer["code"]

    def identity(self, redirect_uri: str, code: str, *, nonce: str, verifier: str) -> Identity:
        """Return the identity behind the code. Raises SignInFailed if the provider's answers are invalid."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        label, endpoint = self.provider.label, self._metadata.endpoint("token_endpoint")
        headers, shown = self._authentication(endpoint)
        reply = ask(label, endpoint, headers={"Accept": "application/json", **headers}, form=form | shown)
        token = reply.document(label)
        if not isinstance(token.get("id_token"), str):
            raise SignInFailed(f"{label} did not say who signed in.", detail="no id_token")
        return identity_of(self._completed(self._read(token, nonce), token), self.provider.groups_claim)

    def signed_out(self, token: str) -> SignedOut:
        """Return whom a logout token signs out (OpenID Connect Back-Channel Logout 1.0). Raises SignInFailed."""
        try:
            claims = self._keys.decode(token).claims
            jwt.JWTClaimsRegistry(
                leeway=LEEWAY_SECONDS,
                iss={"essential": True, "value": self._metadata.get()["issuer"]},
                aud={"essential": True, "value": self.provider.client_id},
                iat={"essential": True},
                exp={"essential": True},
                jti={"essential": True},
            ).validate(claims)
            is_logout = isinstance(claims["events"][_LOGOUT], dict) and "nonce" not in claims
            subject, sid = claims.get("sub"), claims.get("sid")
        except UNREADABLE as error:
            raise self._unverified(error) from error
        if not is_logout or not (isinstance(subject, str) or isinstance(sid, str)):
            raise self._unverified(ValueError("not a logout token"))
        return SignedOut(
            issuer=claims["iss"],
            subject=subject if isinstance(subject, str) else None,
            sid=sid if isinstance(sid, str) else None,
        )

    def _read(self, token: dict[str, Any], nonce: str) -> dict[str, Any]:
        issuer, client_id = self._metadata.get()["issuer"], self.provider.client_id
        try:
            decoded = self._keys.decode(token["id_token"])
            named = decoded.header["alg"]
            claims = CodeIDToken(
                decoded.claims,
                decoded.header | {"alg": "EdDSA" if named == "Ed25519" else named},  # authlib's only name for it
                {"iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": client_id}},
                {"nonce": nonce, "client_id": client_id, "access_token": token.get("access_token")},
            )
            claims.validate(leeway=LEEWAY_SECONDS)
        except UNREADABLE as error:
            raise self._unverified(error) from error
        return dict(decoded.claims)

    def _completed(self, claims: dict[str, Any], token: dict[str, Any]) -> dict[str, Any]:
        """Return the claims, completed from the provider's UserInfo endpoint."""
        endpoint, access_token = self._metadata.get().get("userinfo_endpoint"), token.get("access_token")
        is_complete = self._needed <= claims.keys() and any(claims.get(name) for name in NAMES)
        if not is_complete and isinstance(endpoint, str) and isinstance(access_token, str):
            claims = merged(claims, self._userinfo(endpoint, access_token, claims.get("sub")))
        elsewhere = claims.get("_claim_names")
        if isinstance(elsewhere, dict) and self._needed & elsewhere.keys() - claims.keys():
            raise SignInFailed(
                f"{self.provider.label} did not send your groups.",
                resolution="Ask an administrator to let the provider send only the groups of this application.",
                detail="the groups are too many for the token, so they are only named in _claim_names",
            )
        return claims

    def _userinfo(self, endpoint: str, access_token: str, subject: object) -> dict[str, Any]:
        label = self.provider.label
        reply = ask(label, endpoint, headers={"Authorization": f"Bearer {access_token}"})
        if reply.status == 200 and reply.content_type.startswith("application/jwt"):
            try:
                said = dict(self._keys.decode(reply.body.decode()).claims)
                jwt.JWTClaimsRegistry(
                    leeway=LEEWAY_SECONDS,
                    iss={"value": self._metadata.get()["issuer"]},
                    aud={"value": self.provider.client_id},
                ).validate(said)  # each claim if it is present: else a document signed for another client would pass
            except UNREADABLE as error:
                raise self._unverified(error) from error
        else:
            said = reply.document(label)
        if said.get("sub") != subject:  # else the claims of another user could be mixed in
            raise SignInFailed(f"{label} did not say who signed in.", detail="userinfo is about another sub")
        return said

    def _authentication(self, endpoint: str) -> tuple[dict[str, str], dict[str, str]]:
        """Return the headers and fields that authenticate the client, in a way that the provider supports."""
        client_id, secret = self.provider.client_id, self.provider.client_secret
        method = self._metadata.method()
        shown = secret.get_secret_value() if secret else ""
        if method == "client_secret_basic":
            pair = f"{quote_plus(client_id)}:{quote_plus(shown)}"  # RFC 6749, section 2.3.1
            return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}, {}
        if method == "client_secret_post":
            return {}, {"client_id": client_id, "client_secret": shown}
        if method == "client_secret_jwt":
            return {}, {"client_assertion_type": _ASSERTION, "client_assertion": _assertion(client_id, shown, endpoint)}
        return {}, {"client_id": client_id}

    def _unverified(self, error: Exception) -> SignInFailed:
        return SignInFailed(f"What {self.provider.label} signed could not be verified.", detail=str(error)[:200])


def _assertion(client_id: str, secret: str, endpoint: str) -> str:
    """Return the client's signed assertion (OpenID Connect Core, section 9)."""
    now = int(time.time())
    claims = {"iss": client_id, "sub": client_id, "aud": endpoint, "iat": now, "exp": now + LEEWAY_SECONDS}
    return jwt.encode({"alg": ASSERTION_ALG}, claims | {"jti": secrets.token_urlsafe(16)}, OctKey.import_key(secret))
