"""Credits: what a person may use up beside the money, and what images cost in them."""

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
"""The longest side, in pixels, of an image that costs as a small one."""

EntryKind = Literal["granted", "spent", "given_back", "charged_after_all"]
"""`charged_after_all`: credits were given back, and then a late answer showed that the image was charged."""


class Balance(Value):
    """What a person has left: a document of the collection `credits`. Who has none is not metered.

    It is below zero only where an image was charged after its credits had been given back.
    """

    schema_version: Literal[1] = 1
    person_id: str
    credits: int


class CreditEntry(Value):
    """One movement of credits; append-only. The sum of a person's deltas is the balance."""

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
    """What an approval costs in credits, and what its person has left."""

    cost: int = Field(ge=0)
    left: int


def credits_an_image(size: str, image_count: int, *, is_edit: bool = False) -> int:
    """What one image of a job of `image_count` images costs; `size` is like `1024x1024`."""
    if image_count > 1:
        return IMAGE_OF_SEVERAL
    if is_edit:
        return EDIT
    return SMALL_IMAGE if max(map(int, size.split("x"))) <= SMALL_SIDE else LARGE_IMAGE
