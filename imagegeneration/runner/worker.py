"""Claims jobs and works on them: paid calls side by side in one pool, uploads in another."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from queue import Empty, SimpleQueue

from imagegeneration.assets.reference import InputImage
from imagegeneration.core.errors import StudioError
from imagegeneration.core.ids import ProviderName
from imagegeneration.jobs.job import Job
from imagegeneration.providers.generation import CallFailed, LeftAtProvider
from imagegeneration.runner.execution import Ended, Execution, Received, Task
from imagegeneration.runner.queue import Queue

UPLOADS = 4
"""Uploads at once. They are apart from the calls, so that a slow bucket takes no provider slot."""

UPLOADS_KEPT = 16
"""Images that are in memory on their way to the bucket; what is beyond waits in the spool for the next round."""

FINISHED_AT_ONCE = 100

GATHER_SECONDS = 0.003
"""Calls that end together make room together: one claim after this time fills all of it."""

RECOVERIES = 2
"""Interrupted jobs at once that are looked into: the bucket is asked, which may take long."""

RETRY_SOON = timedelta(seconds=5)

log = logging.getLogger(__name__)


@dataclass
class _Run:
    """One claimed job while this process works on it."""

    job: Job
    fence: str
    open_images: int
    delay: timedelta = timedelta(0)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Worker:
    """Keeps up to `concurrency` paid calls in flight."""

    def __init__(self, execution: Execution, queue: Queue, owner: str, concurrency: int, lease_seconds: float) -> None:
        self._execution = execution
        self._queue = queue
        self._owner = owner
        self._concurrency = self._most = concurrency
        self._lease_seconds = lease_seconds
        self._calls = ThreadPoolExecutor(concurrency, thread_name_prefix="call")
        self._uploads = ThreadPoolExecutor(UPLOADS, thread_name_prefix="upload")
        self._recoveries = ThreadPoolExecutor(RECOVERIES, thread_name_prefix="recover")
        self._overdue_left = 0
        self._lock = threading.Lock()
        self._ended: SimpleQueue[_Run | None] = SimpleQueue()
        self._finisher = threading.Thread(target=self._finish, name="finish", daemon=True)
        self._finisher.start()
        self._claiming = threading.Lock()
        self._runs: dict[str, _Run] = {}
        self._attempts: set[str] = set()
        self._deferred: list[tuple[_Run, Task]] = []
        self._pending_calls = 0
        self._uploading = 0
        self._draining = threading.Event()
        self._work = threading.Event()
        self._ticked = threading.Event()
        self._full_disk: str | None = None

    def limit(self, concurrency: int) -> None:
        """From now on claim only while fewer than so many images wait for a call; at most as at the beginning."""
        self._concurrency = min(concurrency, self._most)

    @property
    def concurrency(self) -> int:
        """How many paid calls are in flight at most."""
        return self._concurrency

    @property
    def in_flight(self) -> int:
        """How many images are waiting for, or in, a paid call."""
        return self._pending_calls

    @property
    def waiting(self) -> int:
        """How many images wait until their provider may be called again."""
        return len(self._deferred)

    @property
    def uploading(self) -> int:
        """How many images are on their way to the bucket."""
        return self._uploading

    @property
    def jobs(self) -> Sequence[str]:
        """The jobs at work."""
        with self._lock:
            return list(self._runs)

    @property
    def problem(self) -> str | None:
        """Why no job is claimed, in words; None if there is no reason."""
        if self._draining.is_set():
            return "It is stopping: what is in flight is finished first."
        return self._full_disk and f"No paid answer could be kept: {self._full_disk}."

    def is_busy_with(self, attempt_id: str) -> bool:
        """This process is still at work on the attempt."""
        with self._lock:
            return attempt_id in self._attempts

    def claim_now(self) -> None:
        """There is work: said by the change stream, whose thread claims it without waking another first."""
        self._try_to_fill(ticked=False)

    def tick(self) -> None:
        """Look at everything: also for who waits unheard of, and for jobs whose runner is gone."""
        self._ticked.set()
        self._work.set()

    def run(self) -> None:
        """Claim and start jobs whenever woken, until `drain`; errors are logged and the next tick tries again."""
        while not self._draining.is_set():
            self._work.wait()
            self._draining.wait(GATHER_SECONDS)
            self._work.clear()
            if ticked := self._ticked.is_set():
                self._ticked.clear()
            self._try_to_fill(ticked=ticked)

    def _try_to_fill(self, *, ticked: bool) -> None:
        try:
            self._fill(ticked=ticked)
        except StudioError as error:
            log.warning("Cannot claim jobs now: %s", error)
        except Exception:  # a runner that lives and claims nothing would be the worst of all
            log.exception("Claiming failed in an unforeseen way")

    def renew(self) -> None:
        """Prolong the leases of the jobs at work, and say that their calls are still in flight."""
        with self._lock:
            fences = [run.fence for run in self._runs.values()]
        renewed = self._execution.renew(self._owner, fences, self._lease_seconds)
        if renewed < len(fences):
            log.warning("%d leases are no longer this runner's, or their jobs have just ended", len(fences) - renewed)
        self._queue.pacing.renew()  # guard: pace-slot-renewed

    def drain(self) -> None:
        """Claim nothing more and start no further call; return once what is in flight is finished and recorded.

        A call that its provider works on by itself is left there: the next runner waits for it.
        """
        self._draining.set()
        self._work.set()
        with self._claiming:
            pass  # what was claimed just now is given back by the pools
        with self._execution.leaving():
            self._recoveries.shutdown(wait=True)
            with self._claiming:
                for run, _task in self._take_deferred():
                    self._image_done(run)
            self._calls.shutdown(wait=True)
        self._uploads.shutdown(wait=True)
        self._ended.put(None)
        self._finisher.join()

    def _fill(self, *, ticked: bool) -> None:
        with self._claiming:
            self._claim(ticked=ticked)

    def _claim(self, *, ticked: bool) -> None:
        if ticked:
            self._queue.look()
            self._overdue_left = self._concurrency  # each tick so many at most: also while others wait
        while self._overdue_left and self._has_room():
            job = self._queue.overdue(self._owner, self._lease_seconds)
            self._overdue_left = self._overdue_left - 1 if job is not None else 0
            if job is not None:
                self._begin(job, self._recoveries)
        self._call_deferred()
        while self._has_room():
            begun = False
            room, but = self._concurrency - self._pending_calls, self._awaited()
            for job in self._queue.claim(self._owner, self._lease_seconds, room, but):
                self._begin(job)
                begun = True
            if not begun:
                return

    def _has_room(self) -> bool:
        return not self._draining.is_set() and self._pending_calls < self._concurrency and not self._disk_is_full()

    def _begin(self, job: Job, pool: ThreadPoolExecutor | None = None) -> None:
        """Work on a claimed job; with `pool`, look there first for what became of its calls, which may take long."""
        run = _Run(job, job.lease.fence if job.lease else "", open_images=0)
        with self._lock:
            at_work = self._runs.get(job.job_id)
            if at_work is not None:  # its lease had run out, and nobody but this process took it: it goes on
                at_work.job, at_work.fence = job, run.fence
                return
            self._runs[job.job_id] = run
        if pool is None:
            self._start(run)
        else:
            pool.submit(self._start, run)

    def _start(self, run: _Run) -> None:
        try:
            tasks = self._execution.prepare(run.job, self.is_busy_with)
        except StudioError as error:
            log.warning("%s cannot be recovered now: %s", run.job.job_id, error)
            run.delay, tasks = RETRY_SOON, []
        except Exception:  # a lease that is renewed and not worked on would keep everybody else away
            log.exception("%s could not be prepared", run.job.job_id)
            run.delay, tasks = RETRY_SOON, []
        run.open_images = len(tasks)
        for task in tasks:
            self._call_or_defer(run, task)
        if not tasks:
            self._end(run)

    def _call_or_defer(self, run: _Run, task: Task) -> None:
        """Call if the provider may be called now; else the image waits here, and its job stays leased."""
        provider = run.job.images[task.index].attempt.provider
        try:
            # guard: pace-before-call
            may_begin = task.handle is not None or self._queue.pacing.begin(provider, task.attempt_id)
        except StudioError as error:
            log.warning("%s image %d waits: %s", run.job.job_id, task.index, error)
            may_begin = False
        with self._lock:
            if not may_begin:
                self._deferred.append((run, task))
                return
            self._pending_calls += 1
        self._calls.submit(self._make, run, task)

    def _call_deferred(self) -> None:
        """Call for those that wait, the first of each provider first, as far as there is room."""
        for run, task in self._take_deferred():
            if self._has_room():
                self._call_or_defer(run, task)
            else:
                with self._lock:
                    self._deferred.append((run, task))

    def _take_deferred(self) -> Sequence[tuple[_Run, Task]]:
        with self._lock:
            deferred, self._deferred = self._deferred, []
            return deferred

    def _awaited(self) -> frozenset[ProviderName]:
        """The providers that images wait for."""
        with self._lock:
            return frozenset(run.job.images[task.index].attempt.provider for run, task in self._deferred)

    def _make(self, run: _Run, task: Task) -> None:
        """One image, from the one-way door to the spool; the upload goes on in its own pool."""
        index, attempt_id = task.index, task.attempt_id
        with self._lock:
            self._attempts.add(attempt_id)
        received: Received | None = None
        try:
            received = self._call(run, task)
        except StudioError as error:
            log.warning("%s image %d: %s", run.job.job_id, index, error)
            self._postpone(run, RETRY_SOON)
        except Exception:  # a thread of a pool has nobody above it: what is not caught here is lost
            log.exception("%s image %d failed in an unforeseen way", run.job.job_id, index)
            self._postpone(run, RETRY_SOON)
        finally:
            self._queue.pacing.end(attempt_id)  # guard: pace-slot-released
            with self._lock:
                self._pending_calls -= 1
            self._work.set()
        if received is None or not self._may_upload():
            self._forget(attempt_id)
            self._image_done(run)
        else:
            self._uploads.submit(self._deliver, run, received)

    def _may_upload(self) -> bool:
        """Count one more upload, unless too many wait: then the answer stays in the spool, and not in memory."""
        with self._lock:
            if self._uploading >= UPLOADS_KEPT:
                return False
            self._uploading += 1
            return True

    def _call(self, run: _Run, task: Task) -> Received | None:
        index, attempt_id = task.index, task.attempt_id
        if self._draining.is_set():
            return None
        job, inputs = (run.job, ()) if task.handle is not None else self._started(run, task)
        if job is None:
            return None
        try:
            if task.handle is None:
                answer = self._execution.call(job, index, attempt_id, inputs)
            else:
                answer = self._execution.resume(job, index, task.handle)  # guard: resume-not-submit
        except LeftAtProvider as left:
            log.info("%s image %d: %s The next runner waits for it.", job.job_id, index, left)
            return None
        except CallFailed as failure:
            log.warning("%s image %d: %s (%s)", job.job_id, index, failure.message, failure.certainty)
            delay = self._execution.fail(job, index, attempt_id, failure)
            if delay is not None:
                self._postpone(run, delay)
            return None
        return self._execution.receive(job, index, attempt_id, answer)

    def _started(self, run: _Run, task: Task) -> tuple[Job | None, Sequence[InputImage]]:
        """Pass the one-way door to a provider that is not paused, with the images to be edited.

        The job as it went through, None if it did not.
        """
        # First: a runner that may start has to try.
        inputs = self._execution.inputs(run.job, task.index)  # guard: reference-before-start
        if inputs is None:
            return None, ()
        job = self._execution.ready(run.job, task.index)
        if job is None:
            self._postpone(run, RETRY_SOON)
            return None, ()
        provider = job.images[task.index].attempt.provider
        # An alternate took over, whose pace is its own.
        if provider != run.job.images[task.index].attempt.provider:  # guard: pace-alternate
            self._queue.pacing.end(task.attempt_id)
            if not self._queue.pacing.begin(provider, task.attempt_id):
                self._postpone(run, timedelta(0))  # claimed again, it waits for the alternate
                return None, ()
        return (job, inputs) if self._execution.start(job, task.index, task.attempt_id) else (None, ())

    def _deliver(self, run: _Run, received: Received) -> None:
        try:
            self._execution.deliver(received)
        except StudioError as error:
            log.warning("%s image %d waits for storage: %s", run.job.job_id, received.entry.index, error)
        except Exception:  # see _make; the answer is in the spool and is delivered later
            log.exception("%s image %d could not be stored", run.job.job_id, received.entry.index)
        finally:
            with self._lock:
                self._uploading -= 1
            self._forget(received.entry.attempt_id)
            self._image_done(run)

    def _image_done(self, run: _Run) -> None:
        with run.lock:
            run.open_images -= 1
            last = run.open_images == 0
        if last:
            self._end(run)

    def _end(self, run: _Run) -> None:
        self._ended.put(run)

    def _finish(self) -> None:
        """Finish jobs as they end: those that end while others are being finished, all at once."""
        while (first := self._ended.get()) is not None:
            runs = [first, *self._more_ended()]
            with self._lock:
                for run in runs:
                    if self._runs.get(run.job.job_id) is run:
                        del self._runs[run.job.job_id]
            try:
                self._execution.finish([Ended(run.job.job_id, run.fence, run.delay) for run in runs])
            except StudioError as error:
                log.warning("%d jobs: their leases run out by themselves: %s", len(runs), error)
            except Exception:  # see _make
                log.exception("%d jobs could not be finished: their leases run out by themselves", len(runs))

    def _more_ended(self) -> Iterator[_Run]:
        for _ in range(FINISHED_AT_ONCE):
            try:
                run = self._ended.get_nowait()
            except Empty:
                return
            if run is None:  # the drain's mark, for the loop to find
                self._ended.put(None)
                return
            yield run

    @staticmethod
    def _postpone(run: _Run, delay: timedelta) -> None:
        with run.lock:
            run.delay = max(run.delay, delay)

    def _forget(self, attempt_id: str) -> None:
        with self._lock:
            self._attempts.discard(attempt_id)

    def _disk_is_full(self) -> bool:
        why = self._execution.spool.full()
        if why is not None and self._full_disk is None:
            log.error("No job is claimed while paid answers could not be kept: %s", why)
        self._full_disk = why
        return why is not None
