"""The reading of image bytes, in a child process, because it may cost any amount of memory and time.

Only what makes the picture is read. Metadata is removed before, because it may be broken in a whole picture.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from PIL import Image, ImageFile, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

PictureFormat: TypeAlias = Literal["png", "jpeg", "webp"]

MAX_PIXELS = 50_000_000
"""Maximum number of pixels. The largest image that a model of the catalog makes has 8.3 million."""

MIN_SIDE = 16
MAX_EXIF_BYTES = 65_536

Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2  # Pillow refuses above twice as many, for WebP before it allocates memory

_PNG_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_WEBP_CHUNKS = (b"VP8X", b"ALPH", b"VP8 ", b"VP8L", b"ANIM", b"ANMF")
_WEBP_METADATA = 0b00101100
"""The bits of VP8X that announce a colour profile, EXIF and XMP."""

_ORIENTATION = 0x0112
_UPRIGHT: Mapping[object, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ON_ITS_SIDE = (5, 6, 7, 8)


class NotAnImage(Exception):
    """The error of bytes that are not a PNG, JPEG or WebP of sane size. The message says what is wrong."""


@dataclass(frozen=True)
class Picture:
    """What was found: the format, the size in pixels as shown, upright, and a small WebP of the image."""

    form: PictureFormat
    width: int
    height: int
    thumbnail: bytes


def form_of(content: bytes) -> PictureFormat | None:
    """Return the format that the first bytes announce, or None if it is none of the three."""
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if content.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    return "webp" if content.startswith(b"RIFF") and content[8:12] == b"WEBP" else None


def read_picture(content: bytes, thumbnail_side: int) -> Picture:
    """Measure an image and make its thumbnail, decoding it once.

    The header is read, and the size checked, before a pixel is decoded. Every pixel is decoded, because a cut-off image
    has a valid header. Raises NotAnImage, and MemoryError.
    """
    form = form_of(content)
    if form is None:
        raise NotAnImage("it is not a PNG, JPEG or WebP")
    bare, plugin = _READERS[form]
    try:
        pixels, exif = bare(content)
        with plugin(io.BytesIO(pixels)) as image:
            width, height = image.size
            _check_size(width, height)
            image.load()
            orientation = _orientation(exif)
            thumbnail = _thumbnail(image, orientation, thumbnail_side)
    except Image.DecompressionBombError:
        raise NotAnImage("it claims far more pixels than any model makes") from None
    except (OSError, ValueError, SyntaxError, EOFError, LookupError, TypeError, struct.error) as error:
        if "memory" in str(error):
            raise MemoryError from error
        raise NotAnImage("it is not a complete PNG, JPEG or WebP") from error
    if orientation in _ON_ITS_SIDE:
        width, height = height, width
    return Picture(form, width, height, thumbnail)


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise NotAnImage(f"it claims {width} x {height} pixels, which is more than any model makes")
    if min(width, height) < MIN_SIDE:
        raise NotAnImage(f"it has only {width} x {height} pixels")


def _bare_png(content: bytes) -> tuple[bytes, bytes]:
    """Return the chunks that make the picture, and its EXIF."""
    kept, exif, at = [content[:8]], b"", 8
    while at + 12 <= len(content):
        size, kind = struct.unpack_from(">I4s", content, at)
        end = at + 12 + size
        if kind in _PNG_CHUNKS:
            kept.append(content[at:end])
        elif kind == b"eXIf":
            exif = content[at + 8 : end - 4]
        if kind == b"IEND":
            break
        at = end
    return b"".join(kept), exif


def _bare_jpeg(content: bytes) -> tuple[bytes, bytes]:
    """Return the segments that make the picture, and its EXIF. A further picture after the first (MPO) is not read."""
    kept, exif, at = [content[:2]], b"", 2
    while at + 4 <= len(content) and content[at] == 0xFF:
        marker = content[at + 1]
        if marker == 0xFF:  # padding
            at += 1
            continue
        end = at + 2 + int.from_bytes(content[at + 2 : at + 4])
        data = content[at + 4 : end]
        if marker == 0xE1 and data.startswith(b"Exif\0\0"):
            exif = data[6:]
        is_metadata = 0xE0 <= marker <= 0xEF or marker == 0xFE
        says_how_colours_are_meant = marker == 0xEE and data.startswith(b"Adobe") and len(data) >= 12
        if not is_metadata or says_how_colours_are_meant:
            kept.append(content[at:end])
        at = end
        if marker == 0xDA:  # the picture itself follows
            break
    return b"".join((*kept, content[at:])), exif


def _bare_webp(content: bytes) -> tuple[bytes, bytes]:
    """Return the chunks that make the picture, and its EXIF."""
    kept, exif, at = [], b"", 12
    while at + 8 <= len(content):
        kind, size = struct.unpack_from("<4sI", content, at)
        end = at + 8 + size + size % 2
        if kind == b"VP8X" and size == 10:
            flags = bytes([content[at + 8] & ~_WEBP_METADATA])
            kept.append(content[at : at + 8] + flags + content[at + 9 : end])
        elif kind in _WEBP_CHUNKS:
            kept.append(content[at:end])
        elif kind == b"EXIF":
            exif = content[at + 8 : at + 8 + size].removeprefix(b"Exif\0\0")
        at = end
    chunks = b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WEBP" + chunks, exif


_READERS: Mapping[
    PictureFormat, tuple[Callable[[bytes], tuple[bytes, bytes]], Callable[[io.BytesIO], ImageFile.ImageFile]]
] = {
    "png": (_bare_png, PngImagePlugin.PngImageFile),
    "jpeg": (_bare_jpeg, JpegImagePlugin.JpegImageFile),
    "webp": (_bare_webp, WebPImagePlugin.WebPImageFile),
}


def _orientation(exif: bytes) -> object:
    """Return how the camera was held, as EXIF has it, or None if EXIF does not say or cannot be read."""
    try:
        tags = Image.Exif()
        tags.load(exif[:MAX_EXIF_BYTES])
        return tags.get(_ORIENTATION)
    except Exception:  # noqa: BLE001 - any error: the picture is whole without EXIF
        return None


def _thumbnail(image: Image.Image, orientation: object, side: int) -> bytes:
    if image.mode == "I;16":  # Pillow would turn all but the darkest 256 greys into white
        image = image.convert("I").point(lambda grey: grey / 256).convert("L")
        image.info.pop("transparency", None)  # it is a 16-bit grey
    mode = "RGBA" if image.has_transparency_data else "RGB"
    if image.mode not in ("L", mode) or "transparency" in image.info:
        image = image.convert(mode)  # Pillow cannot shrink other modes
    image.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=2.0)
    image = image.convert(mode)
    if orientation in _UPRIGHT:
        image = image.transpose(_UPRIGHT[orientation])
    clean = Image.new(image.mode, image.size)  # pixels only: no metadata of the original is kept
    clean.paste(image)
    target = io.BytesIO()
    clean.save(target, "WEBP", quality=82, method=2)
    return target.getvalue()
