"""The delivery of a settled image: original and thumbnail in the bucket, recorded once."""

from __future__ import annotations

import logging
from datetime import datetime

from imagegeneration.assets.asset import StoredImage, storage_key, thumbnail_key
from imagegeneration.assets.bucket import Storage
from imagegeneration.assets.store import ImageStore
from imagegeneration.core.errors import Occupied
from imagegeneration.core.ids import new_id
from imagegeneration.jobs.job import Job, JobImage
from imagegeneration.jobs.lifecycle import stored
from imagegeneration.jobs.seals import Seals
from imagegeneration.jobs.store import ImageChange, JobStore
from imagegeneration.jobs.transitions import ImageTransitions
from imagegeneration.mongo.connection import Connection
from imagegeneration.mongo.transaction import Session
from imagegeneration.runner.intake import StoredAnswer
from imagegeneration.runner.set_aside import SetAside
from imagegeneration.runner.spool import Spool

log = logging.getLogger(__name__)


class Delivery:
    """The delivery of settled images to the bucket. Each step can be repeated after a crash."""

    def __init__(
        self,
        connection: Connection,
        jobs: JobStore,
        images: ImageStore,
        transitions: ImageTransitions,
        seals: Seals,
        storage: Storage,
        spool: Spool,
        set_aside: SetAside,
    ) -> None:
        self._connection = connection
        self._jobs = jobs
        self._images = images
        self._transitions = transitions
        self._seals = seals
        self._storage = storage
        self._spool = spool
        self._set_aside = set_aside

    def deliver(self, answer: StoredAnswer) -> None:
        """Put original and thumbnail into the bucket, record the image, and remove the spooled answer.

        Raises StorageFailed or DatabaseDown. The answer then stays in the spool and is delivered later.
        """
        entry, facts = answer.entry, answer.facts
        job = self._jobs.get(entry.job_id)
        if job is None:
            log.error("The spool has an answer of %s, a job that does not exist: put aside", entry.job_id)
            self._spool.reject(entry.attempt_id)
            return
        key = storage_key(job.user_id, job.created_at, job.job_id, entry.index, facts.output_format, facts.sha256)
        try:
            self._storage.put(key, answer.content, facts.mime_type, compare=True)
        except Occupied as problem:
            self._set_aside.keep(entry, entry.answer(answer.content), problem.message)
            return
        self._storage.put(thumbnail_key(key), answer.thumbnail, "image/webp", compare=False)
        self._record(job, answer, key)
        self._transitions.conclude(job.job_id)  # guard: spool-removed-last
        self._spool.remove(entry.attempt_id)  # last: after a crash before this, the answer is delivered again

    def _record(self, job: Job, answer: StoredAnswer, key: str) -> None:
        """Record the stored image and put its URL on the job, in one transaction, once."""
        entry = answer.entry
        while (current := self._jobs.get(job.job_id)) is not None:
            if self._images.of_attempt(entry.attempt_id) is not None:  # guard: record-once
                return
            record = self._stored_image(current, answer, key)
            old = current.images[entry.index]
            if self._write(current, old, stored(old, entry.attempt_id, record), record):
                return

    def _write(self, job: Job, old: JobImage, new: JobImage, record: StoredImage) -> bool:
        """Insert the record and store the image. Return False if the image has changed meanwhile."""

        def insert(session: Session) -> None:
            self._images.insert(record, session=session)

        return self._transitions.commit(job, ImageChange([old], [new]), record.created_at, also=insert)

    def _stored_image(self, job: Job, answer: StoredAnswer, key: str) -> StoredImage:
        entry, facts = answer.entry, answer.facts
        attempt = next(found for found in job.images[entry.index].attempts if found.attempt_id == entry.attempt_id)
        record = StoredImage(
            image_id=new_id("img"),
            job_id=job.job_id,
            index=entry.index,
            attempt_id=entry.attempt_id,
            user_id=job.user_id,
            url=self._storage.url(key),
            thumbnail_url=self._storage.url(thumbnail_key(key)),
            storage_key=key,
            bucket=self._storage.bucket,
            mime_type=facts.mime_type,
            width=facts.width,
            height=facts.height,
            size_bytes=facts.size_bytes,
            sha256=facts.sha256,
            provider=attempt.provider,
            model=attempt.model,
            duration_ms=_milliseconds(attempt.started_at, attempt.finished_at),
            cost_micros=attempt.cost_micros,
            is_edit=job.request.is_edit,
            created_at=self._connection.now(),
        )
        return self._seals.sealed_image(record)


def _milliseconds(start: datetime | None, end: datetime | None) -> int:
    return round((end - start).total_seconds() * 1000) if start and end else 0
