"""The plan of an approval: the request and its alternates."""

from __future__ import annotations

from pydantic import Field

from imagegeneration.core.value import Many, Micros, Value
from imagegeneration.models.options import MAX_ALTERNATES
from imagegeneration.providers.generation import GenerationParameters


class GenerationPlan(Value):
    """The request, and the alternates for an image that was not charged, in their order.

    An alternate costs at most `max_extra_micros` an image more than the request.
    """

    request: GenerationParameters
    alternates: Many[GenerationParameters] = Field(default=(), max_length=MAX_ALTERNATES)
    max_extra_micros: Micros = 0

    @property
    def routes(self) -> tuple[GenerationParameters, ...]:
        """Return every route to an image, the request first."""
        return (self.request, *self.alternates)
