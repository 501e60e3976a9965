"""The decisions about an image that only a user may make (docs/reliability.md)."""

from __future__ import annotations

from typing import Literal

Decision = Literal["accept_lost", "not_charged", "declare_lost", "try_again"]
"""The decisions.

Accept an unclear charge as lost; mark it as not charged; declare an image lost whose bytes are on a lost machine or
could not be taken in; try again to take in an answer that was set aside. Making the image again is a retry.
"""
