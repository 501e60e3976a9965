"""Routes of users, for admins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import Field

from imagegeneration.core.roles import PlanName, Role
from imagegeneration.core.text import Reason
from imagegeneration.core.value import MAX_MICROS, Many, Value
from imagegeneration.people.people import People
from imagegeneration.people.person import Person
from imagegeneration.web.answers import documented
from imagegeneration.web.routes import JSON_ONLY, CurrentActor, requires, service

router = APIRouter(tags=["people"])

Directory = Annotated[People, service(People)]
PersonId = Annotated[str, Path(alias="personId", min_length=1, max_length=64)]


class PersonBody(Value):
    """The permissions of a user, set by an admin.

    `roles` null means those of the configuration; `plan` null means unchanged. `version` is the version the admin saw.
    """

    version: int = Field(ge=0, le=MAX_MICROS)
    roles: Many[Role] | None
    is_disabled: bool
    plan: PlanName | None = None
    reason: Reason


@router.get("/people", responses=documented(401))
@requires("administer")
def people(
    directory: Directory,
    after: Annotated[
        str | None, Query(max_length=64, description="The id of the last person of the page before.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> Sequence[Person]:
    """List all users who have signed in, by name."""
    return directory.page(after, limit)


@router.put("/people/{personId}", dependencies=[JSON_ONLY], responses=documented(401, 404, 409, 415))
@requires("administer")
def change_person(body: PersonBody, person_id: PersonId, directory: Directory, actor: CurrentActor) -> Person:
    """Set a user's roles and plan, or disable the user. Open pages follow within a minute."""
    return directory.change(
        actor,
        person_id,
        version=body.version,
        roles=body.roles,
        is_disabled=body.is_disabled,
        plan=body.plan,
        reason=body.reason,
    )
