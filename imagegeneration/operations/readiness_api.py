"""Routes of health, for load balancers and supervisors of this process."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from starlette.responses import JSONResponse

from imagegeneration.core.errors import DatabaseDown, StorageFailed
from imagegeneration.core.value import Value
from imagegeneration.operations.readiness import Health
from imagegeneration.web.answers import documented, error_response
from imagegeneration.web.routes import CurrentRequestId, requires, service

router = APIRouter(prefix="/health", tags=["health"])


class Live(Value):
    """The state of a process that answers."""

    status: str


class Ready(Value):
    """The state of a process that can take approvals. `provider` is null while no provider is configured."""

    status: str
    provider: str | None
    runners: int


@router.get("/live", responses=documented())
@requires("nobody")
async def live() -> Live:
    """Return whether the process answers."""
    return Live(status="live")


@router.get("/ready", responses=documented(), response_model=Ready)
@requires("nobody")
async def ready(health: Annotated[Health, service(Health)], request_id: CurrentRequestId) -> Ready | JSONResponse:
    """Return whether database and storage answer; 503 names what is down."""
    runners, problems = await health.look()
    if not problems:
        return Ready(status="ready", provider=health.provider, runners=runners)
    names = " and ".join(sorted(problems))
    error = (DatabaseDown if "database" in problems else StorageFailed)(f"Down: {names}.")
    error.status = 503
    return error_response(error, request_id)
