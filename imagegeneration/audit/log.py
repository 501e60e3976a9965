"""The log of decisions: approvals, decisions on images, pauses, limits, sign-ins and permissions."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from imagegeneration.audit.entry import Action, AuditEntry, AuditHead, Break, entry_sha256, first_break
from imagegeneration.audit.store import AuditStore
from imagegeneration.core.actor import Actor
from imagegeneration.core.ids import new_id
from imagegeneration.core.value import Value
from imagegeneration.mongo.connection import Connection
from imagegeneration.mongo.transaction import Session

STUDIO = Actor(user_id="the studio", roles=())
"""The actor of entries that no user or client caused."""

APPROVALS: Sequence[Action] = ("approved", "retried")
"""The actions that allow a prompt to be sent."""

PROGRESS_ENTRIES = 500
Progress = Callable[[int, int], None]
"""A callback with the number of entries read and the total number."""


class Audit:
    """The writer and reader of the audit record. Each entry is written in the transaction of the change it records."""

    def __init__(self, connection: Connection, store: AuditStore) -> None:
        self._connection = connection
        self._audit = store

    def write(
        self,
        actor: Actor,
        action: Action,
        subject: str,
        reason: str,
        *,
        before: Value | None = None,
        after: Value | None = None,
        now: datetime,
        session: Session,
    ) -> None:
        """Append one entry; `before` and `after` are the state around the change.

        Call it last in a transaction, because all writers of the record wait for each other here.
        """
        head = self._audit.head(session=session)
        entry = AuditEntry(
            number=head.number + 1,
            entry_id=new_id("aud"),
            at=now,
            actor=actor.user_id,
            key=actor.key,
            request_id=actor.request_id,
            action=action,
            subject=subject,
            reason=reason,
            before=state_json(before),
            after=state_json(after),
            previous_sha256=head.sha256,
            sha256="",
        )
        self._audit.append(entry.model_copy(update={"sha256": entry_sha256(entry)}), session=session)

    def note(self, actor: Actor, action: Action, subject: str, reason: str) -> None:
        """Append one entry about an event that changes nothing else."""
        now = self._connection.now()
        self._connection.transaction(
            lambda session: self.write(actor, action, subject, reason, now=now, session=session)
        )

    def find(
        self,
        *,
        actors: Sequence[str] = (),
        actions: Sequence[Action] = (),
        subject: str | None = None,
        before: int | None = None,
        limit: int,
    ) -> Sequence[AuditEntry]:
        """Return up to `limit` entries by these actors and of these actions, newest first. An empty filter matches all.

        `subject` also matches its parts, such as an image of a job. All entries are numbered below `before`.
        """
        if subject is not None and not subject.isprintable():
            return ()
        return self._audit.find(actors=actors, actions=actions, subject=subject, before=before, limit=limit)

    def head(self) -> AuditHead:
        """Return the end of the chain. A copy belongs outside the database."""
        return self._audit.head()

    def first_break(self, anchor: AuditHead | None = None, progress: Progress | None = None) -> Break | None:
        """Return where the chain is broken first, or None if it is intact.

        With an `anchor` kept elsewhere it also finds a chain that was computed again. Other processes may append
        meanwhile: the check ends at the head that was read first. It calls `progress` every PROGRESS_ENTRIES entries.
        """
        head = self._audit.head()
        broken = first_break(self._links(head.number, progress), head)
        if broken is not None:
            return broken
        if self._audit.last_number() > self._audit.head().number:
            return Break(head.number + 1, "it was added past the head")
        return None if anchor is None else self._off_anchor(anchor, head)

    def _links(self, to: int, progress: Progress | None) -> Iterator[AuditEntry | None]:
        for count, entry in enumerate(self._audit.links(to), start=1):
            if progress is not None and count % PROGRESS_ENTRIES == 0:
                progress(count, to)
            yield entry

    def _off_anchor(self, anchor: AuditHead, head: AuditHead) -> Break | None:
        if anchor.number > head.number:
            return Break(head.number + 1, f"it is missing; the anchor names {anchor.number} entries")
        named = self._audit.find(before=anchor.number + 1, limit=1)
        if anchor.number and named[0].sha256 != anchor.sha256:
            return Break(anchor.number, "it is not the one that the anchor names")
        return None


def state_json(state: Value | None) -> str | None:
    """Return a state in the JSON form of an entry, or None if there is no state."""
    return None if state is None else json.dumps(state.model_dump(mode="json", by_alias=True), sort_keys=True)
