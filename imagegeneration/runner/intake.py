"""The intake of a paid answer: spooled first, then measured, then settled."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator
from dataclasses import dataclass

from imagegeneration.assets import imaging
from imagegeneration.assets.asset import ImageFacts, storage_key
from imagegeneration.assets.bucket import Storage
from imagegeneration.core.errors import DatabaseDown, StudioError
from imagegeneration.jobs.job import Job, JobImage
from imagegeneration.jobs.lifecycle import generated, lost, not_an_image
from imagegeneration.jobs.transitions import ImageTransitions
from imagegeneration.providers.generation import Answer
from imagegeneration.runner.bills import Bills
from imagegeneration.runner.reports import Reports
from imagegeneration.runner.set_aside import SetAside
from imagegeneration.runner.spool import Spool, SpoolEntry
from imagegeneration.runner.task import ImageTask

READINGS = 3
"""How often an answer may be read that breaks the process reading it."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StoredAnswer:
    """An answer that is an image, spooled and settled, ready for the bucket. `image` is the job's image after that."""

    entry: SpoolEntry
    content: bytes
    thumbnail: bytes
    facts: ImageFacts
    image: JobImage | None


class Intake:
    """The intake of paid answers. A defect of an answer never loses it."""

    def __init__(
        self,
        transitions: ImageTransitions,
        spool: Spool,
        storage: Storage,
        bills: Bills,
        set_aside: SetAside,
        reports: Reports,
    ) -> None:
        self._transitions = transitions
        self._spool = spool
        self._storage = storage
        self._bills = bills
        self._set_aside = set_aside
        self._reports = reports

    def receive(self, job: Job, task: ImageTask, answer: Answer) -> StoredAnswer | None:
        """Spool a paid answer and settle it. Return None if it is no image, or was set aside. Raises DatabaseDown.

        An answer that the disk refuses goes straight to the bucket. If the provider's details about it cannot be used,
        the bytes are settled without them, at the quote.
        """
        entry, answer = self._described(job, task, answer)
        try:
            self._spool.write(entry, answer)  # guard: spool-first
        except OSError as error:
            log.error("A paid answer for %s could not be spooled: %s", job.job_id, error)
            if not self._rescue(job, entry, answer.content):
                self._lose(entry, answer, f"the runner's disk refused it ({error.strerror}), and so did the storage")
                return None
        provider = job.images[task.index].attempt.provider
        stored = self.settle(entry, answer.content)
        if stored is None:
            self._reports.unusable(provider)
        else:
            self._reports.succeeded(provider, stored.image, task.attempt_id)
        return stored

    def settle(self, entry: SpoolEntry, content: bytes) -> StoredAnswer | None:
        """Measure a spooled answer and settle its money, once. Return None if it is no image, or was set aside.

        Raises DatabaseDown. After any other failure the answer is still kept, because it is paid for, and the image
        ends.
        """
        answer = entry.answer(content)
        try:
            return self._settle(entry, answer)
        except DatabaseDown:
            raise
        except imaging.Unreadable as problem:
            self._set_aside.keep(entry, answer, str(problem))
        except Exception as error:  # any error: a paid answer must reach a state that a user can act on
            log.exception("The answer %s could not be settled", entry.attempt_id)
            self._set_aside.keep(entry, answer, f"settling it failed ({type(error).__name__})")
        return None

    def _settle(self, entry: SpoolEntry, answer: Answer) -> StoredAnswer | None:
        attempt_id, host = entry.attempt_id, self._spool.host
        try:
            facts, thumbnail = self._inspected(attempt_id, answer.content)
        except imaging.NotAnImage as problem:
            self._reject(entry, answer, problem)
            return None
        image = self._transitions.apply(
            entry.job_id,
            entry.index,
            lambda image, now: generated(
                image, attempt_id, answer, self._bills.cost(image, attempt_id, answer), host, now
            ),
        )
        return StoredAnswer(entry, answer.content, thumbnail, facts, image)

    def _reject(self, entry: SpoolEntry, answer: Answer, problem: imaging.NotAnImage) -> None:
        """Fail the image of an answer that is no image, charged. Raises Unreadable if it was an image before."""
        attempt_id, why = entry.attempt_id, str(problem)
        image = self._transitions.apply(
            entry.job_id,
            entry.index,
            lambda image, now: not_an_image(
                image, attempt_id, answer, self._bills.cost(image, attempt_id, answer), why, now
            ),
        )
        if image is not None and image.state == "GENERATED" and image.attempt.attempt_id == attempt_id:
            raise imaging.Unreadable(f"it was an image before, and now {why}") from problem
        self._spool.reject(attempt_id)

    def _inspected(self, attempt_id: str, content: bytes) -> tuple[ImageFacts, bytes]:
        """Return what the bytes show. Bytes that break the reading process are read READINGS times, never again.

        Raises NotAnImage and Unreadable.
        """
        problem = imaging.Unreadable(f"reading it was begun {READINGS} times and never came to an end")
        for _ in range(READINGS):
            if self._spool.readings.count(attempt_id) > READINGS:
                break
            try:
                found = imaging.inspect(content)
            except imaging.Unreadable as unreadable:
                problem = unreadable
            else:
                self._spool.readings.clear(attempt_id)
                return found
        raise problem

    def _described(self, job: Job, task: ImageTask, answer: Answer) -> tuple[SpoolEntry, Answer]:
        """Return the spool entry of an answer, and the answer without the details that cannot be used."""
        try:
            judged = self._judged(job, task, answer)
            return SpoolEntry.of(job.job_id, task, judged), judged
        except Exception:  # any error: paid bytes that are not spooled would be lost
            log.exception("%s: what its provider says of it is left out", task.attempt_id)
            bare = Answer(answer.content, usage=None, provider_request_id=None)
            return SpoolEntry.of(job.job_id, task, bare), bare

    def _judged(self, job: Job, task: ImageTask, answer: Answer) -> Answer:
        """Return the answer with its count judged and its further pictures kept on this disk: they are paid for too."""
        usage = answer.usage and self._bills.judged(job, task.index, task.attempt_id, answer.usage)
        return dataclasses.replace(answer, usage=usage, others=(), kept=tuple(self._kept_others(task, answer)))

    def _kept_others(self, task: ImageTask, answer: Answer) -> Iterator[str]:
        for number, content in enumerate(answer.others, 1):
            try:
                yield f"{self._spool.host}: {self._spool.keep_other(task.attempt_id, number, content)}"
            except OSError as error:  # the requested picture must not fail with it
                log.error("A further picture of %s could not be kept: %s", task.attempt_id, error)

    def _rescue(self, job: Job, entry: SpoolEntry, content: bytes) -> bool:
        """Put an answer that the disk refused into the bucket at once. Return False if that fails too."""
        form = imaging.form_of(content)
        if form is None:
            return True  # no image to keep: recording the charge is enough
        try:
            key = storage_key(job.user_id, job.created_at, job.job_id, entry.index, form, entry.sha256)
            self._storage.put(key, content, f"image/{form}", compare=True)
        except StudioError as error:
            log.error("A paid answer for %s could not be put into the bucket either: %s", job.job_id, error)
            return False
        return True

    def _lose(self, entry: SpoolEntry, answer: Answer, why: str) -> None:
        attempt_id = entry.attempt_id
        self._transitions.apply(
            entry.job_id,
            entry.index,
            lambda image, now: lost(image, attempt_id, answer, self._bills.cost(image, attempt_id, answer), why, now),
        )
