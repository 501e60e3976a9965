"""Routes of the audit record, for admins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query

from imagegeneration.audit.entry import Action, AuditEntry
from imagegeneration.audit.log import Audit
from imagegeneration.core.value import MAX_MICROS
from imagegeneration.web.answers import documented
from imagegeneration.web.routes import requires, service

router = APIRouter(tags=["audit"])


@router.get("/audit", responses=documented(401))
@requires("administer")
def audit(
    record: Annotated[Audit, service(Audit)],
    who: Annotated[str | None, Query(max_length=100)] = None,
    action: Action | None = None,
    subject: Annotated[str | None, Query(max_length=200)] = None,
    before: Annotated[int | None, Query(ge=1, le=MAX_MICROS, description="Entries numbered below this.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Sequence[AuditEntry]:
    """List the entries, newest first."""
    return record.find(
        actors=() if who is None else (who,),
        actions=() if action is None else (action,),
        subject=subject,
        before=before,
        limit=limit,
    )
