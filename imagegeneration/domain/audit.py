"""What people and runners decided about the studio itself, for the record."""

from __future__ import annotations

from typing import Literal

from imagegeneration.domain.value import Moment, Value

Action = Literal["limits.changed", "paused", "resumed", "image.decided"]


class AuditEntry(Value):
    """One decision: who, when, what about, and the state before and after as JSON; append-only."""

    schema_version: Literal[1] = 1
    entry_id: str
    at: Moment
    actor: str
    action: Action
    subject: str
    reason: str
    before: str | None
    after: str | None
