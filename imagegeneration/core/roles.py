"""Who may do what: roles, names of plans, the permissions that they give, and what each route and page asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

from imagegeneration.core.value import Value

Role = Literal["admin", "creator", "reviewer", "operator"]
ROLES: Sequence[Role] = get_args(Role)

PlanName = Literal["free", "basic", "pro", "enterprise"]
"""What a person may do at most (people/plan.py)."""

Permission = Literal["generate", "look", "review", "operate", "administer"]
"""`generate`: prompts, jobs and drafts of one's own. `look`: read one's own jobs, and those one may see. `review`:
see every finished job. `operate`: runners, pauses, limits, images in doubt. `administer`: people, keys, LoRAs,
audit."""

GRANTS: Mapping[Role, frozenset[Permission]] = {
    "admin": frozenset(get_args(Permission)),
    "creator": frozenset({"generate", "look"}),
    "reviewer": frozenset({"look", "review"}),
    "operator": frozenset({"operate"}),
}

Need = Permission | Literal["nobody", "signed-in"]
"""What a route or a page asks for; `nobody`: it is open to strangers."""

PAGES: Mapping[str, Need] = {
    "generate": "generate",
    "jobs": "look",
    "operations": "operate",
    "people": "administer",
    "keys": "signed-in",
    "loras": "administer",
    "audit": "administer",
}
"""Every page, by its address."""


def permissions_of(roles: Sequence[Role]) -> frozenset[Permission]:
    """Everything that these roles give together."""
    return frozenset[Permission]().union(*(GRANTS[role] for role in roles))


class Reach(Value):
    """Whose jobs exist for somebody: one user's (None: everybody's), and with `done_of_all` also all finished ones."""

    user_id: str | None
    done_of_all: bool = False
