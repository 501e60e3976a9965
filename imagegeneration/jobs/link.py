"""Links from a job to what it is for in the caller's own system, such as an article or a campaign.

They are the entity associations of "Image Generation Pipeline (legacy service concepts)".
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from imagegeneration.core.value import Many, Value

MAX_LINKS = 10
_TYPE = r"[a-z][a-z0-9_-]{0,31}"
_ID = r"[!-~](?:[ -~]{0,98}[!-~])?"
LINK_PATTERN = f"^{_TYPE}:{_ID}$"
"""The form of a link in a search: `type:id`."""


class Link(Value):
    """A link to one thing of the caller's: its type, and its id of 1 to 100 printable ASCII characters."""

    type: str = Field(pattern=f"^{_TYPE}$")
    id: str = Field(pattern=f"^{_ID}$")

    @classmethod
    def read(cls, text: str) -> Link:
        """Return the link that is written as `type:id`. The id may contain colons."""
        kind, _, one = text.partition(":")
        return cls(type=kind, id=one)


def _none_twice(links: tuple[Link, ...]) -> tuple[Link, ...]:
    if len(set(links)) < len(links):
        raise ValueError("must not have the same link twice")
    return links


Links = Annotated[
    Many[Link], Field(max_length=MAX_LINKS, json_schema_extra={"uniqueItems": True}), AfterValidator(_none_twice)
]
"""Up to ten distinct links."""
