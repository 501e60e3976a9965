"""A stored image: one document of the collection `images`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from imagegeneration.core.ids import ProviderName
from imagegeneration.core.value import Micros, Moment, Value, sparse

OutputFormat = Literal["png", "jpeg", "webp"]

THUMBNAIL_SIDE = 512
"""Longest side of a thumbnail, in pixels (DESIGN.md, section 4)."""


class ImageFacts(Value):
    """What measuring the bytes of an image says."""

    output_format: OutputFormat
    width: int = Field(ge=1)
    height: int = Field(ge=1)
    size_bytes: int = Field(ge=1)
    sha256: str

    @property
    def mime_type(self) -> str:
        """The media type of the bytes as they are, whatever was asked for."""
        return f"image/{self.output_format}"


class StoredImage(Value):
    """An image that is in the bucket, original byte for byte. `seal` is the HMAC of this record (jobs/seal.py)."""

    schema_version: Literal[1] = 1
    image_id: str
    job_id: str
    index: int
    attempt_id: str
    user_id: str
    role: Literal["output"] = "output"
    url: str
    thumbnail_url: str
    storage_key: str
    bucket: str
    mime_type: str
    width: int
    height: int
    size_bytes: int
    sha256: str
    provider: ProviderName
    model: str
    duration_ms: int
    cost_micros: Micros
    is_edit: bool = False
    created_at: Moment
    seal: str | None = sparse(None)


def storage_key(
    user_id: str, created_at: Moment, job_id: str, index: int, output_format: OutputFormat, sha256: str
) -> str:
    """Where the original goes; the hash in it makes the address immutable (DESIGN.md, section 4)."""
    extension = {"jpeg": "jpg"}.get(output_format, output_format)
    return f"{storage_prefix(user_id, created_at, job_id, index)}{sha256[:16]}.{extension}"


def storage_prefix(user_id: str, created_at: Moment, job_id: str, index: int) -> str:
    """The part of the key that is known before the bytes are; recovery lists by it."""
    return f"generated/{user_id}/{created_at:%Y/%m}/{job_id}-{index}-"


def partial_key(user_id: str, created_at: Moment, job_id: str, index: int, attempt_id: str, number: int) -> str:
    """Where what an image looked like on the way goes: apart from the images, so that a bucket may forget it."""
    return f"partial/{user_id}/{created_at:%Y/%m}/{job_id}-{index}-{attempt_id}-{number}.webp"


def aside_key(user_id: str, created_at: Moment, job_id: str, index: int, attempt_id: str) -> str:
    """Where the bytes of an answer go that could not be taken in: apart from the images, which recovery adopts."""
    return f"set-aside/{user_id}/{created_at:%Y/%m}/{job_id}-{index}-{attempt_id}"


def thumbnail_key(key: str) -> str:
    """Where the thumbnail of the original at `key` goes."""
    stem = key.rsplit(".", 1)[0]
    return f"{stem}.thumb.webp"
