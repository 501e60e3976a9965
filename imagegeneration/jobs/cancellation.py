"""The cancellation of a job."""

from __future__ import annotations

import functools
from datetime import datetime

from imagegeneration.audit.log import Audit
from imagegeneration.core.actor import Actor
from imagegeneration.core.errors import WrongState
from imagegeneration.jobs.job import Job
from imagegeneration.jobs.lifecycle import dropped
from imagegeneration.jobs.queries import JobQueries
from imagegeneration.jobs.store import ImageChange
from imagegeneration.jobs.transitions import ImageTransitions
from imagegeneration.mongo.connection import Connection
from imagegeneration.mongo.transaction import Session


class Cancellation:
    """Cancellation on behalf of an actor."""

    def __init__(
        self, connection: Connection, queries: JobQueries, transitions: ImageTransitions, audit: Audit
    ) -> None:
        self._connection = connection
        self._queries = queries
        self._transitions = transitions
        self._audit = audit

    def cancel(self, actor: Actor, job_id: str) -> Job:
        """Cancel the job: start no further image and release its holds. Calls in flight finish.

        Raises NotFound, or WrongState (IMG_011) for a job that is over.
        """
        job = self._queries.changeable(actor, job_id)
        while not job.is_over:
            now = self._connection.now()
            waiting = [image for image in job.images if image.state == "HELD"]
            canceled = [dropped(image, "CANCELED", "Canceled before it was started.", now) for image in waiting]
            change = ImageChange(
                waiting,
                canceled,
                guard={"status": job.status, "cancelRequestedAt": job.cancel_requested_at},
                fields={"cancelRequestedAt": now},
            )
            record = functools.partial(self._record, actor, job_id, now)
            if self._transitions.commit(job, change, now, also=record):
                self._transitions.conclude(job_id)
                return self._queries.get(actor, job_id)
            job = self._queries.changeable(actor, job_id)
        raise WrongState("The job is over, so there is nothing to cancel.")

    def _record(self, actor: Actor, job_id: str, now: datetime, session: Session) -> None:
        self._audit.write(actor, "canceled", job_id, "", now=now, session=session)
