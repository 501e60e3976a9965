"""Routes of operations: the state of the studio, pause and resume, the spend limits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from imagegeneration.core.ids import ProviderName
from imagegeneration.core.text import Reason
from imagegeneration.core.value import MAX_MICROS, SentMoment, Value
from imagegeneration.money.limits import SpendLimits
from imagegeneration.money.money import Limits, LimitsVersion
from imagegeneration.operations.operations import Operations
from imagegeneration.operations.state import OperationsState
from imagegeneration.providers.breaker import EVERYTHING, Breaker, PausedScope
from imagegeneration.providers.checks import Checks
from imagegeneration.providers.health import Tested
from imagegeneration.providers.pauses import Pauses
from imagegeneration.web.answers import documented
from imagegeneration.web.routes import JSON_ONLY, CurrentActor, requires, service

router = APIRouter(tags=["operations"])

State = Annotated[Operations, service(Operations)]
PauseService = Annotated[Pauses, service(Pauses)]


class PauseBody(Value):
    """A request to pause `everything`, `provider:NAME` or `model:NAME`, with the reason."""

    scope: PausedScope = EVERYTHING
    reason: Reason


class ResumeBody(PauseBody):
    """A request to end the pause that began at `pausedAt`, as the list of breakers shows it."""

    paused_at: SentMoment


class TestBody(Value):
    """A request to test a provider, with the reason."""

    provider: ProviderName
    reason: Reason


class LimitsBody(Value):
    """Limits to be set. `version` is the version that the operator looked at, 0 if there was none."""

    version: int = Field(ge=0, le=MAX_MICROS)
    limits: Limits
    reason: Reason


@router.get("/operations", responses=documented())
@requires("operate")
def operations_state(state: State, actor: CurrentActor) -> OperationsState:
    """Return runners, queue, images that wait or need a decision, breakers, today's budget and limits."""
    return state.state(actor)


@router.post("/operations/pause", dependencies=[JSON_ONLY], responses=documented(409, 415))
@requires("operate")
def pause(body: PauseBody, pauses: PauseService, state: State, actor: CurrentActor) -> Sequence[Breaker]:
    """Start no further call. Calls in flight finish. Approvals wait; those of a paused model are refused."""
    pauses.pause(actor, body.scope, body.reason)
    return state.breakers(actor)


@router.post("/operations/resume", dependencies=[JSON_ONLY], responses=documented(409, 415))
@requires("operate")
def resume(body: ResumeBody, pauses: PauseService, state: State, actor: CurrentActor) -> Sequence[Breaker]:
    """End a pause, whatever its cause."""
    pauses.resume(actor, body.scope, body.reason, paused_at=body.paused_at)
    return state.breakers(actor)


@router.post("/operations/test", dependencies=[JSON_ONLY], responses=documented(415))
@requires("operate")
def test_provider(body: TestBody, checks: Annotated[Checks, service(Checks)], actor: CurrentActor) -> Tested:
    """Ask a provider now whether it works. If it paused itself, the next call is let through as a test."""
    return checks.test(actor, body.provider, body.reason)


@router.put("/operations/limits", dependencies=[JSON_ONLY], responses=documented(409, 415))
@requires("operate")
def change_limits(
    body: LimitsBody, limits: Annotated[SpendLimits, service(SpendLimits)], actor: CurrentActor
) -> LimitsVersion:
    """Set the spend limits, at most the ceilings of the environment."""
    return limits.change(actor, body.limits, version=body.version, reason=body.reason)
