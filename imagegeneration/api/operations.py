"""Routes of operations: the state of the studio, pause and resume, the spend limits."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter
from pydantic import Field

from imagegeneration.api.answers import documented
from imagegeneration.api.dependencies import JSON_ONLY, CurrentActor, CurrentStudio
from imagegeneration.core.ids import ProviderName
from imagegeneration.core.text import Reason
from imagegeneration.core.value import MAX_MICROS, SentMoment, Value
from imagegeneration.money.money import Limits, LimitsVersion
from imagegeneration.operations.state import OperationsState
from imagegeneration.providers.breaker import EVERYTHING, Breaker, PausedScope
from imagegeneration.providers.health import Tested

router = APIRouter(tags=["operations"])


class PauseBody(Value):
    """What is paused: `everything`, `provider:NAME` or `model:NAME`; and why."""

    scope: PausedScope = EVERYTHING
    reason: Reason


class ResumeBody(PauseBody):
    """Which pause is ended: the one that began at `pausedAt`, as the breakers tell."""

    paused_at: SentMoment


class TestBody(Value):
    """Which provider is tested, and why."""

    provider: ProviderName
    reason: Reason


class LimitsBody(Value):
    """Limits to be set. `version` is the number of the version that was looked at, 0 if there was none."""

    version: int = Field(ge=0, le=MAX_MICROS)
    limits: Limits
    reason: Reason


@router.get("/operations", responses=documented())
def operations_state(studio: CurrentStudio, actor: CurrentActor) -> OperationsState:
    """Runners, queue, what waits for storage, what was perhaps charged, breakers, today's budget, limits."""
    return studio.operations.state(actor)


@router.post("/operations/pause", dependencies=[JSON_ONLY], responses=documented(409, 415))
def pause(body: PauseBody, studio: CurrentStudio, actor: CurrentActor) -> Sequence[Breaker]:
    """Start no further call; those in flight are finished. Approvals wait; of a paused model none are accepted."""
    studio.pauses.pause(actor, body.scope, body.reason)
    return studio.operations.breakers(actor)


@router.post("/operations/resume", dependencies=[JSON_ONLY], responses=documented(409, 415))
def resume(body: ResumeBody, studio: CurrentStudio, actor: CurrentActor) -> Sequence[Breaker]:
    """End a pause, whatever its cause."""
    studio.pauses.resume(actor, body.scope, body.reason, paused_at=body.paused_at)
    return studio.operations.breakers(actor)


@router.post("/operations/test", dependencies=[JSON_ONLY], responses=documented(415))
def test_provider(body: TestBody, studio: CurrentStudio, actor: CurrentActor) -> Tested:
    """Ask a provider now whether it works. If it paused itself, the next call is let through as a test."""
    return studio.checks.test(actor, body.provider, body.reason)


@router.put("/operations/limits", dependencies=[JSON_ONLY], responses=documented(409, 415))
def change_limits(body: LimitsBody, studio: CurrentStudio, actor: CurrentActor) -> LimitsVersion:
    """Set the spend limits, at most the ceilings of the environment."""
    return studio.limits.change(actor, body.limits, version=body.version, reason=body.reason)
