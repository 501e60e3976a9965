"""The record of decisions about the studio itself: who paused, resumed, changed limits, or decided about money."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from imagegeneration.domain.audit import Action, AuditEntry
from imagegeneration.domain.job import new_id
from imagegeneration.domain.value import Value
from imagegeneration.store import Session, Stores


class Audit:
    """Appends entries, each inside the transaction that makes the change it tells of."""

    def __init__(self, stores: Stores) -> None:
        self._audit = stores.audit

    def write(
        self,
        actor: str,
        action: Action,
        subject: str,
        reason: str,
        *,
        before: Value | None = None,
        after: Value | None = None,
        now: datetime,
        session: Session,
    ) -> None:
        """Append one entry; `before` and `after` are the state around the change."""
        entry = AuditEntry(
            entry_id=new_id("aud"),
            at=now,
            actor=actor,
            action=action,
            subject=subject,
            reason=reason,
            before=_json(before),
            after=_json(after),
        )
        self._audit.append(entry, session=session)

    def latest(self, limit: int) -> Sequence[AuditEntry]:
        """The latest entries, newest first."""
        return self._audit.latest(limit)


def _json(state: Value | None) -> str | None:
    return None if state is None else json.dumps(state.model_dump(mode="json", by_alias=True), sort_keys=True)
