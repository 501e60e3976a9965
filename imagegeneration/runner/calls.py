"""Paid calls: made, resumed, and detached for the next runner."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Mapping, Sequence
from threading import Event

from imagegeneration.assets.reference import InputImage
from imagegeneration.core.ids import ProviderName
from imagegeneration.jobs.fallback import route_of
from imagegeneration.jobs.job import Certainty, Job, JobImage
from imagegeneration.jobs.lifecycle import submitted
from imagegeneration.jobs.transitions import ImageTransitions
from imagegeneration.models.catalog import Catalog
from imagegeneration.providers.generation import (
    LONGEST_WAIT_SECONDS,
    Answer,
    CallDetached,
    CallFailed,
    GenerationParameters,
    GenerationRequest,
)
from imagegeneration.providers.provider import Call, Provider
from imagegeneration.runner.previews import Previews
from imagegeneration.runner.routing import Routing
from imagegeneration.runner.spool import Spool
from imagegeneration.runner.task import ImageTask

log = logging.getLogger(__name__)


class Calls:
    """The paid calls for images that are past the one-way door. Once `stopping` is set, calls are detached."""

    def __init__(
        self,
        transitions: ImageTransitions,
        spool: Spool,
        previews: Previews,
        routing: Routing,
        providers: Mapping[ProviderName, Provider],
        catalog: Catalog,
        stopping: Event,
    ) -> None:
        self._transitions = transitions
        self._spool = spool
        self._previews = previews
        self._routing = routing
        self._providers = providers
        self._catalog = catalog
        self._stopping = stopping

    def make(
        self,
        job: Job,
        task: ImageTask,
        inputs: Sequence[InputImage] = (),
        *,
        at_most_seconds: float = LONGEST_WAIT_SECONDS,
    ) -> Answer:
        """Make the paid call, with the images that the job edits. For a task with a handle, only wait for the answer.

        Raises CallFailed, also for an unforeseen failure, whose charge is unclear. Raises CallDetached if the next
        runner is to resume the call.
        """
        route = route_of(job, job.images[task.index].attempt)
        provider = None if route is None else self._providers.get(route.parameters.provider)
        if route is None or provider is None or (task.handle is not None and not provider.is_resumable):
            certainty: Certainty = "not_charged" if task.handle is None else "unknown"
            raise CallFailed("The provider is not configured.", certainty=certainty)
        request = self._request(job, route.parameters, task.index, at_most_seconds)
        try:
            return provider.generate(request.model_copy(update={"inputs": tuple(inputs)}), self._call(job, task))
        except CallDetached as detached:
            # Stored once more, because the next runner has only the handle to resume by.
            self._keep_handle(job, task, detached.handle)  # guard: handle-kept-on-leave
            raise
        except CallFailed:
            raise
        except Exception as error:  # any error: a paid call must be recorded
            log.exception("The call for %s failed in an unforeseen way", job.job_id)
            raise CallFailed("The call failed in an unforeseen way.", certainty="unknown") from error

    def can_resume(self, job: Job, image: JobImage) -> bool:
        """Return whether the provider can be asked for an answer that is not in this machine's spool."""
        if image.attempt.handle is None:  # guard: resume-with-handle
            return False
        if self._spool.has(image.attempt.attempt_id or ""):  # guard: resume-not-spooled
            return False
        route = route_of(job, image.attempt)
        if route is None:
            return False
        if not self._routing.is_as_approved(route):  # guard: resume-endpoint
            return False
        provider = self._providers.get(route.parameters.provider)
        return provider is not None and provider.is_resumable

    def longest_wait(self) -> float:
        """Return the maximum seconds, by the catalog, of a call that the next runner cannot resume."""
        waited = {name for name, found in self._providers.items() if not found.is_resumable}
        if "sandbox" in waited:
            waited.add("openai")
        models = self._catalog.image_models
        return max((model.longest_seconds for model in models if model.provider in waited), default=0)

    def _request(
        self, job: Job, parameters: GenerationParameters, index: int, at_most_seconds: float
    ) -> GenerationRequest:
        model = self._catalog.named(parameters.model)
        seconds = LONGEST_WAIT_SECONDS if model is None else model.seconds_for(parameters)
        request = job.generation_request(parameters, index)
        return request.model_copy(update={"timeout_seconds": min(seconds, at_most_seconds)})

    def _call(self, job: Job, task: ImageTask) -> Call:
        numbers = itertools.count(1)
        return Call(
            submitted=lambda handle: self._keep_handle(job, task, handle),  # guard: handle-kept
            preview=lambda content: self._previews.show(job, task, next(numbers), content),
            handle=task.handle,  # guard: resume-not-submit
            stopping=self._stopping,
        )

    def _keep_handle(self, job: Job, task: ImageTask, handle: str) -> None:
        try:
            self._transitions.apply(
                job.job_id, task.index, lambda image, _now: submitted(image, task.attempt_id, handle)
            )
        except Exception:  # the call goes on: only a crash now makes its charge unclear
            log.exception("%s image %d: the handle %s of its call could not be kept", job.job_id, task.index, handle)
