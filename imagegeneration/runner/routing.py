"""Routing: which approved route to an image may be called now, and which alternate follows."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from imagegeneration.core.ids import ProviderName
from imagegeneration.jobs.fallback import NextRoute, Route, next_route, route_of, routes_after
from imagegeneration.jobs.job import Job, JobImage
from imagegeneration.jobs.lifecycle import passed_over
from imagegeneration.jobs.transitions import ImageTransitions
from imagegeneration.providers.breakers import Breakers
from imagegeneration.providers.generation import GenerationParameters
from imagegeneration.providers.pauses import Pauses

log = logging.getLogger(__name__)


class Routing:
    """The routing of images to approved, callable providers. `endpoints` are the hashes of the configured ones."""

    def __init__(
        self, transitions: ImageTransitions, pauses: Pauses, breakers: Breakers, endpoints: Mapping[ProviderName, str]
    ) -> None:
        self._transitions = transitions
        self._pauses = pauses
        self._breakers = breakers
        self._endpoints = endpoints

    def endpoint(self, provider: ProviderName) -> str | None:
        """Return the hash of the provider's endpoint, or None if it is not configured."""
        return self._endpoints.get(provider)

    def is_as_approved(self, route: Route) -> bool:
        """Return whether the route's provider is configured with the endpoint that was approved."""
        return self._endpoints.get(route.parameters.provider) == route.endpoint_sha256

    def routed(self, job: Job, index: int) -> Job | None:
        """Return the job with its image routed to a callable provider, or None if it must wait.

        If the image's provider is paused or no longer configured, the next approved alternate that is neither takes
        over. One call tests a paused provider. The lease does not change.
        """
        image = job.images[index]
        route = route_of(job, image.attempt)
        if route is None:
            return None
        if self._pauses.board.is_everything_paused:  # guard: pass-over-pause-all
            return None
        wanted = route.parameters
        if self.endpoint(wanted.provider) is not None and self._breakers.allow_call(wanted):
            return job
        why = self._wait_reason(wanted)
        following = None if why is None else self.following(job, image, why, waits=False)
        return None if following is None else self._pass_over(job, image, following)

    def following(
        self, job: Job, image: JobImage, why: str, *, waits: bool, without: ProviderName | None = None
    ) -> NextRoute | None:
        """Return the first alternate that may follow and is not paused, or None if there is none.

        With `waits`, return the first of all if all are paused. An alternate is called only at its approved endpoint,
        and alternates of the provider `without` are left out.
        """
        left = routes_after(job, image.attempt)
        able = [
            route
            for route in left
            if self.is_as_approved(route)  # guard: fallback-endpoint
            if route.parameters.provider != without  # guard: fallback-refused-account
        ]
        board = self._pauses.board
        at_once = [route for route in able if board.wait_reason(route.parameters) is None]
        chosen = next(iter(at_once or (able if waits else [])), None)  # guard: pass-over-paused-alternate
        return None if chosen is None else next_route(chosen, left, why)

    def _wait_reason(self, wanted: GenerationParameters) -> str | None:
        if self.endpoint(wanted.provider) is None:
            return f"{wanted.provider} is not configured any more."
        return self._pauses.board.wait_reason(wanted)

    def _pass_over(self, job: Job, image: JobImage, following: NextRoute) -> Job | None:
        """Let the alternate take over without a call. Return None if the image has changed meanwhile."""
        index, route = image.index, following.route
        moved = self._transitions.apply(
            job.job_id,
            index,
            lambda found, now: passed_over(found, following, now) if found == image else found,  # guard: pass-over-once
        )
        if moved is None:
            return None
        # guard: pass-over-not-begun
        if moved.state != "HELD" or moved.attempt.route != route.index:
            return None
        log.info("%s image %d goes on with %s: %s", job.job_id, index, route.parameters.model, following.why)
        return job.model_copy(update={"images": (*job.images[:index], moved, *job.images[index + 1 :])})
