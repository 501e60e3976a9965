"""Routes of people: who one is, and, for admins, everybody else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import Field

from imagegeneration.api.answers import documented
from imagegeneration.api.dependencies import JSON_ONLY, CurrentActor, CurrentStudio
from imagegeneration.core.roles import Permission, Role
from imagegeneration.core.text import Reason
from imagegeneration.core.value import MAX_MICROS, Many, Value
from imagegeneration.money.credit import MAX_GRANT, Balance
from imagegeneration.people.person import Person
from imagegeneration.people.plan import PlanName
from imagegeneration.people.rate import Standing

router = APIRouter(tags=["people"])

PersonId = Annotated[str, Path(alias="personId", min_length=1, max_length=64)]


class Me(Value):
    """Who asks, what they may do here, where their rates stand, and their credits (null: not metered).

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


class PersonBody(Value):
    """What a person may do. `roles` null: those that follow from the configuration; `plan` null: it stays.

    `version` as it was looked at.
    """

    version: int = Field(ge=0, le=MAX_MICROS)
    roles: Many[Role] | None
    is_disabled: bool
    plan: PlanName | None = None
    reason: Reason


class GrantBody(Value):
    """How many credits a person gets (below zero: they are taken back), and why."""

    amount: int = Field(ge=-MAX_GRANT, le=MAX_GRANT)
    reason: Reason


@router.get("/me", responses=documented(401))
def me(studio: CurrentStudio, actor: CurrentActor) -> Me:
    """Who asks."""
    return Me(
        user_id=actor.user_id,
        name=actor.name,
        roles=actor.roles,
        permissions=sorted(actor.permissions),
        key=actor.key,
        plan=actor.plan,
        rates=studio.rates.standings(actor),
        credits=studio.credits.balance(actor.user_id),
    )


@router.get("/people", responses=documented(401))
def people(
    studio: CurrentStudio,
    after: Annotated[
        str | None, Query(max_length=64, description="The id of the last person of the page before.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> Sequence[Person]:
    """Everybody who has signed in, by name."""
    return studio.people.page(after, limit)


@router.put("/people/{personId}", dependencies=[JSON_ONLY], responses=documented(401, 404, 409, 415))
def change_person(body: PersonBody, person_id: PersonId, studio: CurrentStudio, actor: CurrentActor) -> Person:
    """Set roles and plan, or disable; it works on open pages within a minute."""
    return studio.people.change(
        actor,
        person_id,
        version=body.version,
        roles=body.roles,
        is_disabled=body.is_disabled,
        plan=body.plan,
        reason=body.reason,
    )


@router.post("/people/{personId}/credits", dependencies=[JSON_ONLY], responses=documented(401, 404, 409, 415))
def grant_credits(body: GrantBody, person_id: PersonId, studio: CurrentStudio, actor: CurrentActor) -> Balance:
    """Grant credits, or take some back; from the first grant on the person's images are metered."""
    return studio.credits.grant(actor, person_id, body.amount, body.reason)
