"""Routes of the own account with its rates and credits, and of granting credits, for admins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from imagegeneration.core.roles import Permission, PlanName, Role
from imagegeneration.core.text import Reason
from imagegeneration.core.value import Value
from imagegeneration.money.credit import MAX_GRANT, Balance
from imagegeneration.money.credits import Credits
from imagegeneration.people.api import PersonId
from imagegeneration.people.rate import Standing
from imagegeneration.people.rates import Rates
from imagegeneration.web.answers import documented
from imagegeneration.web.routes import JSON_ONLY, CurrentActor, requires, service

router = APIRouter(tags=["people"])

Balances = Annotated[Credits, service(Credits)]


class Me(Value):
    """The caller with their permissions, rates and credits (null: not metered).

    Without a plan nothing is limited.
    """

    user_id: str
    name: str
    roles: Sequence[Role]
    permissions: Sequence[Permission]
    key: str | None
    plan: PlanName | None
    rates: Sequence[Standing]
    credits: int | None


class GrantBody(Value):
    """The credits to grant (below zero: to take back), and the reason."""

    amount: int = Field(ge=-MAX_GRANT, le=MAX_GRANT)
    reason: Reason


@router.get("/me", responses=documented(401))
@requires("signed-in")
def me(counted: Annotated[Rates, service(Rates)], balances: Balances, actor: CurrentActor) -> Me:
    """Return the caller's own account."""
    return Me(
        user_id=actor.user_id,
        name=actor.name,
        roles=actor.roles,
        permissions=sorted(actor.permissions),
        key=actor.key,
        plan=actor.plan,
        rates=counted.standings(actor),
        credits=balances.balance(actor.user_id),
    )


@router.post("/people/{personId}/credits", dependencies=[JSON_ONLY], responses=documented(401, 404, 409, 415))
@requires("administer")
def grant_credits(body: GrantBody, person_id: PersonId, balances: Balances, actor: CurrentActor) -> Balance:
    """Grant credits, or take some back. A user's images are metered from the first grant on."""
    return balances.grant(actor, person_id, body.amount, body.reason)
