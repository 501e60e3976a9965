"""The finisher of jobs whose work has ended."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from queue import Empty, SimpleQueue

from imagegeneration.core.errors import StudioError
from imagegeneration.runner.inflight import InFlight, Run
from imagegeneration.runner.leases import FinishedJob, Leases

FINISHED_AT_ONCE = 100

log = logging.getLogger(__name__)


class Finisher:
    """A thread that finishes jobs. Jobs that end while others are being finished are finished together."""

    def __init__(self, leases: Leases, in_flight: InFlight) -> None:
        self._leases = leases
        self._in_flight = in_flight
        self._ended: SimpleQueue[Run | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="finish", daemon=True)
        self._thread.start()

    def add(self, run: Run) -> None:
        """Finish the job soon."""
        self._ended.put(run)

    def close(self) -> None:
        """Stop, and return once every added job is finished."""
        self._ended.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (first := self._ended.get()) is not None:
            runs = [first, *self._more()]
            self._in_flight.end(runs)
            self._finish([FinishedJob(run.job.job_id, run.fence, run.delay) for run in runs])

    def _finish(self, finished: list[FinishedJob]) -> None:
        try:
            self._leases.finish(finished)
        except StudioError as error:
            log.warning("%d jobs: their leases run out by themselves: %s", len(finished), error)
        except Exception:  # this thread has no caller: log here or lose the traceback
            log.exception("%d jobs could not be finished: their leases run out by themselves", len(finished))

    def _more(self) -> Iterator[Run]:
        for _ in range(FINISHED_AT_ONCE):
            try:
                run = self._ended.get_nowait()
            except Empty:
                return
            if run is None:  # the mark of `close`, for the loop to find
                self._ended.put(None)
                return
            yield run
