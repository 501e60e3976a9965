"""Following a job: its events, told again to whoever comes back, and how far it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event as Flag

from imagegeneration.core.actor import Actor
from imagegeneration.core.errors import InvalidRequest, NotFound
from imagegeneration.jobs.event import Event, News, numbered
from imagegeneration.jobs.event_store import EventStore
from imagegeneration.jobs.forecast import Forecast
from imagegeneration.jobs.job import Job
from imagegeneration.jobs.news import end_of
from imagegeneration.jobs.progress import Progress, progress_of
from imagegeneration.jobs.queries import JobQueries
from imagegeneration.jobs.store import JobStore
from imagegeneration.mongo.connection import Connection


@dataclass(frozen=True)
class Told:
    """What there is to tell of a job: the events not heard yet, how far it is, and whether nothing more will come."""

    events: Sequence[Event]
    progress: Progress | None
    is_over: bool


class Following:
    """What is told of jobs."""

    def __init__(
        self, connection: Connection, jobs: JobStore, events: EventStore, queries: JobQueries, forecast: Forecast
    ) -> None:
        self._connection = connection
        self._jobs = jobs
        self._events = events
        self._queries = queries
        self._forecast = forecast

    def key(self, actor: Actor, job_id: str) -> str:
        """What `changed` calls the actor's job. Raises NotFound (IMG_008)."""
        key = self._jobs.key(self._queries.get(actor, job_id).job_id)
        if key is None:
            raise NotFound("There is no such job.")
        return key

    def changed(self, stop: Flag) -> Iterator[str]:
        """The key of each job of which there is news, until `stop` is set; a hint. Raises DatabaseDown."""
        return self._jobs.changed(stop)

    def told(self, actor: Actor, job_id: str, after: int) -> Told:
        """What is to be told of the actor's job after event number `after`.

        Raises NotFound (IMG_008), and InvalidRequest (IMG_009) for a number that the job has not come to.
        """
        job = self._queries.get(actor, job_id)
        last = _last(job)
        if after > last:  # guard: cursor-in-range
            raise InvalidRequest(f"Last-Event-ID: the job has {last} events, and this is none of them.")
        events = self._since(job, after) if after < last else []
        if not events and job.is_over and after < last:
            events = [_end(job)]
        return Told(events, self.progress(job), job.is_over)

    def progress(self, job: Job) -> Progress | None:
        """How far the job is, by the history of its model, else by the catalog; None once it is over."""
        if job.is_over:
            return None
        return progress_of(job, self._forecast.seconds_of(job.request.model), datetime.now(UTC))

    def _since(self, job: Job, after: int) -> list[Event]:
        """The events after that number: what the job did not have with it any more when it was read is stored."""
        first = job.last_event - len(job.news) + 1
        stored = [event for event in self._events.since(job.job_id, after) if event.event_id < first]
        own = numbered(job.news, first, job.job_id, job.user_id)
        return [*stored, *(event for event in own if event.event_id > after)]


def _last(job: Job) -> int:
    """The number of the job's last event. One that was over before there were events has its end."""
    return max(job.last_event, int(job.is_over))


def _end(job: Job) -> Event:
    """How a job ended whose events are gone."""
    news: News = end_of({"status": job.status, "errorCode": job.error_code, "error": job.error}, job.updated_at)
    return numbered([news], _last(job), job.job_id, job.user_id)[0]
