"""References: stored images that a request is made from."""

from __future__ import annotations

from pydantic import Field

from imagegeneration.core.value import Value

MAX_REFERENCES = 16
"""Maximum number of references: what the most generous provider takes in one call."""

MAX_REFERENCE_BYTES = 32 * 1024**2
"""Maximum bytes of a request's references: a runner has them in memory once for each call in flight."""


class Reference(Value):
    """A stored image that is sent with the prompt. The hash is of the approved bytes."""

    image_id: str
    sha256: str


class InputImage(Value):
    """The bytes of a reference as they are sent."""

    content: bytes = Field(repr=False)
    mime_type: str
