"""Logins: the signed-in browsers, and the user of a cookie."""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Collection

from imagegeneration.audit.log import Audit
from imagegeneration.core.actor import Actor
from imagegeneration.core.cache import TTLCache
from imagegeneration.core.errors import NotFound
from imagegeneration.mongo.connection import Connection
from imagegeneration.people.login_store import LoginStore
from imagegeneration.people.people import People
from imagegeneration.people.person import Login, LoginRules, Person, SignedOut

KNOWN_SECONDS = 10.0
"""How long a cookie or a proxy's token is cached: a sign-out, new role or disabled user takes effect within this."""

KNOWN_LOGINS = 10_000
TOUCH_SECONDS = 20.0
"""How often activity is recorded: several times within the shortest idle limit, a minute."""


log = logging.getLogger(__name__)


class Logins:
    """The signed-in browsers. A cookie is random, and only its hash is stored."""

    def __init__(
        self, connection: Connection, store: LoginStore, people: People, audit: Audit, rules: LoginRules
    ) -> None:
        self._connection = connection
        self._logins = store
        self._people = people
        self._audit = audit
        self._rules = rules
        self._known = TTLCache(self._find, KNOWN_SECONDS, KNOWN_LOGINS)
        self._seen = TTLCache(self._see, TOUCH_SECONDS, KNOWN_LOGINS)

    def create(self, person: Person, provider: str, label: str, sid: str | None = None) -> str:
        """Create a login for a user whom the provider vouches for in its session `sid`. Return its cookie.

        `label` is the provider's name in the audit record.
        """
        now = self._connection.now()
        token = secrets.token_urlsafe(32)
        login = Login(
            token_sha256=sha256_of(token),
            person_id=person.person_id,
            provider=provider,
            sid=sid,
            began_at=now,
            seen_at=now,
            ends_at=now + self._rules.longest,
        )
        self._logins.begin(login)
        self._audit.note(person.actor(), "signed-in", person.person_id, f"by {label}")
        return token

    def actor(self, token: str) -> Actor | None:
        """Return the actor of the cookie, or None if it is unknown or its login is over."""
        return self._known.get(sha256_of(token))

    def recall(self, token: str) -> Actor | None:
        """Return the actor of the cookie if it is cached, else None. Never waits."""
        return self._known.peek(sha256_of(token))

    def use(self, token: str) -> None:
        """Record an action of the user. Only that keeps a login from ending as idle; an open page does not."""
        self._seen.get(sha256_of(token))

    def was_used(self, token: str) -> bool:
        """Return whether the activity was recorded recently. Never waits."""
        return self._seen.peek(sha256_of(token)) is True

    def end(self, token: str) -> None:
        """Sign out in this browser."""
        actor = self.actor(token)
        self._logins.end(sha256_of(token))
        self._known.invalidate()
        if actor is not None:
            self._audit.note(actor, "signed-out", actor.user_id, "")

    def end_said(self, provider: str, said: SignedOut) -> Collection[str]:
        """End the logins that a provider's sign-out names. Return the ids of their users."""
        ended = self._end_said(provider, said)
        self._known.invalidate()
        return ended

    def _end_said(self, provider: str, said: SignedOut) -> Collection[str]:
        if said.sid is not None:
            return self._logins.end_session(provider, said.sid)
        person = self._people.find(said.issuer, said.subject or "")
        return [person.person_id] if person and self._logins.end_all(person.person_id, provider) else []

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


def sha256_of(secret: str) -> str:
    """Return the hash under which a secret is stored."""
    return hashlib.sha256(secret.encode()).hexdigest()
