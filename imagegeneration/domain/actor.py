"""Who acts."""

from __future__ import annotations

from imagegeneration.domain.value import Value


class Actor(Value):
    """The person or program on whose behalf something is done.

    `user_id` is opaque and becomes part of public URLs, so it is never an e-mail address.
    """

    user_id: str


LOCAL = Actor(user_id="local")
"""The only actor until sign-in is configured (DESIGN.md, section 4)."""
