"""Sign-in with OpenID providers: from the button to the login, and sign-out by the provider."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from imagegeneration.audit.log import STUDIO, Audit
from imagegeneration.core.errors import NotFound, SignInFailed
from imagegeneration.mongo.connection import Connection
from imagegeneration.people.failed_sign_ins import FailedSignIns
from imagegeneration.people.login_store import LoginStore, SignInAttempt
from imagegeneration.people.logins import Logins, sha256_of
from imagegeneration.people.oidc import OidcClient
from imagegeneration.people.people import People
from imagegeneration.people.person import SIGN_IN_SECONDS, LoginRules
from imagegeneration.people.proxy_sign_in import LONGEST_TOKEN

_NOT_OURS = "The sign-in was begun in another browser, or too long ago."

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Finished:
    """The page to go to, and the cookie of the new login, or None if there is no new login."""

    address: str
    token: str | None = None


class ProviderSignIn:
    """Signs users in and out with the configured providers."""

    def __init__(
        self,
        connection: Connection,
        store: LoginStore,
        logins: Logins,
        people: People,
        audit: Audit,
        failures: FailedSignIns,
        clients: Mapping[str, OidcClient],
        rules: LoginRules,
    ) -> None:
        self._connection = connection
        self._attempts = store
        self._logins = logins
        self._people = people
        self._audit = audit
        self._failures = failures
        self._clients = clients
        self._rules = rules

    def providers(self) -> Sequence[tuple[str, str]]:
        """Return the name and the label of each configured sign-in provider."""
        return [(name, client.provider.label) for name, client in self._clients.items()]

    def check_providers(self) -> None:
        """Log each provider whose metadata cannot be read. Raises ConfigurationError if waiting cannot help."""
        for client in self._clients.values():
            try:
                client.check()
            except SignInFailed as error:
                label = client.provider.label
                log.warning("SIGN_IN_PROVIDERS: sign-in with %s does not work: %s", label, error.reason)

    def start(self, provider: str, next_page: str, browser: str) -> str:
        """Return the provider's address to sign in at; `next_page` is the path to return to.

        `browser` is the cookie of the only browser in which the sign-in can finish. Raises NotFound or SignInFailed.
        """
        client = self._client(provider)
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        verifier += secrets.token_urlsafe(16)
        try:
            address = client.address(self._redirect_uri(provider), state=state, nonce=nonce, verifier=verifier)
        except SignInFailed as error:
            self._failures.record(client.provider.label, error)
            raise
        attempt = SignInAttempt(
            state_sha256=sha256_of(state),
            browser_sha256=sha256_of(browser),
            provider=provider,
            nonce=nonce,
            verifier=verifier,
            next=next_page,
            began_at=self._connection.now(),
        )
        self._attempts.expect(attempt)
        return address

    def complete(self, provider: str, answer: Mapping[str, str], *, browser: str, token: str | None) -> Finished:
        """Complete a sign-in when the user comes back. A state works once, in the browser that began it.

        `token` is the cookie of a login that the browser already has. A callback that is loaded again leads to the
        wanted page, or to the provider again if the browser has no login. Raises SignInFailed (IMG_010).
        """
        now, client = self._connection.now(), self._client(provider)
        since = now - timedelta(seconds=SIGN_IN_SECONDS)
        attempt = self._attempts.take(sha256_of(answer.get("state", "")), sha256_of(browser), since)
        is_signed_in = token is not None and self._logins.actor(token) is not None
        if attempt is None or attempt.provider != provider:
            if is_signed_in:
                return Finished("/")
            log.info("A sign-in with %s was not begun in this browser, or too long ago", client.provider.label)
            raise SignInFailed(_NOT_OURS)
        if attempt.taken_at is not None:
            return Finished(attempt.next if is_signed_in else self.start(provider, attempt.next, browser))
        try:
            identity = client.identity(
                self._redirect_uri(provider),
                client.check_answer(answer),
                nonce=attempt.nonce,
                verifier=attempt.verifier,
            )
            person = self._people.signed_in(identity, client.provider.roles)
        except SignInFailed as error:
            self._failures.record(client.provider.label, error)
            raise
        return Finished(attempt.next, self._logins.create(person, provider, client.provider.label, identity.sid))

    def end_for_provider(self, provider: str, token: str) -> None:
        """End the logins that a provider's logout token names. Raises NotFound, or SignInFailed for an invalid token.

        Keys stay valid, because a user who signs out does not stop their clients.
        """
        client = self._client(provider)
        if len(token) > LONGEST_TOKEN:
            raise SignInFailed(f"What {client.provider.label} signed could not be verified.", detail="too long")
        for person_id in self._logins.end_said(provider, client.signed_out(token)):
            person = self._people.get(person_id)
            self._audit.note(STUDIO, "signed-out", person.person_id, f"{client.provider.label} has ended the session")

    def _client(self, provider: str) -> OidcClient:
        if provider not in self._clients:
            raise NotFound("There is no such sign-in provider.")
        return self._clients[provider]

    def _redirect_uri(self, provider: str) -> str:
        return f"{self._rules.public_url}/auth/callback/{provider}"
