"""What counts as an image."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from imagegeneration.assets.imaging import NotAnImage, inspect


def encoded(form: str = "PNG", size: tuple[int, int] = (640, 320), mode: str = "RGB", **options: object) -> bytes:
    target = io.BytesIO()
    Image.new(mode, size, "teal" if mode == "RGB" else None).save(target, form, **options)
    return target.getvalue()


def png_header(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))


@pytest.mark.parametrize(("form", "mime"), [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("WEBP", "image/webp")])
def test_an_image_is_measured_and_gets_a_thumbnail(form: str, mime: str) -> None:
    content = encoded(form, (1600, 800))
    facts, thumbnail = inspect(content)
    assert (facts.mime_type, facts.width, facts.height, facts.size_bytes) == (mime, 1600, 800, len(content))
    assert facts.sha256 == hashlib.sha256(content).hexdigest()
    with Image.open(io.BytesIO(thumbnail)) as small:
        assert (small.format, small.size) == ("WEBP", (512, 256))


def test_a_small_image_is_not_blown_up() -> None:
    _, thumbnail = inspect(encoded(size=(100, 60)))
    with Image.open(io.BytesIO(thumbnail)) as small:
        assert small.size == (100, 60)


def test_transparency_survives_in_the_thumbnail() -> None:
    _, thumbnail = inspect(encoded(mode="RGBA"))
    with Image.open(io.BytesIO(thumbnail)) as small:
        assert small.mode == "RGBA"


def test_the_thumbnail_carries_no_comment_of_the_original() -> None:
    _, thumbnail = inspect(encoded("JPEG", comment=b"canary in a comment"))
    assert b"canary" not in thumbnail


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x89",
        b"<!doctype html><p>no image</p>",
        encoded()[:-200],
        encoded("JPEG", (2000, 2000))[:500],
        encoded("GIF"),
        encoded("BMP"),
        encoded(size=(8, 8)),
        png_header(20_000, 10_000),
        png_header(9_000, 9_000),
        png_header(2**31 - 1, 1),
    ],
)
def test_what_is_no_usable_image_is_refused_in_words(content: bytes) -> None:
    with pytest.raises(NotAnImage) as refusal:
        inspect(content)
    assert len(str(refusal.value)) > 15


@given(st.binary(max_size=200), st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF0000WEBP"]))
def test_no_bytes_crash_the_check(content: bytes, magic: bytes) -> None:
    with pytest.raises(NotAnImage):
        inspect(magic + content)
