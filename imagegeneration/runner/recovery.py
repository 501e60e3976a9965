"""Makes good what a crash, an outage or a slow provider has left behind."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from imagegeneration.domain.generation import LeftAtProvider
from imagegeneration.errors import StudioError
from imagegeneration.services.execution import Execution

SETTLED_SECONDS = 10.0
"""Younger answers are probably being worked on, here or by another runner of this machine."""

LONGEST_PAUSE_SECONDS = 60.0

log = logging.getLogger(__name__)


class SpoolDelivery:
    """Tries each waiting answer again, with a growing pause, until it is in the bucket."""

    def __init__(self, execution: Execution, is_busy_with: Callable[[str], bool]) -> None:
        self._execution = execution
        self._is_busy_with = is_busy_with
        self._tries: dict[str, tuple[int, float]] = {}

    def run(self) -> None:
        """One round over the spool."""
        waiting = list(self._execution.spool.attempt_ids(older_than_seconds=SETTLED_SECONDS))
        self._tries = {attempt_id: tried for attempt_id, tried in self._tries.items() if attempt_id in waiting}
        for attempt_id in waiting:
            tries, due = self._tries.get(attempt_id, (0, 0.0))
            if self._is_busy_with(attempt_id) or time.monotonic() < due:
                continue
            try:
                self._execution.redeliver(attempt_id)
            except StudioError as error:
                log.warning("%s waits for storage: %s", attempt_id, error)
            except Exception:  # the others must not wait for one that cannot be delivered
                log.exception("%s could not be delivered", attempt_id)
            else:
                continue
            pause = min(2.0 ** (tries + 1), LONGEST_PAUSE_SECONDS)
            self._tries[attempt_id] = (tries + 1, time.monotonic() + pause)

    def expire(self) -> None:
        """Delete what has been kept long enough."""
        self._execution.spool.expire()


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
