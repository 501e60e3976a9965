"""What a runner does with a job: start an image, take the answer in, settle the money, store the image.

The fence guards starting, the attempt's id guards reporting (DESIGN.md, section 4): a runner whose lease is
gone starts nothing, but the result of a call that it did start is accepted, once.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import logging
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from imagegeneration.assets import imaging
from imagegeneration.assets.asset import ImageFacts, StoredImage, aside_key, storage_key, storage_prefix, thumbnail_key
from imagegeneration.assets.bucket import Storage
from imagegeneration.assets.inputs import References, Unusable
from imagegeneration.assets.reference import InputImage
from imagegeneration.core.errors import DatabaseDown, Occupied, OverBudget, StudioError
from imagegeneration.core.ids import ProviderName, new_id
from imagegeneration.core.text import tame
from imagegeneration.jobs.changes import Changes
from imagegeneration.jobs.fallback import NextRoute, next_route, route_of, routes_after
from imagegeneration.jobs.job import POISON_CLAIMS, Attempt, ErrorCode, Job, JobImage
from imagegeneration.jobs.lifecycle import (
    dropped,
    failed,
    generated,
    interrupted,
    lost,
    not_an_image,
    passed_over,
    set_aside,
    started,
    stored,
    submitted,
)
from imagegeneration.jobs.news import news_of
from imagegeneration.jobs.seals import CHANGED, Seals
from imagegeneration.models.registry import ModelRegistry
from imagegeneration.mongo.transaction import Session
from imagegeneration.providers.breakers import Breakers
from imagegeneration.providers.generation import (
    LONGEST_WAIT_SECONDS,
    Answer,
    CallFailed,
    GenerationParameters,
    GenerationRequest,
    LeftAtProvider,
)
from imagegeneration.providers.pauses import Pauses
from imagegeneration.providers.provider import Provider, ResumableProvider, StreamingProvider
from imagegeneration.runner.partials import Partials
from imagegeneration.runner.spool import Damaged, Spool, SpoolEntry
from imagegeneration.stores import Stores

ANSWERS_KEPT = timedelta(hours=1)
"""So long Fal and Replicate keep what they have made."""

ASK_AGAIN_SECONDS = 5.0
"""So long an answer that is late is waited for, each time."""

ASKED_AGAIN = 100
"""Jobs in a round, the latest first."""

READINGS = 3
"""So often reading an answer is begun that harms the process that reads it."""

MAX_REVISED_PROMPT = 32_000
MAX_ID = 200
"""So much is kept of what a provider says about its answer, in code points."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Received:
    """An answer that is an image, spooled and settled, ready for the bucket."""

    entry: SpoolEntry
    content: bytes
    thumbnail: bytes
    facts: ImageFacts
    started_at: datetime | None


@dataclass(frozen=True)
class Task:
    """An image to be made in the attempt `attempt_id`; with a handle, of a call that was submitted before a crash."""

    index: int
    attempt_id: str
    handle: str | None = None


@dataclass(frozen=True)
class Ended:
    """The work of one runner on a job that it leased under `fence`; more is to be done after `delay`, if at all."""

    job_id: str
    fence: str
    delay: timedelta


@dataclass(frozen=True)
class StartChecks:
    """What may keep a call from being started: a pause, or a job that is not what was approved."""

    pauses: Pauses
    breakers: Breakers
    seals: Seals


ABSURD_TIMES = 100
"""A bill of more than so many times its quote is none: it would be more than any budget, or than the database takes."""


class Execution:
    """The steps of a job's images, each safe to repeat after a crash."""

    def __init__(
        self,
        stores: Stores,
        changes: Changes,
        checks: StartChecks,
        spool: Spool,
        storage: Storage,
        references: References,
        providers: Mapping[ProviderName, Provider],
        offer: ModelRegistry,
    ) -> None:
        self.spool = spool
        self._seals = checks.seals
        self._connection = stores.connection
        self._job_store = stores.jobs
        self._images = stores.images
        self._changes = changes
        self._pauses = checks.pauses
        self._breakers = checks.breakers
        self._storage = storage
        self._references = references
        self._partials = Partials(changes, storage)
        self._providers = providers
        self._offer = offer

    def close(self) -> None:
        """Show nothing more of what is on the way."""
        self._partials.close()

    def prepare(self, job: Job, in_flight: Callable[[str], bool]) -> Sequence[Task]:
        """Check and recover a claimed job; what is to be done with its images now.

        `in_flight` says whether this process is still at work on an attempt.
        """
        tasks = []
        recovered = False
        for image in job.images:
            attempt_id = image.attempt.attempt_id
            if (
                image.state == "CALLING"
                and attempt_id is not None
                and not in_flight(attempt_id)  # guard: recover-not-in-flight
            ):
                if self._can_resume(job, image):
                    tasks.append(Task(image.index, attempt_id, image.attempt.handle))
                else:
                    self.recover(job, image.index, attempt_id)
                    recovered = True
        current = (self._job_store.get(job.job_id) if recovered else None) or job
        waiting = [image for image in job.images if image.state == "HELD"]
        tampered = self._seals.tampered(current) if waiting else None  # guard: start-approved
        for image in waiting:
            refusal = self._refusal(current, image) if tampered is None else ("TAMPERED", tampered)
            if refusal is None:
                tasks.append(Task(image.index, new_id("att")))
            else:
                self._drop(job.job_id, image.index, refusal)
        return tasks

    def _drop(self, job_id: str, index: int, refusal: tuple[ErrorCode, str]) -> None:
        self._changes.apply(job_id, index, lambda image, now: dropped(image, *refusal, now))

    def ready(self, job: Job, index: int) -> Job | None:
        """The job with its image at a provider that may be called now; None: it has to wait for one.

        Where the one whose turn it is is paused or not configured any more, the next approved alternate takes over
        that is neither. Of a paused provider, one call is let through. The lease stays the one that was claimed.
        """
        image = job.images[index]
        route = route_of(job, image.attempt)
        if route is None:
            return None
        if self._pauses.board.is_everything_paused:  # guard: pass-over-pause-all
            return None
        wanted = route.parameters
        configured = wanted.provider in self._offer.endpoints
        if configured and self._breakers.allow_call(wanted):
            return job
        why = self._pauses.board.wait_reason(wanted) if configured else f"{wanted.provider} is not configured any more."
        fallback = None if why is None else self._fallback(job, image, why, waits=False)
        if fallback is None:
            return None
        moved = self._changes.apply(
            job.job_id,
            index,
            lambda found, now: passed_over(found, fallback, now) if found == image else found,  # guard: pass-over-once
        )
        if moved is None:
            return None
        # guard: pass-over-not-begun
        if moved.state != "HELD" or moved.attempt.model != fallback.parameters.model:
            return None
        log.info("%s image %d goes on with %s: %s", job.job_id, index, fallback.parameters.model, fallback.why)
        return job.model_copy(update={"images": (*job.images[:index], moved, *job.images[index + 1 :])})

    def _fallback(
        self, job: Job, image: JobImage, why: str, *, waits: bool, without: ProviderName | None = None
    ) -> NextRoute | None:
        """The alternate that the image may go on with: the first that nothing is paused of.

        With `waits` it is else the first of all. Never one whose endpoint is not the approved one.
        """
        left = routes_after(job, image.attempt)
        able = [
            route
            for route in left
            if self._offer.endpoints.get(route.parameters.provider) == route.endpoint_sha256  # guard: fallback-endpoint
            if route.parameters.provider != without  # guard: fallback-refused-account
        ]
        board = self._pauses.board
        at_once = [route for route in able if board.wait_reason(route.parameters) is None]
        chosen = next(iter(at_once or (able if waits else [])), None)  # guard: pass-over-paused-alternate
        return None if chosen is None else next_route(chosen, left, why)

    def inputs(self, job: Job, index: int) -> Sequence[InputImage] | None:
        """The images that the job edits, read before the one-way door; none where it edits nothing.

        None, and the image FAILED without a charge, where they are not those that were approved. Raises StorageFailed
        where the bucket does not answer: then the image waits.
        """
        try:
            return self._references.read(job.request.references)
        except Unusable as problem:
            words = str(problem)
            self._changes.apply(job.job_id, index, lambda image, now: dropped(image, "TAMPERED", words, now))
            return None

    def start(self, job: Job, index: int, attempt_id: str) -> bool:
        """Pass the one-way door to a paid call. False where the lease, the image or the job says no.

        After a lost reply the attempt is looked for: it is there if, and only if, the door was passed. If the
        lease was lost meanwhile the image is somebody else's to recover, and nothing is sent.
        """
        image = job.images[index]
        lease = job.lease
        change = (image, started(image, attempt_id, self._connection.now()))
        if lease is None or image.state != "HELD":
            return False
        try:
            return self._job_store.start_image(job.job_id, lease.fence, change)
        except StudioError:
            found = self._job_store.get(job.job_id)
            if found is None:
                return False
            if found.lease is None or found.lease.fence != lease.fence:  # guard: lost-reply-fence
                return False
            return (
                found.images[index].state == "CALLING"  # guard: lost-reply-state
                and found.images[index].attempt.attempt_id == attempt_id
            )

    def call(self, job: Job, index: int, attempt_id: str, inputs: Sequence[InputImage] = ()) -> Answer:
        """The paid call, with the images that the job edits.

        Raises CallFailed, also for what nobody foresaw: then the money is in doubt.

        Raises LeftAtProvider, too; the next runner resumes it.
        """
        route = route_of(job, job.images[index].attempt)
        provider = None if route is None else self._providers.get(route.parameters.provider)
        if route is None or provider is None:
            raise CallFailed("The provider is not configured.", certainty="not_charged")
        request = self._request(job, route.parameters, index).model_copy(update={"inputs": tuple(inputs)})

        def keep(handle: str) -> None:
            self._keep_handle(job.job_id, index, attempt_id, handle)

        numbers = itertools.count(1)

        def show(content: bytes) -> None:
            self._partials.show(job, index, attempt_id, next(numbers), content)

        if request.partial_images and isinstance(provider, StreamingProvider):
            streaming = provider
            return self._foreseen(job, lambda: streaming.stream(request, show))
        try:
            return self._foreseen(job, lambda: provider.generate(request, keep))  # guard: handle-kept
        except LeftAtProvider as left:
            # Once more: the next one has nothing else to go by.
            keep(left.handle)  # guard: handle-kept-on-leave
            raise

    def resume(self, job: Job, index: int, handle: str, *, at_most_seconds: float = LONGEST_WAIT_SECONDS) -> Answer:
        """Wait for a call that was submitted before; nothing is sent again. Raises CallFailed and LeftAtProvider."""
        route = route_of(job, job.images[index].attempt)
        provider = None if route is None else self._providers.get(route.parameters.provider)
        if route is None or not isinstance(provider, ResumableProvider):
            raise CallFailed("The provider is not configured.", certainty="unknown")
        request = self._request(job, route.parameters, index)
        request = request.model_copy(update={"timeout_seconds": min(request.timeout_seconds, at_most_seconds)})
        return self._foreseen(job, lambda: provider.resume(request, handle))

    def in_doubt(self) -> Sequence[tuple[Job, JobImage]]:
        """The images whose calls ended in doubt lately, and whose providers may still have their answers."""
        since = self._connection.now() - ANSWERS_KEPT
        jobs = self._job_store.in_doubt_since(since, ASKED_AGAIN)
        images = ((job, image) for job in jobs for image in job.images if image.state == "UNKNOWN")
        return [
            (job, image)
            for job, image in images
            if image.attempt.finished_at is not None
            and image.attempt.finished_at >= since
            and self._can_resume(job, image)
        ]

    def ask_again(self, job: Job, image: JobImage) -> None:
        """Ask for a moment for the answer of a call in doubt; nothing is sent again.

        What comes is a late result like any other. Raises LeftAtProvider, StorageFailed and DatabaseDown.
        """
        attempt_id, handle = image.attempt.attempt_id, image.attempt.handle
        if attempt_id is None or handle is None:
            return
        try:
            answer = self.resume(job, image.index, handle, at_most_seconds=ASK_AGAIN_SECONDS)
        except CallFailed as failure:
            known = failure
            if failure.certainty != "unknown":
                self._changes.apply(
                    job.job_id, image.index, lambda found, now: failed(found, attempt_id, known, now, again_since=None)
                )
            return
        log.info("%s image %d: the answer of %s has come after all", job.job_id, image.index, attempt_id)
        received = self.receive(job, image.index, attempt_id, answer)
        if received is not None:
            self.deliver(received)

    @contextmanager
    def leaving(self) -> Iterator[None]:
        """Meanwhile calls that their providers work on by themselves are left to the next runner."""
        resumable = [provider for provider in self._providers.values() if isinstance(provider, ResumableProvider)]
        for provider in resumable:
            provider.leaving.set()
        yield
        for provider in resumable:
            provider.leaving.clear()

    def longest_wait(self) -> float:
        """How many seconds a call may take that cannot be left to the next runner, by the catalog."""
        waited = {name for name, found in self._providers.items() if not isinstance(found, ResumableProvider)}
        if "sandbox" in waited:
            waited.add("openai")
        models = self._offer.catalog.image_models
        return max((model.longest_seconds for model in models if model.provider in waited), default=0)

    def _request(self, job: Job, parameters: GenerationParameters, index: int) -> GenerationRequest:
        request, model = job.generation_request(parameters, index), self._offer.catalog.named(parameters.model)
        if model is None:
            return request
        return request.model_copy(update={"timeout_seconds": model.seconds_for(parameters)})

    def _foreseen(self, job: Job, call: Callable[[], Answer]) -> Answer:
        try:
            return call()
        except (CallFailed, LeftAtProvider):
            raise
        except Exception as error:  # whatever it is, it must not leave a paid call unrecorded
            log.exception("The call for %s failed in an unforeseen way", job.job_id)
            raise CallFailed("The call failed in an unforeseen way.", certainty="unknown") from error

    def _keep_handle(self, job_id: str, index: int, attempt_id: str, handle: str) -> None:
        try:
            self._changes.apply(job_id, index, lambda image, _now: submitted(image, attempt_id, handle))
        except Exception:  # the call goes on; only a crash would now leave it in doubt
            log.exception("%s image %d: the handle %s of its call could not be kept", job_id, index, handle)

    def _can_resume(self, job: Job, image: JobImage) -> bool:
        """Whether the provider can be asked for an answer that this machine's spool does not have."""
        if image.attempt.handle is None:  # guard: resume-with-handle
            return False
        if self.spool.has(image.attempt.attempt_id or ""):  # guard: resume-not-spooled
            return False
        route = route_of(job, image.attempt)
        if route is None:
            return False
        if self._offer.endpoints.get(route.parameters.provider) != route.endpoint_sha256:  # guard: resume-endpoint
            return False
        return isinstance(self._providers.get(route.parameters.provider), ResumableProvider)

    def fail(self, job: Job, index: int, attempt_id: str, failure: CallFailed) -> timedelta | None:
        """Record a call that brought no answer; after which delay to try again, None if not at all.

        Where it is known not to be charged and will not be tried again there, an approved alternate takes over, if the
        budget of its provider has room for it. After a refused account it is one of another provider.
        """
        provider = job.images[index].attempt.provider

        def transition(image: JobImage, now: datetime, *, goes_on: bool = True) -> JobImage:
            current = self._job_store.get(job.job_id)
            wanted = current is not None and current.cancel_requested_at is None and not current.is_over
            since = current.latest_approval.approved_at if current and wanted else None
            why = f"{image.attempt.model} of {provider} did not make it, and did not charge: {failure.message}"
            without = provider if failure.credentials else None
            fallback = self._fallback(job, image, why, waits=True, without=without) if goes_on else None
            return failed(image, attempt_id, failure, now, again_since=since, fallback=fallback)

        try:
            image = self._changes.apply(job.job_id, index, transition)
        except OverBudget as full:
            log.warning("%s image %d: no alternate takes over: %s", job.job_id, index, full.message)
            # guard: fallback-provider-budget
            image = self._changes.apply(job.job_id, index, functools.partial(transition, goes_on=False))
        started_at = None if image is None else _started_at(image, attempt_id)
        self._tell_breaker(lambda: self._breakers.failed(provider, failure, started_at))
        if image is None or image.state != "HELD":
            return None
        tries = _tries(image)
        if tries == 0:  # an alternate's turn: it has nothing to wait for
            return timedelta(0)
        usual = 2 ** min(tries, 6) * random.uniform(0.5, 1.0)
        asked = 0.0 if failure.retry_after is None else failure.retry_after + random.random()
        return timedelta(seconds=max(usual, asked))  # a hint of 0 would use up all attempts at once

    def receive(self, job: Job, index: int, attempt_id: str, answer: Answer) -> Received | None:
        """Take a paid answer in: into the spool, then measured, then settled. None if it is no image, or set aside.

        If the disk refuses it, it goes straight to the bucket. If what its provider says of it cannot be used, the
        bytes go on without it, at the quote.
        """
        try:
            answer = self._judged(job, index, attempt_id, answer)
            entry = self._entry(job.job_id, index, attempt_id, answer)
        except Exception:  # whatever it is: bytes that are not in the spool would be paid for and lost
            log.exception("%s: what its provider says of it is left out", attempt_id)
            answer = Answer(answer.content, usage=None, provider_request_id=None)
            entry = self._entry(job.job_id, index, attempt_id, answer)
        provider = job.images[index].attempt.provider
        try:
            self.spool.write(entry, answer)  # guard: spool-first
        except OSError as error:
            log.error("A paid answer for %s could not be spooled: %s", job.job_id, error)
            if not self._rescue(job, entry, answer.content):
                self._lose(entry, answer, f"the runner's disk refused it ({error.strerror}), and so did the storage")
                return None
        received = self.settle(entry, answer.content)
        if received is None:
            self._tell_breaker(lambda: self._breakers.count_failure(provider, "The answer was no usable image."))
        else:
            self._tell_breaker(lambda: self._breakers.succeeded(provider, received.started_at))
        return received

    def settle(self, entry: SpoolEntry, content: bytes) -> Received | None:
        """Measure a spooled answer and settle its money, once; None if it is no image, or was set aside.

        Raises DatabaseDown. Whatever else happens, the answer has come and is paid for: it is kept, and the image ends.
        """
        answer = _answer_of(entry, content)
        try:
            return self._settle(entry, answer)
        except DatabaseDown:
            raise
        except imaging.Unreadable as problem:
            self._set_aside(entry, answer, str(problem))
        except Exception as error:
            log.exception("The answer %s could not be settled", entry.attempt_id)
            self._set_aside(entry, answer, f"settling it failed ({type(error).__name__})")
        return None

    def _settle(self, entry: SpoolEntry, answer: Answer) -> Received | None:
        attempt_id, host = entry.attempt_id, self.spool.host
        try:
            facts, thumbnail = self._inspected(attempt_id, answer.content)
        except imaging.NotAnImage as problem:
            why = str(problem)
            image = self._changes.apply(
                entry.job_id,
                entry.index,
                lambda image, now: not_an_image(
                    image, attempt_id, answer, self._cost(image, attempt_id, answer), why, now
                ),
            )
            if image is not None and image.state == "GENERATED" and image.attempt.attempt_id == attempt_id:
                raise imaging.Unreadable(f"it was an image before, and now {why}") from problem
            self.spool.reject(attempt_id)
            return None
        image = self._changes.apply(
            entry.job_id,
            entry.index,
            lambda image, now: generated(image, attempt_id, answer, self._cost(image, attempt_id, answer), host, now),
        )
        started_at = None if image is None else _started_at(image, attempt_id)
        return Received(entry, answer.content, thumbnail, facts, started_at)

    def _inspected(self, attempt_id: str, content: bytes) -> tuple[ImageFacts, bytes]:
        """What the bytes show. What harms the process that reads them is read a few times, and never again.

        Raises NotAnImage and Unreadable.
        """
        problem = imaging.Unreadable(f"reading it was begun {READINGS} times and never came to an end")
        for _ in range(READINGS):
            if self.spool.readings.count(attempt_id) > READINGS:
                break
            try:
                found = imaging.inspect(content)
            except imaging.Unreadable as unreadable:
                problem = unreadable
            else:
                self.spool.readings.clear(attempt_id)
                return found
        raise problem

    def _set_aside(self, entry: SpoolEntry, answer: Answer, why: str) -> None:
        """Keep an answer that cannot be taken in, on the disk and in the bucket; its image ends, charged.

        Raises DatabaseDown.
        """
        log.error("%s image %d: the answer %s is set aside: %s", entry.job_id, entry.index, entry.attempt_id, why)
        try:
            self._end_set_aside(entry, answer, why)
        except DatabaseDown:
            raise
        except Exception:
            log.exception("%s: what its provider says of it is left out", entry.attempt_id)
            self._end_set_aside(entry, Answer(answer.content, usage=None, provider_request_id=None), why)
        self.spool.set_aside(entry.attempt_id)
        self._copy_set_aside(entry, answer.content)

    def _end_set_aside(self, entry: SpoolEntry, answer: Answer, why: str) -> None:
        attempt_id = entry.attempt_id
        host = self.spool.host if self.spool.has(attempt_id) else None
        self._changes.apply(
            entry.job_id,
            entry.index,
            lambda image, now: set_aside(
                image, attempt_id, answer, self._cost(image, attempt_id, answer), why, host, now
            ),
        )

    def _copy_set_aside(self, entry: SpoolEntry, content: bytes) -> None:
        """Keep the bytes beyond this machine, if the bucket takes them; the spool has them in any case."""
        try:
            job = self._job_store.get(entry.job_id)
            if job is not None:
                key = aside_key(job.user_id, job.created_at, job.job_id, entry.index, entry.attempt_id)
                self._storage.put(key, content, "application/octet-stream", compare=False)
        except Exception:
            log.exception("The bucket has no copy of %s, which was set aside", entry.attempt_id)

    def deliver(self, received: Received) -> None:
        """Put original and thumbnail into the bucket, record the image, let go of the spooled answer.

        Raises StorageFailed or DatabaseDown; the answer then stays in the spool and is delivered later.
        """
        entry, facts = received.entry, received.facts
        job = self._job_store.get(entry.job_id)
        if job is None:
            log.error("The spool has an answer of %s, a job that does not exist: put aside", entry.job_id)
            self.spool.reject(entry.attempt_id)
            return
        key = storage_key(job.user_id, job.created_at, job.job_id, entry.index, facts.output_format, facts.sha256)
        try:
            self._storage.put(key, received.content, facts.mime_type, compare=True)
        except Occupied as problem:
            self._set_aside(entry, _answer_of(entry, received.content), problem.message)
            return
        self._storage.put(thumbnail_key(key), received.thumbnail, "image/webp", compare=False)
        self._record(job, received, key)
        self._changes.conclude(job.job_id)  # guard: spool-removed-last
        self.spool.remove(entry.attempt_id)  # last: until then a crash is made good by delivering again

    def recover(self, job: Job, index: int, attempt_id: str) -> None:
        """Find out what became of a call whose runner is gone: the spool, then the bucket, else UNKNOWN.

        Raises StorageFailed where the bucket cannot be asked: then it stays open.
        """
        if not self.spool.has(attempt_id):
            self._adopt_from_bucket(job, index, attempt_id)
        try:
            spooled = self.spool.read(attempt_id)
        except Damaged as damaged:
            self._set_aside_damaged(job.job_id, index, attempt_id, damaged)
            return
        if spooled is not None:
            self.settle(*spooled)
            return
        log.warning("%s image %d: nothing is known of the result of the call %s", job.job_id, index, attempt_id)
        self._changes.apply(job.job_id, index, interrupted)

    def redeliver(self, attempt_id: str) -> None:
        """Finish what a crash or an outage left in the spool. Raises StorageFailed or DatabaseDown."""
        try:
            spooled = self.spool.read(attempt_id)
        except Damaged as damaged:
            self._find_and_set_aside(attempt_id, damaged)
            return
        if spooled is None:
            return
        received = self.settle(*spooled)
        if received is not None:
            self.deliver(received)

    def give_up(self, attempt_id: str, why: str) -> None:
        """Set an answer aside that cannot be delivered, though neither bucket nor database is down.

        Raises DatabaseDown.
        """
        try:
            spooled = self.spool.read(attempt_id)
        except Damaged as damaged:
            self._find_and_set_aside(attempt_id, damaged)
            return
        if spooled is not None:
            self._set_aside(spooled[0], _answer_of(*spooled), why)

    def expire(self) -> None:
        """Delete what the spool has kept long enough. Raises DatabaseDown."""
        self.spool.expire(self._connection.now().timestamp())

    def take_back(self) -> None:
        """Let those answers wait for delivery again that were set aside and that somebody wants to be tried again."""
        aside = self.spool.aside()
        if not aside:
            return
        for job in self._job_store.generated_of(aside):
            for image in job.images:
                if image.state == "GENERATED" and image.attempt.attempt_id in aside:
                    self.spool.take_back(image.attempt.attempt_id)

    def _find_and_set_aside(self, attempt_id: str, damaged: Damaged) -> None:
        """Set a damaged answer aside, whose image is found by the attempt: its own file cannot be believed."""
        job = self._job_store.of_attempt(attempt_id)
        if job is None:
            log.error("The answer %s is damaged, and no job waits for it: put away", attempt_id)
            self.spool.reject(attempt_id)
            return
        index = next(
            image.index for image in job.images if attempt_id in [attempt.attempt_id for attempt in image.attempts]
        )
        self._set_aside_damaged(job.job_id, index, attempt_id, damaged)

    def _set_aside_damaged(self, job_id: str, index: int, attempt_id: str, damaged: Damaged) -> None:
        known = damaged.entry or self._entry(job_id, index, attempt_id, Answer(damaged.content, None, None))
        self._set_aside(known, _answer_of(known, damaged.content), str(damaged))

    def finish(self, ends: Sequence[Ended]) -> None:
        """End the work on leased jobs: conclude them, or give their leases back until their next images are due."""
        jobs = {job.job_id: job for job in self._changes.conclude(*(ended.job_id for ended in ends))}
        for ended in ends:
            job = jobs.get(ended.job_id)
            if job is None or job.is_over:
                continue
            again = any(image.state in ("HELD", "CALLING") for image in job.images)
            due = self._connection.now() + ended.delay if again else None
            self._job_store.release(ended.job_id, ended.fence, due)

    def renew(self, owner: str, fences: Sequence[str], lease_seconds: float) -> int:
        """Prolong the leases that are still `owner`'s; the number of them."""
        return self._job_store.renew(owner, fences, lease_seconds) if fences else 0

    def _tell_breaker(self, tell: Callable[[], None]) -> None:
        try:
            tell()
        except StudioError as error:  # no reason to stop what is done with an answer
            log.warning("The breaker could not be told of a call: %s", error)

    def _rescue(self, job: Job, entry: SpoolEntry, content: bytes) -> bool:
        """Put an answer that the disk refused into the bucket at once; False if that fails too."""
        form = imaging.form_of(content)
        if form is None:
            return True  # there is nothing to keep but the fact
        try:
            key = storage_key(job.user_id, job.created_at, job.job_id, entry.index, form, entry.sha256)
            self._storage.put(key, content, f"image/{form}", compare=True)
        except StudioError as error:
            log.error("A paid answer for %s could not be put into the bucket either: %s", job.job_id, error)
            return False
        return True

    def _lose(self, entry: SpoolEntry, answer: Answer, why: str) -> None:
        attempt_id = entry.attempt_id
        self._changes.apply(
            entry.job_id,
            entry.index,
            lambda image, now: lost(image, attempt_id, answer, self._cost(image, attempt_id, answer), why, now),
        )

    def _adopt_from_bucket(self, job: Job, index: int, attempt_id: str) -> None:
        """Spool an original that is in the bucket for this image and that no record knows."""
        known = {image.storage_key for image in self._images.of_job(job.job_id)}
        for key in self._storage.keys(storage_prefix(job.user_id, job.created_at, job.job_id, index)):
            if key in known or key.endswith(".thumb.webp"):
                continue
            answer = Answer(self._storage.get(key), usage=None, provider_request_id=None, revised_prompt=None)
            self.spool.write(self._entry(job.job_id, index, attempt_id, answer), answer)
            return

    def _entry(self, job_id: str, index: int, attempt_id: str, answer: Answer) -> SpoolEntry:
        return SpoolEntry(
            job_id=job_id,
            index=index,
            attempt_id=attempt_id,
            sha256=imaging.sha256(answer.content),
            usage=answer.usage,
            provider_request_id=_said(answer.provider_request_id, MAX_ID),
            revised_prompt=_said(answer.revised_prompt, MAX_REVISED_PROMPT),
            others=answer.kept,
        )

    def _judged(self, job: Job, index: int, attempt_id: str, answer: Answer) -> Answer:
        """The answer with its count of tokens judged, and its further pictures on this disk: they were paid for too."""
        attempt = _attempt_of(job.images[index], attempt_id)
        usage = answer.usage
        if usage is not None:
            most, route = attempt.max_cost_micros * ABSURD_TIMES, route_of(job, attempt)
            if route is None:  # the job was changed since the call: there is nothing to compare the count with
                usage = usage.model_copy(update={"implausible": True})
            else:
                is_edit = job.request.is_edit
                usage = self._offer.catalog.judged(route.parameters, usage, is_edit=is_edit, max_cost_micros=most)
        kept = []
        for number, content in enumerate(answer.others, 1):
            try:
                kept.append(f"{self.spool.host}: {self.spool.keep_other(attempt_id, number, content)}")
            except OSError as error:  # the picture that was asked for goes first
                log.error("A further picture of %s could not be kept: %s", attempt_id, error)
        return dataclasses.replace(answer, usage=usage, others=(), kept=tuple(kept))

    def _cost(self, image: JobImage, attempt_id: str, answer: Answer) -> int:
        """What the provider's count of tokens costs; the quote where it gave none or has no price, never nothing."""
        attempt = _attempt_of(image, attempt_id)
        counted = None if answer.usage is None else self._offer.catalog.cost(attempt.model, answer.usage)
        absurd = counted is not None and counted > attempt.max_cost_micros * ABSURD_TIMES
        return attempt.max_cost_micros if counted is None or absurd else counted

    def _refusal(self, job: Job, image: JobImage) -> tuple[ErrorCode, str] | None:
        """Why this image of the job may not be started, if so."""
        route = route_of(job, image.attempt)
        if route is None:
            return "TAMPERED", CHANGED
        endpoint = self._offer.endpoints.get(route.parameters.provider)
        gives_way = endpoint is None and self._fallback(job, image, "", waits=True) is not None
        if (
            endpoint != route.endpoint_sha256  # guard: start-approved-endpoint
            and not gives_way
        ):
            return (
                "PROVIDER_CHANGED",
                "The job was approved for another provider than the one in use now. Nothing was sent.",
            )
        # guard: poison-limit
        if job.claims >= POISON_CLAIMS and not any(image.state == "GENERATED" for image in job.images):
            return (
                "POISON",
                f"{job.claims} runners in a row stopped while they worked on this job, so it was set aside.",
            )
        if job.cancel_requested_at is not None:
            return "CANCELED", "Canceled before it was started."
        return None

    def _record(self, job: Job, received: Received, key: str) -> None:
        """Write the stored image down and its URL onto the job, in one transaction, once."""
        entry = received.entry
        while (current := self._job_store.get(job.job_id)) is not None:
            if self._images.of_attempt(entry.attempt_id) is not None:  # guard: record-once
                return
            record = self._stored_image(current, received, key)
            old = current.images[entry.index]
            new = stored(old, entry.attempt_id, record)

            def work(session: Session, old: JobImage = old, new: JobImage = new, record: StoredImage = record) -> bool:
                news = news_of([old], [new], record.created_at)
                if new is not old and not self._job_store.swap_images(
                    job.job_id, [(old, new)], news=news, session=session
                ):
                    return False
                self._images.insert(record, session=session)
                return True

            if self._connection.transaction(work):
                return

    def _stored_image(self, job: Job, received: Received, key: str) -> StoredImage:
        entry, facts = received.entry, received.facts
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


def _answer_of(entry: SpoolEntry, content: bytes) -> Answer:
    return Answer(content, entry.usage, entry.provider_request_id, entry.revised_prompt, kept=entry.others)


def _said(text: str | None, limit: int) -> str | None:
    """A provider's words as they may be kept: neither file nor database takes any others."""
    return None if text is None else tame(text, limit)


def _tries(image: JobImage) -> int:
    """How often the one whose turn it is was not available."""
    last = image.attempt
    return sum(
        attempt.outcome == "unavailable" and (attempt.provider, attempt.model) == (last.provider, last.model)
        for attempt in image.attempts
    )


def _attempt_of(image: JobImage, attempt_id: str) -> Attempt:
    """Return the attempt that an answer came to; the latest where the image does not know it."""
    return next((found for found in image.attempts if found.attempt_id == attempt_id), image.attempt)


def _started_at(image: JobImage, attempt_id: str) -> datetime | None:
    return next((attempt.started_at for attempt in image.attempts if attempt.attempt_id == attempt_id), None)


def _milliseconds(start: datetime | None, end: datetime | None) -> int:
    return round((end - start).total_seconds() * 1000) if start and end else 0
