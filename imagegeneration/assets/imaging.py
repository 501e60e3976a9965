"""Images as bytes: check, measure, make the thumbnail."""

from __future__ import annotations

import atexit
import hashlib

from imagegeneration.assets.asset import THUMBNAIL_SIDE, ImageFacts
from imagegeneration.assets.decoder import Decoder, Unreadable
from imagegeneration.assets.picture import NotAnImage, form_of

__all__ = ["NotAnImage", "Unreadable", "form_of", "inspect", "prepare", "sha256"]

_DECODER = Decoder()
"""The decoder of this process. Decoded pixels take much memory, so images are read one at a time."""

atexit.register(_DECODER.close)


def prepare() -> None:
    """Start the decoder, so that the first image does not wait for it."""
    _DECODER.start()


def inspect(content: bytes) -> tuple[ImageFacts, bytes]:
    """Measure an image and make its thumbnail (WebP, longest side 512 pixels), in another process.

    Raises NotAnImage, or Unreadable if that cannot be found out.
    """
    if form_of(content) is None:
        raise NotAnImage("it is not a PNG, JPEG or WebP")
    picture = _DECODER.read(content, THUMBNAIL_SIDE)
    facts = ImageFacts(
        output_format=picture.form,
        width=picture.width,
        height=picture.height,
        size_bytes=len(content),
        sha256=sha256(content),
    )
    return facts, picture.thumbnail


def sha256(content: bytes) -> str:
    """Return the hash by which stored bytes are known, in hex."""
    return hashlib.sha256(content).hexdigest()
