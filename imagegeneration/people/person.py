"""A user, the identity behind a sign-in, and a login."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Literal

from imagegeneration.core.actor import Actor
from imagegeneration.core.roles import ROLES, PlanName, Role
from imagegeneration.core.value import Many, Moment, Value

LOGIN_COOKIE = "studio_login"
"""The cookie of a signed-in browser."""

SIGN_IN_SECONDS = 600
"""How long a user may take at the provider's page."""


class Identity(Value):
    """The identity that a sign-in provider vouches for. `email` is None unless the provider has verified it.

    `sid` is the provider's own name of the session, or None if it has none.
    """

    issuer: str
    subject: str
    email: str | None
    name: str
    groups: Many[str] = ()
    sid: str | None = None


class SignedOut(Value):
    """A sign-out by the provider: everywhere (`subject`), or in one session of the provider (`sid`)."""

    issuer: str
    subject: str | None
    sid: str | None


class Person(Value):
    """A user: a document of the collection `people`.

    `granted_roles` follow from the configuration at each sign-in. `roles` are those an admin has set and replace them
    (None: not set).
    """

    schema_version: Literal[1] = 1
    person_id: str
    issuer: str
    subject: str
    email: str | None
    name: str
    granted_roles: Many[Role]
    roles: Many[Role] | None = None
    plan: PlanName = "pro"
    is_disabled: bool = False
    version: int = 0
    created_at: Moment
    signed_in_at: Moment

    @property
    def effective_roles(self) -> Sequence[Role]:
        """Return the roles that apply."""
        return self.granted_roles if self.roles is None else self.roles

    @property
    def may_enter(self) -> bool:
        """Return whether the user may enter, by sign-in and by key alike."""
        return not self.is_disabled and bool(self.effective_roles)

    def actor(self) -> Actor:
        """Return the actor for this user."""
        return Actor(user_id=self.person_id, name=self.name, roles=tuple(self.effective_roles), plan=self.plan)


class Login(Value):
    """A signed-in browser: a document of the collection `logins`.

    `token_sha256` is the hash of the cookie, which is not stored itself. `sid` is the provider's name of the session,
    by which the provider ends it.
    """

    schema_version: Literal[1] = 1
    token_sha256: str
    person_id: str
    provider: str
    sid: str | None = None
    began_at: Moment
    seen_at: Moment
    ends_at: Moment


class LoginRules(Value):
    """The longest idle time and the longest duration of a login, and the public address of the studio."""

    idle: timedelta
    longest: timedelta
    public_url: str


RoleRules = Mapping[Role, Sequence[str]]
"""The rules that give roles at sign-in: `ann@example.com`, `@example.com` (verified addresses only), `group:NAME`."""


def roles_of(identity: Identity, rules: RoleRules) -> tuple[Role, ...]:
    """Return the roles that the rules give. A user without any may not enter."""
    known = {f"group:{group}" for group in identity.groups}
    if identity.email is not None:
        address = identity.email.lower()
        known |= {address, address[address.rindex("@") :]} if "@" in address else {address}
    return tuple(
        role for role in ROLES if known & {rule if ":" in rule else rule.lower() for rule in rules.get(role, ())}
    )
