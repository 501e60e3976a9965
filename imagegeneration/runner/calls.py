"""Paid calls: made, resumed, and left to the next runner."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from imagegeneration.assets.reference import InputImage
from imagegeneration.core.ids import ProviderName
from imagegeneration.jobs.fallback import route_of
from imagegeneration.jobs.job import Job, JobImage
from imagegeneration.jobs.lifecycle import submitted
from imagegeneration.jobs.transitions import ImageTransitions
from imagegeneration.models.catalog import Catalog
from imagegeneration.providers.generation import (
    LONGEST_WAIT_SECONDS,
    Answer,
    CallFailed,
    GenerationParameters,
    GenerationRequest,
    LeftAtProvider,
)
from imagegeneration.providers.provider import Provider, ResumableProvider, StreamingProvider
from imagegeneration.runner.previews import Previews
from imagegeneration.runner.routing import Routing
from imagegeneration.runner.spool import Spool
from imagegeneration.runner.task import ImageTask

log = logging.getLogger(__name__)


class Calls:
    """Calls the providers for images that are past the one-way door."""

    def __init__(
        self,
        transitions: ImageTransitions,
        spool: Spool,
        previews: Previews,
        routing: Routing,
        providers: Mapping[ProviderName, Provider],
        catalog: Catalog,
    ) -> None:
        self._transitions = transitions
        self._spool = spool
        self._previews = previews
        self._routing = routing
        self._providers = providers
        self._catalog = catalog

    def make(self, job: Job, task: ImageTask, inputs: Sequence[InputImage] = ()) -> Answer:
        """Make the paid call, with the images that the job edits.

        Raises CallFailed, also for an unforeseen failure: then the money is in doubt. Raises LeftAtProvider, too; the
        next runner resumes the call.
        """
        route = route_of(job, job.images[task.index].attempt)
        provider = None if route is None else self._providers.get(route.parameters.provider)
        if route is None or provider is None:
            raise CallFailed("The provider is not configured.", certainty="not_charged")
        request = self._request(job, route.parameters, task.index).model_copy(update={"inputs": tuple(inputs)})

        def keep(handle: str) -> None:
            self._keep_handle(job, task, handle)

        numbers = itertools.count(1)

        def show(content: bytes) -> None:
            self._previews.show(job, task, next(numbers), content)

        if request.partial_images and isinstance(provider, StreamingProvider):
            streaming = provider
            return _foreseen(job, lambda: streaming.stream(request, show))
        try:
            return _foreseen(job, lambda: provider.generate(request, keep))  # guard: handle-kept
        except LeftAtProvider as left:
            # Once more: the next one has nothing else to go by.
            keep(left.handle)  # guard: handle-kept-on-leave
            raise

    def resume(self, job: Job, task: ImageTask, *, at_most_seconds: float = LONGEST_WAIT_SECONDS) -> Answer:
        """Wait for a call that was submitted before; nothing is sent again. Raises CallFailed and LeftAtProvider."""
        route = route_of(job, job.images[task.index].attempt)
        provider = None if route is None else self._providers.get(route.parameters.provider)
        if route is None or task.handle is None or not isinstance(provider, ResumableProvider):
            raise CallFailed("The provider is not configured.", certainty="unknown")
        handle, request = task.handle, self._request(job, route.parameters, task.index)
        request = request.model_copy(update={"timeout_seconds": min(request.timeout_seconds, at_most_seconds)})
        return _foreseen(job, lambda: provider.resume(request, handle))

    def can_resume(self, job: Job, image: JobImage) -> bool:
        """Return whether the provider can be asked for an answer that this machine's spool does not have."""
        if image.attempt.handle is None:  # guard: resume-with-handle
            return False
        if self._spool.has(image.attempt.attempt_id or ""):  # guard: resume-not-spooled
            return False
        route = route_of(job, image.attempt)
        if route is None:
            return False
        if not self._routing.is_as_approved(route):  # guard: resume-endpoint
            return False
        return isinstance(self._providers.get(route.parameters.provider), ResumableProvider)

    @contextmanager
    def leaving(self) -> Iterator[None]:
        """Leave calls that their providers work on by themselves to the next runner, until the end of the block."""
        resumable = [provider for provider in self._providers.values() if isinstance(provider, ResumableProvider)]
        for provider in resumable:
            provider.leaving.set()
        yield
        for provider in resumable:
            provider.leaving.clear()

    def longest_wait(self) -> float:
        """Return how many seconds a call may take that cannot be left to the next runner, by the catalog."""
        waited = {name for name, found in self._providers.items() if not isinstance(found, ResumableProvider)}
        if "sandbox" in waited:
            waited.add("openai")
        models = self._catalog.image_models
        return max((model.longest_seconds for model in models if model.provider in waited), default=0)

    def _request(self, job: Job, parameters: GenerationParameters, index: int) -> GenerationRequest:
        request, model = job.generation_request(parameters, index), self._catalog.named(parameters.model)
        if model is None:
            return request
        return request.model_copy(update={"timeout_seconds": model.seconds_for(parameters)})

    def _keep_handle(self, job: Job, task: ImageTask, handle: str) -> None:
        try:
            self._transitions.apply(
                job.job_id, task.index, lambda image, _now: submitted(image, task.attempt_id, handle)
            )
        except Exception:  # the call goes on; only a crash would now leave it in doubt
            log.exception("%s image %d: the handle %s of its call could not be kept", job.job_id, task.index, handle)


def _foreseen(job: Job, call: Callable[[], Answer]) -> Answer:
    try:
        return call()
    except (CallFailed, LeftAtProvider):
        raise
    except Exception as error:  # whatever it is, it must not leave a paid call unrecorded
        log.exception("The call for %s failed in an unforeseen way", job.job_id)
        raise CallFailed("The call failed in an unforeseen way.", certainty="unknown") from error
