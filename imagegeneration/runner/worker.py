"""The loop of a runner: it claims jobs when there is room, and keeps their leases."""

from __future__ import annotations

import logging
import threading

from imagegeneration.core.errors import StudioError
from imagegeneration.runner.build import RunnerParts
from imagegeneration.runner.finisher import Finisher
from imagegeneration.runner.maker import ImageMaker
from imagegeneration.runner.pipeline import Pipeline

GATHER_SECONDS = 0.003
"""How long the loop waits, in seconds, so that one claim fills the room of all calls that end together."""

log = logging.getLogger(__name__)


class Worker:
    """The worker, which keeps up to `concurrency` paid calls in flight."""

    def __init__(self, parts: RunnerParts, owner: str, concurrency: int, lease_seconds: float) -> None:
        self.in_flight = parts.in_flight
        self._claims = parts.claims
        self._leases = parts.leases
        self._pacing = parts.pacing
        self._spool = parts.spool
        self._stopping = parts.stopping
        self._owner = owner
        self._concurrency = self._most = concurrency
        self._lease_seconds = lease_seconds
        self._woken = threading.Event()
        self._ticked = threading.Event()
        self._claiming = threading.Lock()
        self._overdue_left = 0
        self._full_disk: str | None = None
        self._finisher = Finisher(parts.leases, parts.in_flight)
        maker = ImageMaker(
            parts.routing, parts.door, parts.calls, parts.failures, parts.intake, parts.pacing, parts.stopping
        )
        self._pipeline = Pipeline(
            parts.admission,
            maker,
            parts.delivery,
            parts.pacing,
            parts.in_flight,
            self._finisher,
            concurrency,
            call_ended=self._woken.set,
        )

    def limit(self, concurrency: int) -> None:
        """Set how many calls may be in flight, at most the number given at the start."""
        self._concurrency = min(concurrency, self._most)

    @property
    def concurrency(self) -> int:
        """Return the maximum number of paid calls in flight."""
        return self._concurrency

    @property
    def problem(self) -> str | None:
        """Return why no job is claimed, in words, or None if jobs are claimed."""
        if self._stopping.is_set():
            return "It is stopping: what is in flight is finished first."
        return self._full_disk and f"No paid answer could be kept: {self._full_disk}."

    def claim_now(self) -> None:
        """Claim at once, on this thread: the change stream has reported a job."""
        self._try_to_fill(ticked=False)

    def tick(self) -> None:
        """Wake the loop for a full round, which also looks for waiting users and for jobs whose runner is gone."""
        self._ticked.set()
        self._woken.set()

    def run(self) -> None:
        """Claim and begin jobs whenever woken, until `drain`. Errors are logged, and the next tick tries again."""
        while not self._stopping.is_set():
            self._woken.wait()
            self._stopping.wait(GATHER_SECONDS)
            self._woken.clear()
            if ticked := self._ticked.is_set():
                self._ticked.clear()
            self._try_to_fill(ticked=ticked)

    def fill(self, *, ticked: bool) -> None:
        """Claim and begin as many jobs as there is room for. Raises DatabaseDown."""
        with self._claiming:
            if ticked:
                self._claims.refresh()
                self._overdue_left = self._concurrency  # a limit for each tick: others wait too
            self._claim_overdue()
            self._pipeline.call_waiting(self._has_room)
            self._claim_queued()

    def renew(self) -> None:
        """Extend the leases of the jobs at work and the slots of their calls. Raises DatabaseDown."""
        fences = self.in_flight.fences
        renewed = self._leases.renew(self._owner, fences, self._lease_seconds)
        if renewed < len(fences):
            log.warning("%d leases are no longer this runner's, or their jobs have just ended", len(fences) - renewed)
        self._pacing.renew()  # guard: pace-slot-renewed

    def drain(self) -> None:
        """Stop claiming jobs and starting calls. Return once what is in flight is finished and recorded.

        A call that its provider completes by itself is detached: the next runner waits for it.
        """
        self._stopping.set()
        self._woken.set()
        with self._claiming:
            pass  # the pools give back what was just claimed
        self._pipeline.drain()
        self._finisher.close()

    def _try_to_fill(self, *, ticked: bool) -> None:
        try:
            self.fill(ticked=ticked)
        except StudioError as error:
            log.warning("Cannot claim jobs now: %s", error)
        except Exception:  # the loop must survive: a live runner that claims no job goes unnoticed
            log.exception("Claiming failed in an unforeseen way")

    def _claim_overdue(self) -> None:
        while self._overdue_left and self._has_room():
            job = self._claims.overdue(self._owner, self._lease_seconds)
            self._overdue_left = self._overdue_left - 1 if job is not None else 0
            if job is not None:
                self._pipeline.begin_overdue(job)

    def _claim_queued(self) -> None:
        while self._has_room():
            is_idle = True
            room, but = self._concurrency - self.in_flight.count("calling"), self.in_flight.awaited()
            for job in self._claims.claim(self._owner, self._lease_seconds, room, but):
                self._pipeline.begin(job)
                is_idle = False
            if is_idle:
                return

    def _has_room(self) -> bool:
        return (
            not self._stopping.is_set()
            and self.in_flight.count("calling") < self._concurrency
            and not self._disk_is_full()
        )

    def _disk_is_full(self) -> bool:
        why = self._spool.full()
        if why is not None and self._full_disk is None:
            log.error("No job is claimed while paid answers could not be kept: %s", why)
        self._full_disk = why
        return why is not None
