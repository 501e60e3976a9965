"""Who may do what: roles, the permissions that they give, and what each route and page asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

from imagegeneration.core.value import Value

Role = Literal["admin", "creator", "reviewer", "operator"]
ROLES: Sequence[Role] = get_args(Role)

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

ROUTES: Mapping[tuple[str, str], Need] = {
    ("GET", "/image/health/live"): "nobody",
    ("GET", "/image/health/ready"): "nobody",
    ("GET", "/image/"): "signed-in",
    ("GET", "/image/docs"): "signed-in",
    ("GET", "/image/static-offline-docs/{file}"): "signed-in",
    ("GET", "/image/openapi.json"): "signed-in",
    ("POST", "/image/enhance-prompt"): "generate",
    ("POST", "/image/execute-prompt"): "generate",
    ("POST", "/image/generate"): "generate",
    ("GET", "/image/status/{jobId}"): "look",
    ("GET", "/image/job-events/{jobId}"): "look",
    ("POST", "/image/estimate"): "generate",
    ("POST", "/image/validate"): "generate",
    ("POST", "/image/compatibility"): "generate",
    ("GET", "/image/providers"): "signed-in",
    ("POST", "/image/fold-prompt"): "generate",
    ("GET", "/image/styles"): "signed-in",
    ("GET", "/image/loras"): "signed-in",
    ("POST", "/image/loras"): "administer",
    ("PATCH", "/image/loras/{name}"): "administer",
    ("DELETE", "/image/loras/{name}"): "administer",
    ("GET", "/image/job-status/{jobId}"): "look",
    ("GET", "/image/job-list"): "look",
    ("GET", "/image/jobs/{jobId}"): "look",
    ("POST", "/image/jobs/{jobId}/retry"): "generate",
    ("POST", "/image/jobs/{jobId}/run-again"): "generate",
    ("POST", "/image/jobs/{jobId}/cancel"): "generate",
    ("POST", "/image/jobs/{jobId}/images/{index}/decision"): "operate",
    ("GET", "/image/operations"): "operate",
    ("POST", "/image/operations/pause"): "operate",
    ("POST", "/image/operations/resume"): "operate",
    ("POST", "/image/operations/test"): "operate",
    ("PUT", "/image/operations/limits"): "operate",
    ("GET", "/image/me"): "signed-in",
    ("GET", "/image/keys"): "signed-in",
    ("POST", "/image/keys"): "signed-in",
    ("POST", "/image/keys/{keyId}/revoke"): "signed-in",
    ("GET", "/image/people"): "administer",
    ("PUT", "/image/people/{personId}"): "administer",
    ("POST", "/image/people/{personId}/credits"): "administer",
    ("GET", "/image/audit"): "administer",
}
"""Every route of the API. The gate refuses what is not in here, so that a new route is closed until it is declared."""

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
