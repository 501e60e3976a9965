"""Makes good what a crash, an outage or a slow provider has left behind."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable

from imagegeneration.core.errors import DatabaseDown, StorageFailed, StudioError
from imagegeneration.providers.generation import LeftAtProvider
from imagegeneration.runner.execution import Execution

SETTLED_SECONDS = 10.0
"""Younger answers are probably being worked on, here or by another runner of this machine."""

LONGEST_PAUSE_SECONDS = 60.0

MOST_FAILURES = 3
"""So often an answer is tried that cannot be delivered for a reason that nobody foresaw; then it is set aside."""

log = logging.getLogger(__name__)


class SpoolDelivery:
    """Tries each waiting answer again, with a growing pause, until it is in the bucket."""

    def __init__(self, execution: Execution, is_busy_with: Callable[[str], bool]) -> None:
        self._execution = execution
        self._is_busy_with = is_busy_with
        self._tries: dict[str, tuple[int, float]] = {}
        self._failures: Counter[str] = Counter()

    def run(self) -> None:
        """One round over the spool."""
        self._take_back()
        waiting = list(self._execution.spool.attempt_ids(older_than_seconds=SETTLED_SECONDS))
        self._tries = {attempt_id: tried for attempt_id, tried in self._tries.items() if attempt_id in waiting}
        for attempt_id in waiting:
            tries, due = self._tries.get(attempt_id, (0, 0.0))
            if self._is_busy_with(attempt_id) or time.monotonic() < due:
                continue
            try:
                self._execution.redeliver(attempt_id)
            except (DatabaseDown, StorageFailed) as error:
                log.warning("%s waits for storage: %s", attempt_id, error)
            except Exception as error:  # the others must not wait for one that cannot be delivered
                log.exception("%s could not be delivered", attempt_id)
                if self._failed(attempt_id, error):
                    continue
            else:
                continue
            pause = min(2.0 ** (tries + 1), LONGEST_PAUSE_SECONDS)
            self._tries[attempt_id] = (tries + 1, time.monotonic() + pause)

    def _take_back(self) -> None:
        try:
            self._execution.take_back()
        except Exception:  # the answers that wait must not wait for it
            log.exception("What is to be tried again stays set aside")

    def _failed(self, attempt_id: str, error: Exception) -> bool:
        """Count what nobody foresaw; whether the answer is set aside by that."""
        self._failures[attempt_id] += 1
        if self._failures[attempt_id] < MOST_FAILURES:
            return False
        try:
            self._execution.give_up(attempt_id, f"storing it failed ({type(error).__name__})")
        except Exception:  # it stays in the spool, and is tried again with the next round
            log.exception("%s could not be set aside", attempt_id)
            return False
        del self._failures[attempt_id]
        return True

    def expire(self) -> None:
        """Delete what has been kept long enough."""
        try:
            self._execution.expire()
        except StudioError as error:
            log.warning("Old answers stay until the next round: %s", error)


class LateAnswers:
    """Asks again for what was paid for, where a call ended in doubt and its provider works on it by itself."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution

    def run(self) -> None:
        """One round over the images in doubt; every runner does it, and an answer counts once."""
        try:
            doubtful = self._execution.in_doubt()
        except StudioError as error:
            log.warning("Nobody can be asked again now: %s", error)
            return
        for job, image in doubtful:
            try:
                self._execution.ask_again(job, image)
            except LeftAtProvider:  # this runner stops; another asks
                return
            except StudioError as error:
                log.warning("%s image %d: its late answer is kept for later: %s", job.job_id, image.index, error)
            except Exception:  # the others must not wait for it
                log.exception("%s image %d could not be asked for again", job.job_id, image.index)
