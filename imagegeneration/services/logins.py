"""Signing in and out, and who is behind a cookie."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from imagegeneration.domain.actor import Actor
from imagegeneration.domain.person import SIGN_IN_SECONDS, Identity, Login, LoginRules, Person, roles_of
from imagegeneration.errors import NotFound, SignInFailed
from imagegeneration.oidc import OidcClient, ProxyTokens
from imagegeneration.services.audit import Audit
from imagegeneration.services.people import People
from imagegeneration.services.recent import RecentOf
from imagegeneration.store import Stores
from imagegeneration.store.logins import SignInAttempt

KNOWN_SECONDS = 10.0
"""How long what is known of a cookie counts: signing out, a role, a disabled person reach every page within this."""

KNOWN_LOGINS = 10_000
KNOWN_TOKENS = 1000
LONGEST_TOKEN = 8192
"""Of a reverse proxy, in characters: more is no token."""

TOUCH_SECONDS = 20.0
"""How often it is written down that somebody is there: several times within the shortest idle limit, a minute."""


@dataclass(frozen=True)
class Begun:
    """A sign-in that was begun: where the person is sent, and what the browser keeps meanwhile."""

    address: str
    state: str


class Logins:
    """The browsers in which somebody is signed in. A cookie is random, and only its hash is stored."""

    def __init__(
        self,
        stores: Stores,
        people: People,
        audit: Audit,
        clients: Mapping[str, OidcClient],
        proxy: ProxyTokens | None,
        rules: LoginRules,
    ) -> None:
        self._connection = stores.connection
        self._logins = stores.logins
        self._people = people
        self._audit = audit
        self._clients = clients
        self._proxy = proxy
        self._rules = rules
        self._known = RecentOf(self._find, KNOWN_SECONDS, KNOWN_LOGINS)
        self._vouched = RecentOf(self._find_vouched, KNOWN_SECONDS, KNOWN_TOKENS)
        self._seen = RecentOf(self._see, TOUCH_SECONDS, KNOWN_LOGINS)

    def providers(self) -> Sequence[tuple[str, str]]:
        """The name and the label of each provider that people can sign in with."""
        return [(name, client.provider.label) for name, client in self._clients.items()]

    def begin(self, provider: str, next_page: str) -> Begun:
        """Send a person to a provider; `next_page` is a path of ours to come back to. Raises NotFound, SignInFailed."""
        client = self._client(provider)
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        verifier += secrets.token_urlsafe(16)
        address = client.address(self._redirect_uri(provider), state=state, nonce=nonce, verifier=verifier)
        attempt = SignInAttempt(
            state_sha256=_sha256(state),
            provider=provider,
            nonce=nonce,
            verifier=verifier,
            next=next_page,
            began_at=self._connection.now(),
        )
        self._logins.expect(attempt)
        return Begun(address, state)

    def finish(self, provider: str, *, state: str, kept_state: str, code: str) -> tuple[str, str]:
        """The cookie of the new login, and the path to go to. A state serves once, in the browser that began it.

        Raises SignInFailed (IMG_010).
        """
        if not secrets.compare_digest(state.encode(), kept_state.encode()):
            raise SignInFailed("The sign-in was begun in another browser, or too long ago.")
        now = self._connection.now()
        attempt = self._logins.take(_sha256(state), now - timedelta(seconds=SIGN_IN_SECONDS))
        if attempt is None or attempt.provider != provider:
            raise SignInFailed("The sign-in was begun in another browser, or too long ago.")
        client = self._client(provider)
        identity = client.identity(self._redirect_uri(provider), code, nonce=attempt.nonce, verifier=attempt.verifier)
        person = self._people.signed_in(identity, client.provider.roles)
        return self.enter(person, provider), attempt.next

    def enter(self, person: Person, provider: str) -> str:
        """The cookie of a new login of a person whom the provider vouches for."""
        now = self._connection.now()
        token = secrets.token_urlsafe(32)
        login = Login(
            token_sha256=_sha256(token),
            person_id=person.person_id,
            provider=provider,
            began_at=now,
            seen_at=now,
            ends_at=now + self._rules.longest,
        )
        self._logins.begin(login)
        self._audit.note(person.actor(), "signed-in", person.person_id, f"by {self._client(provider).provider.label}")
        return token

    def actor(self, token: str) -> Actor | None:
        """Who is behind the cookie; None if nobody is, or not any more."""
        return self._known.get(_sha256(token))

    def vouched(self, token: str) -> Actor | None:
        """Whom the token of the reverse proxy is about; None for one that proves nothing, or nobody who may come in."""
        return self._vouched.get(token) if len(token) <= LONGEST_TOKEN else None

    def recall_vouched(self, token: str) -> Actor | None:
        """As `vouched`, if that was found out just now: no look, so no wait."""
        return self._vouched.recall(token)

    def recall(self, token: str) -> Actor | None:
        """Who is behind the cookie, if that was found out just now: no look, so no wait."""
        return self._known.recall(_sha256(token))

    def use(self, token: str) -> None:
        """Somebody is there who does something: only that keeps a login from ending as idle, not an open page."""
        self._seen.get(_sha256(token))

    def was_used(self, token: str) -> bool:
        """Whether that was written down just now: no write, so no wait."""
        return self._seen.recall(_sha256(token)) is True

    def end(self, token: str) -> None:
        """Sign out in this browser."""
        actor = self.actor(token)
        self._logins.end(_sha256(token))
        self._known.clear()
        if actor is not None:
            self._audit.note(actor, "signed-out", actor.user_id, "")

    def _find_vouched(self, token: str) -> Actor | None:
        if self._proxy is None:
            return None
        try:
            person = self._person_vouched(self._proxy, self._proxy.identity(token))
        except SignInFailed:
            return None
        return person.actor() if person.may_enter else None

    def _person_vouched(self, proxy: ProxyTokens, identity: Identity) -> Person:
        """The person; a sign-in, on record, when what the token says is new or nobody was there for long."""
        known = self._people.find(identity)
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
