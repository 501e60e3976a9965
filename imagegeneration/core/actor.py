"""Who acts."""

from __future__ import annotations

from contextvars import ContextVar

from imagegeneration.core.roles import Need, Permission, PlanName, Reach, Role, permissions_of
from imagegeneration.core.value import Many, Value

ASKING: ContextVar[str | None] = ContextVar("asking", default=None)
"""The id of the person whose open page asks for what is done now; None where no page does."""


class Actor(Value):
    """The person or program on whose behalf something is done.

    `user_id` is opaque and becomes part of public URLs, so it is never an e-mail address. `key` is the name of
    the API key that was used, and `scopes` what it is narrowed to (None: not narrowed). Without a plan nothing is
    counted: the one local admin has none.
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
        """Whether the actor has what a route or a page asks for."""
        if need in ("nobody", "signed-in"):
            return True
        return need in self.permissions

    @property
    def permissions(self) -> frozenset[Permission]:
        """What the actor's roles give, within the scopes of the key."""
        granted = permissions_of(self.roles)
        return granted if self.scopes is None else granted.intersection(self.scopes)

    @property
    def reach(self) -> Reach:
        """The jobs that exist for this actor: one's own; all that are done for reviewers; everybody's for admins."""
        if self.may("administer"):
            return Reach(user_id=None)
        return Reach(user_id=self.user_id, done_of_all=self.may("review"))

    def may_change(self, owner_id: str) -> bool:
        """Whether the actor may retry and cancel the jobs of `owner_id`."""
        return owner_id == self.user_id or self.may("administer")


LOCAL = Actor(user_id="local", name="Local admin", roles=("admin",))
"""The only actor until sign-in is configured (DESIGN.md, section 4)."""
