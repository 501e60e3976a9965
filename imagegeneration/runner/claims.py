"""The claims of a runner: which jobs come next."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from threading import Event

from imagegeneration.core.errors import DatabaseDown
from imagegeneration.core.ids import ProviderName, new_id
from imagegeneration.jobs.job import Job, Lease
from imagegeneration.jobs.queue_store import QueueStore
from imagegeneration.providers.breaker import Barred
from imagegeneration.providers.breakers import Breakers
from imagegeneration.providers.pauses import Pauses
from imagegeneration.providers.throttle import Pacing
from imagegeneration.runner.fair_queue import FairQueue

LARGEST_BATCH = 50
"""Most jobs claimed at once. If this runner dies at once, other runners get them only after the lease."""

PROBE_SECONDS = 10.0
"""How long this process waits for the job that it claimed as a probe to make its call, in seconds."""


class Claims:
    """The claims of one runner process. Users take turns, and jobs of paused providers and models are skipped."""

    def __init__(
        self, jobs: QueueStore, pauses: Pauses, breakers: Breakers, pacing: Pacing, providers: Sequence[ProviderName]
    ) -> None:
        self._jobs = jobs
        self._pauses = pauses
        self._breakers = breakers
        self._pacing = pacing
        self._providers = providers
        self._users = FairQueue()
        self._probes: dict[ProviderName, tuple[datetime, float]] = {}
        self._lock = threading.Lock()

    def arrivals(self, stop: Event) -> Iterator[None]:
        """Yield whenever a job may have become claimable, until `stop` is set. Raises DatabaseDown."""
        for user in self._jobs.arrivals(stop):
            if user is None:
                self.refresh()
            else:
                self._heard_of([user])
            yield None

    def refresh(self) -> None:
        """Read the pauses and the waiting users. The change stream reports them sooner, but this is the truth."""
        self._pauses.refresh()
        self._pacing.look()
        self._heard_of(self._jobs.waiting_users())

    def overdue(self, owner: str, lease_seconds: float) -> Job | None:
        """Lease a running job whose runner is gone or whose next attempt is due. Return None if there is none."""
        return self._jobs.claim_overdue(_lease(owner), lease_seconds)

    def claim(self, owner: str, lease_seconds: float, room: int, but: Collection[ProviderName] = ()) -> Iterator[Job]:
        """Yield the next jobs of the user whose turn it is, leased to `owner`: about `room` images, or no job.

        The first job is yielded before the others are claimed. Jobs of a paused provider are skipped, except the one
        that tests whether it works again. Jobs of the providers in `but`, which calls already wait for, are skipped
        too. If calls may have to wait for the throttle, jobs are claimed one by one, so that few of them wait.
        """
        board = self._pauses.board
        if board.is_everything_paused:
            return
        barred = board.barred
        probe = next(filter(None, (self._probe(owner, lease_seconds, provider) for provider in barred.providers)), None)
        if probe is not None:
            yield probe
            return
        if set(self._providers) - set(barred.providers):  # with every provider paused, claim no job
            barred = Barred(models=barred.models, providers=(*barred.providers, *but))
            yield from self._claim(owner, lease_seconds, 1 if self._pacing.is_needed else room, barred)

    def _probe(self, owner: str, lease_seconds: float, provider: ProviderName) -> Job | None:
        """Claim a job of a paused provider if it is time to test whether the provider works again."""
        due = self._breakers.due_probe(provider)
        probed, again = self._probes.get(provider, (None, 0.0))
        if provider not in self._providers or due is None or (due == probed and time.monotonic() < again):
            return None
        models = Barred(models=tuple(self._pauses.board.models))
        with self._lock:
            users = self._users.users()
        for user in users:
            job = self._jobs.claim(user, _lease(owner), lease_seconds, models, provider)
            if job is not None:
                self._probes[provider] = (due, time.monotonic() + PROBE_SECONDS)
                with self._lock:
                    self._users.served(user, job.image_count)
                return job
        return None

    def _claim(self, owner: str, lease_seconds: float, room: int, paused: Barred) -> Iterator[Job]:
        while (user := self._next()) is not None:
            lease = _lease(owner)
            first = self._jobs.claim(user, lease, lease_seconds, paused)
            with self._lock:
                if first is None:
                    self._users.left(user)
                    continue
                self._users.served(user, first.image_count)
                share = room // max(len(self._users), 1)  # another thread may have found no user left
            yield first
            more = min(share // first.image_count, LARGEST_BATCH) - 1
            rest = self._claim_more(user, lease, lease_seconds, paused, more)
            with self._lock:
                self._users.served(user, sum(job.image_count for job in rest))
            yield from rest
            return

    def _claim_more(self, user: str, lease: Lease, lease_seconds: float, paused: Barred, at_most: int) -> Sequence[Job]:
        try:
            return self._jobs.claim_many(user, lease, lease_seconds, paused, at_most) if at_most > 0 else []
        except DatabaseDown:
            return []  # the first job is already claimed; the others become claimable again later

    def _heard_of(self, users: Sequence[str]) -> None:
        with self._lock:
            self._users.arrived(users)

    def _next(self) -> str | None:
        with self._lock:
            return self._users.next()


def _lease(owner: str) -> Lease:
    return Lease(owner=owner, fence=new_id("fence"))
