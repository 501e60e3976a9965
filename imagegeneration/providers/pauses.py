"""Pauses of everything, a provider or a model: the board, and how users and breakers begin and end them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from imagegeneration.audit.log import STUDIO, Audit
from imagegeneration.core.actor import Actor
from imagegeneration.core.cache import CachedValue
from imagegeneration.core.errors import InvalidRequest, WrongState
from imagegeneration.core.ids import ProviderName
from imagegeneration.mongo.connection import Connection
from imagegeneration.mongo.transaction import Session
from imagegeneration.providers.breaker import TESTED, Breaker, Cause, Pause, PauseBoard, provider_scope
from imagegeneration.providers.breaker_store import BreakerStore
from imagegeneration.providers.health import Checked

READ_SECONDS = 1.2
"""How long a board is used, in seconds: a pause reaches every process within this.

A runner reads the board with each tick, a second apart by default, so that no claim waits for it.
"""


class Pauses:
    """The pauses, each with its entries in the audit record, and the cached board."""

    def __init__(self, connection: Connection, store: BreakerStore, audit: Audit, scopes: Collection[str]) -> None:
        """Take `scopes` as all that a user may pause."""
        self._connection = connection
        self._store = store
        self._audit = audit
        self._scopes = scopes
        self._board = CachedValue(lambda: PauseBoard(self._store.all()), READ_SECONDS)

    @property
    def board(self) -> PauseBoard:
        """Return the board of pauses, at most READ_SECONDS old. Raises DatabaseDown (IMG_014)."""
        return self._board.get()

    def refresh(self) -> None:
        """Read the board now."""
        self._board.refresh()

    def all(self) -> Sequence[Breaker]:
        """Return every breaker as it is stored, by scope, paused or not."""
        return self._store.all()

    def pause(self, actor: Actor, scope: str, reason: str) -> None:
        """Pause by hand. Raises WrongState (IMG_011) if it is paused already, except by a pause that ends by itself.

        Raises InvalidRequest (IMG_009) for a scope that is no provider and no model of the catalog.
        """
        if scope not in self._scopes:
            raise InvalidRequest(f"{scope} is not a provider or a model of the catalog.")
        if not self.begin(actor, scope, "person", reason):
            raise WrongState("It is paused already.")

    def resume(self, actor: Actor, scope: str, reason: str, *, paused_at: datetime) -> None:
        """End the pause that began at `paused_at`. Raises WrongState (IMG_011) if there is no such pause."""
        pause = next((breaker.pause for breaker in self._store.all() if breaker.scope == scope), None)
        if pause is None or pause.paused_at != paused_at or not self.end(actor, scope, pause, reason):
            raise WrongState("This pause is over, or another has begun.")

    def test(self, actor: Actor, provider: ProviderName, reason: str, found: Checked) -> bool:
        """Let the next call test a provider that paused itself. Return whether it will.

        No call is let through if the check `found` trouble.
        """
        scope = provider_scope(provider)
        self._board.refresh()
        pause = self.board.of_scope(scope)
        now = self._connection.now()

        def work(session: Session) -> bool:
            is_let = pause is not None and pause.cause in TESTED and not found.is_trouble
            if pause is not None and is_let:
                is_let = self._store.prolong(scope, pause, now, pause.seconds, session=session)
            self._audit.write(actor, "tested", scope, reason, before=pause, after=found, now=now, session=session)
            return is_let

        is_let = self._connection.transaction(work)
        self._board.invalidate()
        return is_let

    def begin(self, actor: Actor, scope: str, cause: Cause, reason: str) -> bool:
        """Begin a pause. Return False, and write nothing, if the scope is paused already."""
        self._store.ensure(scope)
        seconds = TESTED[cause][0] if cause in TESTED else 0.0
        now = self._connection.now()
        probe_at = now + timedelta(seconds=seconds) if seconds else None
        pause = Pause(
            cause=cause, reason=reason, paused_by=actor.user_id, paused_at=now, probe_at=probe_at, seconds=seconds
        )
        begun = self._connection.transaction(lambda session: self.write(actor, scope, pause, session=session))
        self._board.invalidate()
        return begun

    def write(self, actor: Actor, scope: str, pause: Pause, *, session: Session) -> bool:
        """Begin this pause inside a transaction. Return False, and write nothing, if the scope is paused already.

        Call `invalidate` once the transaction is committed.
        """
        if not self._store.pause(scope, pause, session=session):
            return False
        self._audit.write(actor, "paused", scope, pause.reason, after=pause, now=pause.paused_at, session=session)
        return True

    def invalidate(self) -> None:
        """Invalidate the board, so that it is read again on its next use."""
        self._board.invalidate()

    def end(self, actor: Actor, scope: str, pause: Pause, reason: str) -> bool:
        """End exactly this pause. Return False, and write nothing, if it is over."""
        now = self._connection.now()

        def work(session: Session) -> bool:
            by_person = actor != STUDIO
            if not self._store.resume(scope, pause, now if by_person else None, session=session):
                return False
            self._audit.write(actor, "resumed", scope, reason, before=pause, now=now, session=session)
            return True

        ended = self._connection.transaction(work)
        self._board.invalidate()
        return ended

    def prolong(self, scope: str, pause: Pause, probe_at: datetime, seconds: float) -> bool:
        """Move the time of the next test. Return False if another process has moved it."""
        moved = self._store.prolong(scope, pause, probe_at, seconds)
        self._board.invalidate()
        return moved
