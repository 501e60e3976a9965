"""The feed of a job: its events, replayed to a client that reconnects, and its progress."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event

from imagegeneration.core.actor import Actor
from imagegeneration.core.errors import InvalidRequest
from imagegeneration.jobs.event import JobEvent, final_event
from imagegeneration.jobs.event_store import EventStore
from imagegeneration.jobs.forecast import Forecast
from imagegeneration.jobs.job import Job
from imagegeneration.jobs.progress import Progress, progress_of
from imagegeneration.jobs.queries import JobQueries


@dataclass(frozen=True)
class JobUpdates:
    """The updates of a job: the events not yet sent, its progress, and whether the feed has ended."""

    events: Sequence[JobEvent]
    progress: Progress | None
    is_over: bool


class JobFeed:
    """The feed of jobs, read on behalf of actors."""

    def __init__(self, events: EventStore, queries: JobQueries, forecast: Forecast) -> None:
        self._events = events
        self._queries = queries
        self._forecast = forecast

    def changed_jobs(self, stop: Event) -> Iterator[str]:
        """Yield the id of each job that has a new event, until `stop` is set. This is a hint. Raises DatabaseDown."""
        return self._events.changed_jobs(stop)

    def updates_since(self, actor: Actor, job_id: str, after: int) -> JobUpdates:
        """Return the updates of the actor's job after event number `after`.

        Raises NotFound (IMG_008), and InvalidRequest (IMG_009) for a number above the job's last event.
        """
        job = self._queries.get(actor, job_id)
        last = job.last_event
        if after > last:  # guard: cursor-in-range
            raise InvalidRequest(f"Last-Event-ID: the job has {last} events, and this is none of them.")
        events = self._events.of_job(job_id, after, last) if after < last else []
        if not events and job.is_over and after < last:  # the events have expired
            events = [final_event(job)]
        return JobUpdates(events, self.progress(job), job.is_over)

    def progress(self, job: Job) -> Progress | None:
        """Estimate the job's progress by the history of its model or the catalog. Return None if it is over."""
        if job.is_over:
            return None
        return progress_of(job, self._forecast.seconds_of(job.request.model), datetime.now(UTC))
