"""The pipeline of claimed jobs: paid calls run in parallel in one pool, uploads in another."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from imagegeneration.core.errors import StudioError
from imagegeneration.jobs.job import Job
from imagegeneration.providers.throttle import Pacing
from imagegeneration.runner.admission import Admission
from imagegeneration.runner.delivery import Delivery
from imagegeneration.runner.finisher import Finisher
from imagegeneration.runner.inflight import InFlight, Run
from imagegeneration.runner.intake import StoredAnswer
from imagegeneration.runner.maker import RETRY_SOON, ImageMaker, Made
from imagegeneration.runner.task import ImageTask

UPLOADS = 4
"""Parallel uploads. They have their own pool, so that a slow bucket does not block calls."""

RECOVERIES = 2
"""Parallel recoveries of interrupted jobs. Each asks the bucket, which may take long."""

log = logging.getLogger(__name__)


class Pipeline:
    """The stages of the images of claimed jobs. Pool threads have no caller, so errors are logged here."""

    def __init__(
        self,
        admission: Admission,
        maker: ImageMaker,
        delivery: Delivery,
        pacing: Pacing,
        in_flight: InFlight,
        finisher: Finisher,
        concurrency: int,
        call_ended: Callable[[], None],
    ) -> None:
        """Make at most `concurrency` calls at once, and call `call_ended` as each ends."""
        self._admission = admission
        self._maker = maker
        self._delivery = delivery
        self._pacing = pacing
        self._in_flight = in_flight
        self._finisher = finisher
        self._call_ended = call_ended
        self._calls = ThreadPoolExecutor(concurrency, thread_name_prefix="call")
        self._uploads = ThreadPoolExecutor(UPLOADS, thread_name_prefix="upload")
        self._recoveries = ThreadPoolExecutor(RECOVERIES, thread_name_prefix="recover")

    def begin(self, job: Job) -> None:
        """Start work on a claimed job."""
        run = self._in_flight.begin(job)
        if run is not None:
            self._begin(run)

    def begin_overdue(self, job: Job) -> None:
        """Start work on a job whose calls have to be recovered first, which may take long."""
        run = self._in_flight.begin(job)
        if run is not None:
            self._recoveries.submit(self._begin, run)

    def call_waiting(self, has_room: Callable[[], bool]) -> None:
        """Make the calls that wait for their providers, the oldest of each provider first, as far as there is room."""
        for run, task in self._in_flight.waiting():
            if not has_room():
                return
            self._call_or_wait(run, task)

    def drain(self) -> None:
        """Give waiting jobs back, and return once what is in flight is finished. No job may be added after that."""
        self._recoveries.shutdown(wait=True)
        for _, task in self._in_flight.waiting():
            self._leave(task)
        self._calls.shutdown(wait=True)
        self._uploads.shutdown(wait=True)

    def _begin(self, run: Run) -> None:
        tasks = self._tasks(run)
        self._in_flight.admit(run, tasks)
        for task in tasks:
            self._call_or_wait(run, task)
        if not tasks:
            self._finisher.add(run)

    def _tasks(self, run: Run) -> Sequence[ImageTask]:
        """Return the images to be made. After a failure there are none, and the job is given back."""
        try:
            return self._admission.tasks(run.job, self._in_flight.is_busy_with)
        except StudioError as error:
            log.warning("%s cannot be recovered now: %s", run.job.job_id, error)
        except Exception:  # else the renewed lease keeps other runners away from an idle job
            log.exception("%s could not be prepared", run.job.job_id)
        self._in_flight.postpone(run, RETRY_SOON)
        return []

    def _call_or_wait(self, run: Run, task: ImageTask) -> None:
        """Make the call if the provider may be called now. Otherwise the image waits, and its job stays leased."""
        provider = run.job.images[task.index].attempt.provider
        try:
            # guard: pace-before-call
            may_begin = task.handle is not None or self._pacing.begin(provider, task.attempt_id)
        except StudioError as error:
            log.warning("%s image %d waits: %s", run.job.job_id, task.index, error)
            may_begin = False
        self._in_flight.move(task, "calling" if may_begin else "waiting")
        if may_begin:
            self._calls.submit(self._make, run, task)

    def _make(self, run: Run, task: ImageTask) -> None:
        """Make an image. The upload continues in its own pool."""
        made = self._made(run, task)
        if made.retry_after is not None:
            self._in_flight.postpone(run, made.retry_after)
        if made.answer is not None and self._in_flight.may_upload(task):
            self._uploads.submit(self._upload, task, made.answer)
        else:
            self._leave(task)
        self._call_ended()

    def _made(self, run: Run, task: ImageTask) -> Made:
        try:
            return self._maker.make(run.job, task)
        except StudioError as error:
            log.warning("%s image %d: %s", run.job.job_id, task.index, error)
        except Exception:  # pool threads have no caller: log here or lose the traceback
            log.exception("%s image %d failed in an unforeseen way", run.job.job_id, task.index)
        finally:
            self._pacing.end(task.attempt_id)  # guard: pace-slot-released
        return Made(retry_after=RETRY_SOON)

    def _upload(self, task: ImageTask, answer: StoredAnswer) -> None:
        try:
            self._delivery.deliver(answer)
        except StudioError as error:
            log.warning("%s image %d waits for storage: %s", answer.entry.job_id, task.index, error)
        except Exception:  # the answer is in the spool and is delivered later
            log.exception("%s image %d could not be stored", answer.entry.job_id, task.index)
        finally:
            self._leave(task)

    def _leave(self, task: ImageTask) -> None:
        ended = self._in_flight.leave(task)
        if ended is not None:
            self._finisher.add(ended)
