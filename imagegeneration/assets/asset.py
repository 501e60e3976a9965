"""A stored image: one document of the collection `images`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from imagegeneration.core.ids import ProviderName
from imagegeneration.core.value import Micros, Moment, Value, sparse

OutputFormat = Literal["png", "jpeg", "webp"]

THUMBNAIL_SIDE = 512
"""Longest side of a thumbnail, in pixels."""


class ImageFacts(Value):
    """The facts that measuring the bytes of an image gives."""

    output_format: OutputFormat
    width: int = Field(ge=1)
    height: int = Field(ge=1)
    size_bytes: int = Field(ge=1)
    sha256: str

    @property
    def mime_type(self) -> str:
        """Return the media type of the actual bytes, whatever was requested."""
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
    """Return the key of an original. The hash in it makes the address immutable."""
    extension = {"jpeg": "jpg"}.get(output_format, output_format)
    return f"{storage_prefix(user_id, created_at, job_id, index)}{sha256[:16]}.{extension}"


def storage_prefix(user_id: str, created_at: Moment, job_id: str, index: int) -> str:
    """Return the part of the key that is known before the bytes are. Recovery lists by it."""
    return f"generated/{user_id}/{created_at:%Y/%m}/{job_id}-{index}-"


def partial_key(user_id: str, created_at: Moment, job_id: str, index: int, attempt_id: str, number: int) -> str:
    """Return the key of a preview: apart from the images, so that a bucket may delete previews."""
    return f"partial/{user_id}/{created_at:%Y/%m}/{job_id}-{index}-{attempt_id}-{number}.webp"


def aside_key(user_id: str, created_at: Moment, job_id: str, index: int, attempt_id: str) -> str:
    """Return the key of an answer that was set aside: apart from the images, which recovery adopts."""
    return f"set-aside/{user_id}/{created_at:%Y/%m}/{job_id}-{index}-{attempt_id}"


def thumbnail_key(key: str) -> str:
    """Return the key of the thumbnail of the original at `key`."""
    stem = key.rsplit(".", 1)[0]
    return f"{stem}.thumb.webp"
