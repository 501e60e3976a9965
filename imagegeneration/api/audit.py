"""Routes of the audit record, for admins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query

from imagegeneration.api.answers import documented
from imagegeneration.api.dependencies import CurrentStudio
from imagegeneration.audit.entry import Action, AuditEntry
from imagegeneration.core.value import MAX_MICROS

router = APIRouter(tags=["audit"])


@router.get("/audit", responses=documented(401))
def audit(
    studio: CurrentStudio,
    who: Annotated[str | None, Query(max_length=100)] = None,
    action: Action | None = None,
    subject: Annotated[str | None, Query(max_length=200)] = None,
    before: Annotated[int | None, Query(ge=1, le=MAX_MICROS, description="Entries numbered below this.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Sequence[AuditEntry]:
    """Entries, newest first."""
    return studio.audit.find(
        actors=() if who is None else (who,),
        actions=() if action is None else (action,),
        subject=subject,
        before=before,
        limit=limit,
    )
