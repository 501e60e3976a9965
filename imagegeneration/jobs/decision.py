"""What a person decides about an image that the machine may not decide about (DESIGN.md, section 4)."""

from __future__ import annotations

from typing import Literal

Decision = Literal["accept_lost", "not_charged", "declare_lost", "try_again"]
"""An image that was perhaps charged is accepted as lost, or the provider is known not to have charged it; an
image whose bytes are on a machine that is gone, or could not be taken in, is declared lost; what could not be taken in
is tried again. To make it again is a retry."""
