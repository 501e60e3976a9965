"""What makes a picture, and what costs it: never its metadata."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from PIL import Image

from imagegeneration.assets.picture import NotAnImage, form_of, read_picture
from tests.support import FORMS, mutants, photo

BROKEN = b"Exif\0\0II*\0\xff\xff\xff\xff and more that is no EXIF"
SIDE = 512


def oriented(value: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = value
    return exif


def shown(thumbnail: bytes) -> Image.Image:
    return Image.open(io.BytesIO(thumbnail)).convert("RGB")


def chunk(kind: bytes, data: bytes, crc: int | None = None) -> bytes:
    checked = zlib.crc32(kind + data) if crc is None else crc
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checked)


def with_chunk(png: bytes, extra: bytes) -> bytes:
    """The PNG with one more chunk behind its header."""
    return png[:33] + extra + png[33:]


def test_a_jpeg_of_two_pictures_is_a_jpeg() -> None:
    content = photo("MPO")
    with Image.open(io.BytesIO(content)) as image:
        assert image.format == "MPO"
    found = read_picture(content, SIDE)
    assert (found.form, found.width, found.height) == ("jpeg", 96, 64)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("exif", [BROKEN, b"Exif\0\0", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"])
def test_broken_exif_does_not_cost_the_picture(form: str, exif: bytes) -> None:
    whole, broken = read_picture(photo(form), SIDE), read_picture(photo(form, exif=exif), SIDE)
    assert (broken.width, broken.height) == (96, 64)
    assert broken.thumbnail == whole.thumbnail


@pytest.mark.parametrize(
    "extra",
    [
        chunk(b"zTXt", b"comment\0\0" + zlib.compress(b"x" * 70_000_000)),
        chunk(b"zTXt", b"comment\0\0no zlib stream"),
        chunk(b"iTXt", b"\xff\xff"),
        chunk(b"iCCP", b"no profile"),
        chunk(b"tEXt", b"comment\0a prompt", crc=0),
        chunk(b"pHYs", b""),
        chunk(b"acTL", b"\0\0\0\0"),
        chunk(b"gAMA", b"\xff"),
        chunk(b"eXIf", BROKEN),
    ],
)
def test_no_chunk_beside_the_picture_costs_a_png(extra: bytes) -> None:
    content = photo("PNG")
    assert read_picture(with_chunk(content, extra), SIDE).thumbnail == read_picture(content, SIDE).thumbnail


@pytest.mark.parametrize(
    "segment", [b"\xff\xe0\0\x07JFIF\0", b"\xff\xe2\0\x12MPF\0no directory", b"\xff\xed\0\x04\0\0"]
)
def test_no_segment_beside_the_picture_costs_a_jpeg(segment: bytes) -> None:
    content = photo("JPEG")
    broken = content[:2] + segment + content[2:]
    assert read_picture(broken, SIDE).thumbnail == read_picture(content, SIDE).thumbnail


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_thumbnail_and_the_size_are_upright(form: str) -> None:
    whole = Image.open(io.BytesIO(photo(form)))
    for value in range(1, 9):
        content = photo(form, exif=oriented(value))
        found = read_picture(content, SIDE)
        turned = value >= 5
        assert (found.width, found.height) == ((64, 96) if turned else (96, 64))
        assert shown(found.thumbnail).size == (found.width, found.height)
    plain, upside_down = (shown(read_picture(photo(form, exif=oriented(value)), SIDE).thumbnail) for value in (1, 3))
    corner = whole.convert("RGB").getpixel((2, 2))
    assert _near(plain.getpixel((2, 2)), corner)
    assert _near(upside_down.getpixel((93, 61)), corner)


def _near(one: object, other: object) -> bool:
    assert isinstance(one, tuple)
    assert isinstance(other, tuple)
    return all(abs(a - b) < 40 for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_kind_of_png_has_a_thumbnail(mode: str) -> None:
    target = io.BytesIO()
    Image.new(mode, (700, 700)).save(target, "PNG")
    assert shown(read_picture(target.getvalue(), SIDE).thumbnail).size == (512, 512)


def test_a_webp_that_claims_more_pixels_than_any_model_makes_is_refused_before_memory_is_taken() -> None:
    header = b"VP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + (9_999).to_bytes(3, "little") * 2
    with pytest.raises(NotAnImage, match="far more pixels"):
        read_picture(b"RIFF" + struct.pack("<I", len(header) + 4) + b"WEBP" + header, SIDE)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_file_is_read_whole(form: str) -> None:
    content = photo(**FORMS[form])
    found = read_picture(content, SIDE)
    assert (found.form, found.width, found.height) == (form_of(content), 96, 64)
    edge, middle = (shown(found.thumbnail).convert("L").getpixel((at, 32)) for at in (2, 48))
    assert edge != middle, "its pixels are there"


def test_sixteen_bits_of_grey_are_shown_as_eight() -> None:
    deep, plain = photo("PNG", mode="I;16"), photo("PNG", mode="L")
    assert deep != plain
    transparent = with_chunk(deep, chunk(b"tRNS", b"\x01\x02"))
    whole = read_picture(plain, SIDE).thumbnail
    assert [read_picture(content, SIDE).thumbnail for content in (deep, transparent)] == [whole, whole]


def test_the_forms_are_what_they_say() -> None:
    marks = {
        "PNG of 16 bits": b"\x10\x00\x00\x00\x00",
        "PNG with a palette": b"PLTE",
        "progressive JPEG": b"\xff\xc2",
        "JPEG in CMYK": b"Adobe",
        "WebP without loss": b"VP8L",
        "WebP that moves": b"ANMF",
    }
    for form, mark in marks.items():
        assert mark in photo(**FORMS[form]), form


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.filterwarnings("ignore:Tag data larger:UserWarning")  # of EXIF behind where the segments are cut off
@pytest.mark.parametrize("count", [60, pytest.param(2_000, marks=pytest.mark.long)])
def test_a_damaged_image_is_a_picture_or_is_not_and_nothing_else(form: str, count: int) -> None:
    content = photo(**FORMS[form], exif=oriented(6))
    for mutant in mutants(content, count, seed=count):
        try:
            found = read_picture(mutant, SIDE)
        except NotAnImage:
            continue
        assert found.width * found.height > 0
        assert shown(found.thumbnail).size <= (SIDE, SIDE)
