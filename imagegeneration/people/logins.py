"""Signing in and out, and the user of a cookie."""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from imagegeneration.audit.log import STUDIO, Audit
from imagegeneration.core.actor import Actor
from imagegeneration.core.cache import TTLCache
from imagegeneration.core.errors import NotFound, SignInFailed
from imagegeneration.mongo.connection import Connection
from imagegeneration.people.login_store import LoginStore, SignInAttempt
from imagegeneration.people.oidc import OidcClient, ProxyTokens
from imagegeneration.people.people import People
from imagegeneration.people.person import SIGN_IN_SECONDS, Identity, Login, LoginRules, Person, SignedOut, roles_of
from imagegeneration.people.rates import Rates

KNOWN_SECONDS = 10.0
"""How long a cookie's look-up is cached: a sign-out, new role or disabled user reaches all pages within this."""

KNOWN_LOGINS = 10_000
KNOWN_TOKENS = 1000
LONGEST_TOKEN = 8192
"""The longest token of a reverse proxy, in characters."""

TOUCH_SECONDS = 20.0
"""How often activity is recorded: several times within the shortest idle limit, a minute."""


FAILURE_SECONDS = 3600.0
"""How often the same failed sign-in by the reverse proxy is recorded, because its token comes with each request."""

_NOT_OURS = "The sign-in was begun in another browser, or too long ago."

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Finished:
    """The page to go to, and the cookie of the new login, or None if there is no new login."""

    address: str
    token: str | None = None


class Logins:
    """The signed-in browsers. A cookie is random, and only its hash is stored."""

    def __init__(
        self,
        connection: Connection,
        store: LoginStore,
        people: People,
        audit: Audit,
        rates: Rates,
        clients: Mapping[str, OidcClient],
        proxy: ProxyTokens | None,
        rules: LoginRules,
    ) -> None:
        self._connection = connection
        self._logins = store
        self._people = people
        self._audit = audit
        self._rates = rates
        self._clients = clients
        self._proxy = proxy
        self._rules = rules
        self._known = TTLCache(self._find, KNOWN_SECONDS, KNOWN_LOGINS)
        self._vouched = TTLCache(self._find_vouched, KNOWN_SECONDS, KNOWN_TOKENS)
        self._seen = TTLCache(self._see, TOUCH_SECONDS, KNOWN_LOGINS)
        self._told: TTLCache[str, bool] = TTLCache(lambda _: True, FAILURE_SECONDS, KNOWN_TOKENS)

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

    def begin(self, provider: str, next_page: str, browser: str) -> str:
        """Return the provider's address to sign in at; `next_page` is the path to return to.

        `browser` is the cookie of the only browser in which the sign-in can finish. Raises NotFound or SignInFailed.
        """
        client = self._client(provider)
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        verifier += secrets.token_urlsafe(16)
        try:
            address = client.address(self._redirect_uri(provider), state=state, nonce=nonce, verifier=verifier)
        except SignInFailed as error:
            self._record(client.provider.label, error)
            raise
        attempt = SignInAttempt(
            state_sha256=_sha256(state),
            browser_sha256=_sha256(browser),
            provider=provider,
            nonce=nonce,
            verifier=verifier,
            next=next_page,
            began_at=self._connection.now(),
        )
        self._logins.expect(attempt)
        return address

    def finish(self, provider: str, answer: Mapping[str, str], *, browser: str, token: str | None) -> Finished:
        """Complete a sign-in when the user comes back. A state works once, in the browser that began it.

        `token` is the cookie of a login that the browser already has. A callback that is loaded again leads to the
        wanted page, or to the provider again if the browser has no login. Raises SignInFailed (IMG_010).
        """
        now, client = self._connection.now(), self._client(provider)
        since = now - timedelta(seconds=SIGN_IN_SECONDS)
        attempt = self._logins.take(_sha256(answer.get("state", "")), _sha256(browser), since)
        is_signed_in = token is not None and self.actor(token) is not None
        if attempt is None or attempt.provider != provider:
            if is_signed_in:
                return Finished("/")
            log.info("A sign-in with %s was not begun in this browser, or too long ago", client.provider.label)
            raise SignInFailed(_NOT_OURS)
        if attempt.taken_at is not None:
            return Finished(attempt.next if is_signed_in else self.begin(provider, attempt.next, browser))
        try:
            identity = client.identity(
                self._redirect_uri(provider),
                client.check_answer(answer),
                nonce=attempt.nonce,
                verifier=attempt.verifier,
            )
            person = self._people.signed_in(identity, client.provider.roles)
        except SignInFailed as error:
            self._record(client.provider.label, error)
            raise
        return Finished(attempt.next, self.enter(person, provider, identity.sid))

    def enter(self, person: Person, provider: str, sid: str | None = None) -> str:
        """Create a login for a user whom the provider vouches for in its session `sid`. Return its cookie."""
        now = self._connection.now()
        token = secrets.token_urlsafe(32)
        login = Login(
            token_sha256=_sha256(token),
            person_id=person.person_id,
            provider=provider,
            sid=sid,
            began_at=now,
            seen_at=now,
            ends_at=now + self._rules.longest,
        )
        self._logins.begin(login)
        self._audit.note(person.actor(), "signed-in", person.person_id, f"by {self._client(provider).provider.label}")
        return token

    def end_for_provider(self, provider: str, token: str) -> None:
        """End the logins that a provider's logout token names. Raises NotFound, or SignInFailed for an invalid token.

        Keys stay valid, because a user who signs out does not stop their clients.
        """
        client = self._client(provider)
        if len(token) > LONGEST_TOKEN:
            raise SignInFailed(f"What {client.provider.label} signed could not be verified.", detail="too long")
        ended = self._end_said(provider, client.signed_out(token))
        self._known.invalidate()
        for person_id in ended:
            person = self._people.get(person_id)
            self._audit.note(STUDIO, "signed-out", person.person_id, f"{client.provider.label} has ended the session")

    def _end_said(self, provider: str, said: SignedOut) -> Iterable[str]:
        if said.sid is not None:
            return self._logins.end_session(provider, said.sid)
        person = self._people.find(said.issuer, said.subject or "")
        return [person.person_id] if person and self._logins.end_all(person.person_id, provider) else []

    def _record(self, label: str, error: SignInFailed) -> None:
        """Log a failed sign-in, and write it to the audit record with its reason."""
        log.warning("A sign-in with %s failed: %s", label, error.reason)
        actor = STUDIO if error.about is None else Actor(user_id=error.about, roles=())
        if self._rates.may_record_failed_sign_in():
            self._audit.note(actor, "sign-in.failed", error.about or label, f"{label}: {error.reason}"[:500])

    def actor(self, token: str) -> Actor | None:
        """Return the actor of the cookie, or None if it is unknown or its login is over."""
        return self._known.get(_sha256(token))

    def vouched(self, token: str) -> Actor | None:
        """Return the actor of a reverse proxy's token, or None if it is invalid or the user may not enter."""
        return self._vouched.get(token) if len(token) <= LONGEST_TOKEN else None

    def recall_vouched(self, token: str) -> Actor | None:
        """Return what `vouched` would if it is cached, else None. Never waits."""
        return self._vouched.peek(token)

    def recall(self, token: str) -> Actor | None:
        """Return the actor of the cookie if it is cached, else None. Never waits."""
        return self._known.peek(_sha256(token))

    def use(self, token: str) -> None:
        """Record an action of the user. Only that keeps a login from ending as idle; an open page does not."""
        self._seen.get(_sha256(token))

    def was_used(self, token: str) -> bool:
        """Return whether the activity was recorded recently. Never waits."""
        return self._seen.peek(_sha256(token)) is True

    def end(self, token: str) -> None:
        """Sign out in this browser."""
        actor = self.actor(token)
        self._logins.end(_sha256(token))
        self._known.invalidate()
        if actor is not None:
            self._audit.note(actor, "signed-out", actor.user_id, "")

    def _find_vouched(self, token: str) -> Actor | None:
        if self._proxy is None:
            return None
        try:
            person = self._person_vouched(self._proxy, self._proxy.identity(token))
        except SignInFailed as error:
            self._tell(self._proxy.label, error)
            return None
        return person.actor() if person.may_enter else None

    def _tell(self, label: str, error: SignInFailed) -> None:
        """Report a refused proxy token, once in FAILURE_SECONDS, because the token comes with each request."""
        what = error.about or error.message
        if self._told.peek(what):
            return
        self._told.get(what)
        if error.about is None:
            log.warning("A sign-in with %s failed: %s", label, error.reason)
        else:
            self._record(label, error)

    def _person_vouched(self, proxy: ProxyTokens, identity: Identity) -> Person:
        """Return the user of a proxy's token.

        A sign-in is recorded if the token's facts have changed, or if the last sign-in is longer ago than the idle
        limit.
        """
        known = self._people.find(identity.issuer, identity.subject)
        said = (identity.name, identity.email, roles_of(identity, proxy.roles))
        if (
            known is not None
            and (known.name, known.email, known.granted_roles) == said
            and known.signed_in_at > self._connection.now() - self._rules.idle
        ):
            return known
        person = self._people.signed_in(identity, proxy.roles)
        self._audit.note(person.actor(), "signed-in", person.person_id, f"by {proxy.label}")
        return person

    def _find(self, key: str) -> Actor | None:
        login = self._logins.find(key, self._rules.idle.total_seconds())
        if login is None:
            return None
        try:
            person = self._people.get(login.person_id)
        except NotFound:
            return None
        return person.actor() if person.may_enter else None

    def _see(self, key: str) -> bool:
        self._logins.seen(key, self._rules.idle.total_seconds())
        return True

    def _client(self, provider: str) -> OidcClient:
        if provider not in self._clients:
            raise NotFound("There is no such sign-in provider.")
        return self._clients[provider]

    def _redirect_uri(self, provider: str) -> str:
        return f"{self._rules.public_url}/auth/callback/{provider}"


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
