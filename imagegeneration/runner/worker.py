"""The loop of a runner: claims jobs whenever there is room, and keeps their leases."""

from __future__ import annotations

import logging
import threading

from imagegeneration.core.errors import StudioError
from imagegeneration.runner.build import RunnerParts
from imagegeneration.runner.finisher import Finisher
from imagegeneration.runner.maker import ImageMaker
from imagegeneration.runner.pipeline import Pipeline

GATHER_SECONDS = 0.003
"""Calls that end together make room together: one claim after this time fills all of it."""

log = logging.getLogger(__name__)


class Worker:
    """Keeps up to `concurrency` paid calls in flight."""

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
        """Claim only while fewer than so many images wait for a call; at most as many as at the beginning."""
        self._concurrency = min(concurrency, self._most)

    @property
    def concurrency(self) -> int:
        """Return how many paid calls are in flight at most."""
        return self._concurrency

    @property
    def problem(self) -> str | None:
        """Return why no job is claimed, in words, or None if there is no reason."""
        if self._stopping.is_set():
            return "It is stopping: what is in flight is finished first."
        return self._full_disk and f"No paid answer could be kept: {self._full_disk}."

    def claim_now(self) -> None:
        """Claim at once, on this thread: the change stream has told of a job."""
        self._try_to_fill(ticked=False)

    def tick(self) -> None:
        """Wake the loop to look at everything: also for waiting users, and for jobs whose runner is gone."""
        self._ticked.set()
        self._woken.set()

    def run(self) -> None:
        """Claim and begin jobs whenever woken, until `drain`; errors are logged and the next tick tries again."""
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
                self._overdue_left = self._concurrency  # each tick so many at most: also while others wait
            self._claim_overdue()
            self._pipeline.call_waiting(self._has_room)
            self._claim_queued()

    def renew(self) -> None:
        """Prolong the leases of the jobs at work, and say that their calls are still in flight. Raises DatabaseDown."""
        fences = self.in_flight.fences
        renewed = self._leases.renew(self._owner, fences, self._lease_seconds)
        if renewed < len(fences):
            log.warning("%d leases are no longer this runner's, or their jobs have just ended", len(fences) - renewed)
        self._pacing.renew()  # guard: pace-slot-renewed

    def drain(self) -> None:
        """Claim nothing more and start no further call; return once what is in flight is finished and recorded.

        A call that its provider works on by itself is left there: the next runner waits for it.
        """
        self._stopping.set()
        self._woken.set()
        with self._claiming:
            pass  # what was claimed just now is given back by the pools
        self._pipeline.drain()
        self._finisher.close()

    def _try_to_fill(self, *, ticked: bool) -> None:
        try:
            self.fill(ticked=ticked)
        except StudioError as error:
            log.warning("Cannot claim jobs now: %s", error)
        except Exception:  # a runner that lives and claims nothing would be the worst of all
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
