"""The delivery of answers that a crash or an outage has left in the spool."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable

from imagegeneration.core.errors import DatabaseDown, StorageFailed, StudioError
from imagegeneration.mongo.connection import Connection
from imagegeneration.runner.delivery import Delivery
from imagegeneration.runner.intake import Intake
from imagegeneration.runner.set_aside import SetAside
from imagegeneration.runner.spool import Damaged, Spool

SETTLED_SECONDS = 10.0
"""Minimum age of an answer, in seconds. Work on a younger one is probably in progress on this machine."""

LONGEST_PAUSE_SECONDS = 60.0

MOST_FAILURES = 3
"""How often an answer is tried that fails for an unforeseen reason. Then it is set aside."""

log = logging.getLogger(__name__)


class SpoolDelivery:
    """The rounds over the spool. Each answer is tried again, with a growing pause, until it is in the bucket."""

    def __init__(
        self,
        connection: Connection,
        spool: Spool,
        intake: Intake,
        delivery: Delivery,
        set_aside: SetAside,
        is_busy_with: Callable[[str], bool],
    ) -> None:
        self._connection = connection
        self._spool = spool
        self._intake = intake
        self._delivery = delivery
        self._set_aside = set_aside
        self._is_busy_with = is_busy_with
        self._tries: dict[str, tuple[int, float]] = {}
        self._failures: Counter[str] = Counter()

    def run(self) -> None:
        """Make one round over the spool."""
        self._take_back()
        waiting = list(self._spool.attempt_ids(older_than_seconds=SETTLED_SECONDS))
        self._tries = {attempt_id: tried for attempt_id, tried in self._tries.items() if attempt_id in waiting}
        for attempt_id in waiting:
            tries, due = self._tries.get(attempt_id, (0, 0.0))
            if self._is_busy_with(attempt_id) or time.monotonic() < due:
                continue
            if not self._try(attempt_id):
                pause = min(2.0 ** (tries + 1), LONGEST_PAUSE_SECONDS)
                self._tries[attempt_id] = (tries + 1, time.monotonic() + pause)

    def deliver(self, attempt_id: str) -> None:
        """Settle and deliver one spooled answer. Raises StorageFailed or DatabaseDown."""
        try:
            spooled = self._spool.read(attempt_id)
        except Damaged as damaged:
            self._set_aside.keep_orphan(attempt_id, damaged)
            return
        if spooled is None:
            return
        stored = self._intake.settle(*spooled)
        if stored is not None:
            self._delivery.deliver(stored)

    def expire(self) -> None:
        """Delete what has been kept long enough."""
        try:
            self._spool.expire(self._connection.now().timestamp())
        except StudioError as error:
            log.warning("Old answers stay until the next round: %s", error)

    def _try(self, attempt_id: str) -> bool:
        """Deliver an answer. Return False if it has to be tried again."""
        try:
            self.deliver(attempt_id)
        except (DatabaseDown, StorageFailed) as error:
            log.warning("%s waits for storage: %s", attempt_id, error)
            return False
        except Exception as error:  # the other answers must not wait for it
            log.exception("%s could not be delivered", attempt_id)
            return self._give_up(attempt_id, error)
        return True

    def _take_back(self) -> None:
        try:
            self._set_aside.take_back()
        except Exception:  # waiting answers must still be delivered
            log.exception("Answers to be tried again stay set aside")

    def _give_up(self, attempt_id: str, error: Exception) -> bool:
        """Count an unforeseen failure. Return whether the answer is now set aside."""
        self._failures[attempt_id] += 1
        if self._failures[attempt_id] < MOST_FAILURES:
            return False
        try:
            self._set_aside.keep_undelivered(attempt_id, f"storing it failed ({type(error).__name__})")
        except Exception:  # it stays in the spool for the next round
            log.exception("%s could not be set aside", attempt_id)
            return False
        del self._failures[attempt_id]
        return True
