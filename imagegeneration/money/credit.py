"""Credits: what a user may use up beside money, and what images cost in credits."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from imagegeneration.core.value import Moment, Value

MAX_GRANT = 1_000_000

SMALL_IMAGE = 1
LARGE_IMAGE = 2
EDIT = 2
IMAGE_OF_SEVERAL = 1
SMALL_SIDE = 512
"""The longest side, in pixels, of an image at the price of a small one."""

EntryKind = Literal["granted", "spent", "given_back", "charged_after_all"]
"""The kinds of movements. `charged_after_all`: a late answer showed a charge after the credits were given back."""


class Balance(Value):
    """A user's credits: a document of the collection `credits`. A user without one is not metered.

    They are below zero only if an image was charged after its credits were given back.
    """

    schema_version: Literal[1] = 1
    person_id: str
    credits: int


class CreditEntry(Value):
    """One movement of credits; append-only. The sum of a user's deltas is the balance."""

    schema_version: Literal[1] = 1
    entry_id: str
    kind: EntryKind
    person_id: str
    delta: int
    job_id: str | None
    index: int | None
    by: str | None
    reason: str
    at: Moment


class CreditQuote(Value):
    """The cost of an approval in credits, and the user's balance."""

    cost: int = Field(ge=0)
    left: int


def credits_an_image(size: str, image_count: int, *, is_edit: bool = False) -> int:
    """Return the credits for one image of a job of `image_count` images; `size` is like `1024x1024`."""
    if image_count > 1:
        return IMAGE_OF_SEVERAL
    if is_edit:
        return EDIT
    return SMALL_IMAGE if max(map(int, size.split("x"))) <= SMALL_SIDE else LARGE_IMAGE
