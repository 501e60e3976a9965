"""Roles, plan names, the permissions that roles give, and what each page requires."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

from imagegeneration.core.value import Value

Role = Literal["admin", "creator", "reviewer", "operator"]
ROLES: Sequence[Role] = get_args(Role)

PlanName = Literal["free", "basic", "pro", "enterprise"]
"""The name of a user's plan, which bounds their use (people/plan.py)."""

Permission = Literal["generate", "look", "review", "operate", "administer"]
"""What an actor may do.

`generate`: prompts, own jobs and drafts. `look`: read the jobs that the actor can see. `review`: see every finished
job. `operate`: runners, pauses, limits, unclear charges. `administer`: users, keys, LoRAs, audit.
"""

GRANTS: Mapping[Role, frozenset[Permission]] = {
    "admin": frozenset(get_args(Permission)),
    "creator": frozenset({"generate", "look"}),
    "reviewer": frozenset({"look", "review"}),
    "operator": frozenset({"operate"}),
}

Need = Permission | Literal["nobody", "signed-in"]
"""What a route or a page requires; `nobody` means that no sign-in is required."""

PAGES: Mapping[str, Need] = {
    "generate": "generate",
    "jobs": "look",
    "operations": "operate",
    "people": "administer",
    "keys": "signed-in",
    "loras": "administer",
    "audit": "administer",
}
"""Every page by its address, with what it requires."""


def permissions_of(roles: Sequence[Role]) -> frozenset[Permission]:
    """Return all permissions that these roles give together."""
    return frozenset[Permission]().union(*(GRANTS[role] for role in roles))


class Reach(Value):
    """The jobs an actor can see: those of `user_id` (None: all users), and with `done_of_all` all finished ones."""

    user_id: str | None
    done_of_all: bool = False
