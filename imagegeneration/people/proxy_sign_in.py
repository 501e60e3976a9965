"""Sign-in by a reverse proxy, which says in a signed token with each request who is signed in."""

from __future__ import annotations

import logging

from imagegeneration.audit.log import Audit
from imagegeneration.core.actor import Actor
from imagegeneration.core.cache import TTLCache
from imagegeneration.core.errors import SignInFailed
from imagegeneration.mongo.connection import Connection
from imagegeneration.people.failed_sign_ins import FailedSignIns
from imagegeneration.people.logins import KNOWN_SECONDS
from imagegeneration.people.oidc import ProxyTokens
from imagegeneration.people.people import People
from imagegeneration.people.person import Identity, LoginRules, Person, roles_of

KNOWN_TOKENS = 1000

LONGEST_TOKEN = 8192
"""The longest token of a reverse proxy, in characters."""

FAILURE_SECONDS = 3600.0
"""How often the same failed sign-in by the reverse proxy is recorded, because its token comes with each request."""

log = logging.getLogger(__name__)


class ProxySignIn:
    """The users whom the proxy vouches for; none without a configured proxy."""

    def __init__(
        self,
        connection: Connection,
        people: People,
        audit: Audit,
        failures: FailedSignIns,
        proxy: ProxyTokens | None,
        rules: LoginRules,
    ) -> None:
        self._connection = connection
        self._people = people
        self._audit = audit
        self._failures = failures
        self._proxy = proxy
        self._rules = rules
        self._vouched = TTLCache(self._find, KNOWN_SECONDS, KNOWN_TOKENS)
        self._told: TTLCache[str, bool] = TTLCache(lambda _: True, FAILURE_SECONDS, KNOWN_TOKENS)

    def actor(self, token: str) -> Actor | None:
        """Return the actor of a reverse proxy's token, or None if it is invalid or the user may not enter."""
        return self._vouched.get(token) if len(token) <= LONGEST_TOKEN else None

    def recall(self, token: str) -> Actor | None:
        """Return what `actor` would if it is cached, else None. Never waits."""
        return self._vouched.peek(token)

    def _find(self, token: str) -> Actor | None:
        if self._proxy is None:
            return None
        try:
            person = self._person(self._proxy, self._proxy.identity(token))
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
            self._failures.record(label, error)

    def _person(self, proxy: ProxyTokens, identity: Identity) -> Person:
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
