"""The cost of an answer, by the provider's count of tokens."""

from __future__ import annotations

from imagegeneration.jobs.fallback import route_of
from imagegeneration.jobs.job import Attempt, Job, JobImage
from imagegeneration.models.catalog import Catalog
from imagegeneration.providers.generation import Answer, Usage

ABSURD_TIMES = 100
"""Maximum ratio of a bill to its quote. A higher bill would exceed any budget, or what the database can store."""


class Bills:
    """The judgement of token counts, and their prices by the catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def judged(self, job: Job, index: int, attempt_id: str, usage: Usage) -> Usage:
        """Return the count, marked as implausible if the approved call cannot have used that many tokens."""
        attempt = _attempt_of(job.images[index], attempt_id)
        route = route_of(job, attempt)
        if route is None:  # the job was changed since the call, so the count has no price to compare with
            return usage.model_copy(update={"implausible": True})
        most, is_edit = attempt.max_cost_micros * ABSURD_TIMES, job.request.is_edit
        return self._catalog.judged(route.parameters, usage, is_edit=is_edit, max_cost_micros=most)

    def cost(self, image: JobImage, attempt_id: str, answer: Answer) -> int:
        """Return the answer's cost in micro-dollars by its count, or the quote if count or price is missing."""
        attempt = _attempt_of(image, attempt_id)
        counted = None if answer.usage is None else self._catalog.cost(attempt.model, answer.usage)
        is_absurd = counted is not None and counted > attempt.max_cost_micros * ABSURD_TIMES
        return attempt.max_cost_micros if counted is None or is_absurd else counted


def _attempt_of(image: JobImage, attempt_id: str) -> Attempt:
    """Return the attempt that an answer belongs to, or the latest one if the image does not know the id."""
    return image.attempt_of(attempt_id) or image.attempt
