"""Images as bytes: open, check, measure, make the thumbnail."""

from __future__ import annotations

import hashlib
import io
import threading
from typing import cast

from PIL import Image, ImageOps

from imagegeneration.domain.generation import OutputFormat
from imagegeneration.domain.image import THUMBNAIL_SIDE, ImageFacts

MAX_PIXELS = 50_000_000
"""Largest image that is decoded; the largest that a model of the catalog makes has 8.3 million pixels."""

_DECODING = threading.BoundedSemaphore(4)
"""Decoded pixels take many times the memory of an answer, and a core decodes one image at a time anyway."""

MIN_SIDE = 16
_FORMATS = ("PNG", "JPEG", "WEBP")


class NotAnImage(Exception):
    """The bytes are not a PNG, JPEG or WebP of sane size; the message says what is wrong with them."""


def inspect(content: bytes) -> tuple[ImageFacts, bytes]:
    """Measure an image and make its thumbnail (WebP, longest side 512 pixels), decoding it once.

    Raises NotAnImage. The header is read, and the size refused, before a pixel is decoded; every pixel is
    decoded, because a header alone passes for an image that is cut off.
    """
    try:
        with _DECODING, Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            width, height = image.size
            _check_size(width, height)
            output_format = cast(OutputFormat, str(image.format).lower())
            thumbnail = _thumbnail(image)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise NotAnImage("it claims far more pixels than any model makes") from None
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError) as error:  # what Pillow raises on bad files
        raise NotAnImage("it is not a complete PNG, JPEG or WebP") from error
    facts = ImageFacts(
        output_format=output_format, width=width, height=height, size_bytes=len(content), sha256=sha256(content)
    )
    return facts, thumbnail


def sha256(content: bytes) -> str:
    """The hash by which stored bytes are known, in hex."""
    return hashlib.sha256(content).hexdigest()


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise NotAnImage(f"it claims {width} x {height} pixels, which is more than any model makes")
    if min(width, height) < MIN_SIDE:
        raise NotAnImage(f"it has only {width} x {height} pixels")


def _thumbnail(image: Image.Image) -> bytes:
    image.load()
    upright = ImageOps.exif_transpose(image)
    pixels = upright.convert("RGBA" if upright.has_transparency_data else "RGB")
    pixels.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS, reducing_gap=2.0)
    clean = Image.new(pixels.mode, pixels.size)  # pixels only: no comment, EXIF or profile of the original
    clean.paste(pixels)
    target = io.BytesIO()
    clean.save(target, "WEBP", quality=82, method=2)
    return target.getvalue()
