"""The form of POST /v1/images/edits: texts, and 1 to 16 images; all else is refused as OpenAI refuses it."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from imagegeneration.local.sandbox.multipart import Part
from imagegeneration.local.sandbox.wire import Json, WireError

IMAGES_MAX = 16
IMAGE_BYTES_MAX = 50 * 1000**2
_FILES = ("image", "image[]")
_FORMATS = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}


@dataclass(frozen=True)
class Given:
    """An image to edit."""

    sha256: str
    picture: Image.Image


def texts(form: Sequence[Part]) -> Json:
    """Return the text fields by name. Raises WireError 400 for one that occurs twice, or is not text."""
    found: Json = {}
    for part in form:
        if part.name in _FILES:
            continue
        if part.name in found or part.file_name is not None:
            raise _invalid(part.name, "one text is wanted")
        try:
            found[part.name] = part.content.decode()
        except UnicodeDecodeError:
            raise _invalid(part.name, "it is not UTF-8") from None
    return found


def images(form: Sequence[Part]) -> list[Given]:
    """Return the images in their order. Raises WireError 400 for too many, too large, or what is no image."""
    files = [part for part in form if part.name in _FILES]
    if not files:
        raise WireError(400, "Missing required parameter: 'image'.", code="missing_required_parameter")
    if len(files) > (IMAGES_MAX if all(part.name == "image[]" for part in files) else 1):
        raise _invalid("image", f"one, or up to {IMAGES_MAX} as 'image[]', are wanted")
    return [_given(part) for part in files]


def _given(part: Part) -> Given:
    kind = _FORMATS.get(part.content_type)
    if part.file_name is None or kind is None:
        raise _invalid("image", f"unsupported mimetype ('{part.content_type}')")
    if len(part.content) >= IMAGE_BYTES_MAX:
        raise _invalid("image", "it is too large")
    try:
        with Image.open(io.BytesIO(part.content), formats=[kind]) as opened:
            picture = opened.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise _invalid("image", "it is no such image") from None
    return Given(hashlib.sha256(part.content).hexdigest(), picture)


def _invalid(name: str, why: str) -> WireError:
    return WireError(400, f"Invalid value for '{name}': {why}.", code="invalid_value")
