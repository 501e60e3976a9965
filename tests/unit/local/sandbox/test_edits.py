"""The form of an edit as the sandbox takes it: what OpenAI refuses is refused."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from imagegeneration.local.sandbox import edits
from imagegeneration.local.sandbox.multipart import Part, read_form
from imagegeneration.local.sandbox.wire import WireError


def picture(kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16)).save(buffer, kind)
    return buffer.getvalue()


def file(content: bytes | None = None, name: str = "image[]", kind: str = "image/png") -> Part:
    return Part(name, "image.png", kind, picture() if content is None else content)


def text(name: str, content: bytes = b"x") -> Part:
    return Part(name, None, "text/plain", content)


def test_one_image_or_up_to_sixteen_are_taken() -> None:
    assert len(edits.images([file(name="image")])) == 1
    assert len(edits.images([file()] * 16)) == 16
    assert edits.images([file(picture("WEBP"), kind="image/webp")])[0].picture.size == (16, 16)


@pytest.mark.parametrize(
    ("form", "why"),
    [
        ([text("prompt")], "Missing required parameter: 'image'"),
        ([file()] * 17, "up to 16"),
        ([file(name="image")] * 2, "up to 16"),
        ([file(kind="image/gif")], "unsupported mimetype"),
        ([file(kind="application/octet-stream")], "unsupported mimetype"),
        ([file(picture("WEBP"))], "no such image"),
        ([file(b"no image")], "no such image"),
        ([text("image", picture())], "unsupported mimetype"),
    ],
)
def test_what_is_no_image_to_edit_is_refused(form: list[Part], why: str) -> None:
    with pytest.raises(WireError, match=why) as refused:
        edits.images(form)
    assert refused.value.status == 400


@pytest.mark.parametrize("form", [[text("n"), text("n")], [file(name="prompt")], [text("prompt", b"\xff")]])
def test_a_field_is_one_text(form: list[Part]) -> None:
    with pytest.raises(WireError):
        edits.texts(form)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b"--x--"),
        ("multipart/form-data; boundary=x", b""),
        ("multipart/form-data; boundary=x", b"--x\r\nno headers\r\n--x--"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Type: text/plain\r\n\r\nnameless\r\n--x--"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="n"\r\n\r\nno end'),
    ],
)
def test_what_is_no_form_is_refused(kind: str, body: bytes) -> None:
    with pytest.raises(WireError):
        read_form(kind, body)
