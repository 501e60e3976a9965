"""The actor of a request."""

from __future__ import annotations

from contextvars import ContextVar

from imagegeneration.core.roles import Need, Permission, PlanName, Reach, Role, permissions_of
from imagegeneration.core.value import Many, Value

ASKING: ContextVar[str | None] = ContextVar("asking", default=None)
"""The id of the user whose open page asks for the current work, or None outside a page."""


class Actor(Value):
    """The user or client on whose behalf something is done.

    `user_id` is opaque and becomes part of public URLs, so it is never an e-mail address. `key` is the name of the API
    key that was used. `scopes` are the permissions the key is narrowed to; None means not narrowed. Without a plan
    nothing is counted; only the local admin has none.
    """

    user_id: str
    name: str = ""
    roles: Many[Role] = ("creator",)
    plan: PlanName | None = None
    key: str | None = None
    key_id: str | None = None
    scopes: Many[Permission] | None = None
    request_id: str | None = None

    def may(self, need: Need) -> bool:
        """Return whether the actor has what a route or a page requires."""
        if need in ("nobody", "signed-in"):
            return True
        return need in self.permissions

    @property
    def permissions(self) -> frozenset[Permission]:
        """Return the permissions of the actor's roles, within the scopes of the key."""
        granted = permissions_of(self.roles)
        return granted if self.scopes is None else granted.intersection(self.scopes)

    @property
    def reach(self) -> Reach:
        """Return the jobs the actor can see: their own; for reviewers also all finished ones; for admins all."""
        if self.may("administer"):
            return Reach(user_id=None)
        return Reach(user_id=self.user_id, done_of_all=self.may("review"))

    def may_change(self, owner_id: str) -> bool:
        """Return whether the actor may retry and cancel the jobs of `owner_id`."""
        return owner_id == self.user_id or self.may("administer")


LOCAL = Actor(user_id="local", name="Local admin", roles=("admin",))
"""The only actor until sign-in is configured (docs/sign-in.md)."""
