"""Base64 inside JSON: the same as a parser and a decoder find, whatever the document looks like."""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import time
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagegeneration.providers import encoded
from imagegeneration.providers.encoded import EncodedAnswer

TEXTS = st.text() | st.sampled_from(['"data":"QUJD', "\\", '\\"data\\": "QUJDRA=="', "QUJDRA==" * 3])
DOCUMENTS = st.recursive(
    TEXTS | st.integers() | st.none() | st.binary(max_size=40).map(lambda some: base64.b64encode(some).decode()),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["data", "b", 'x"data', "data\\"]) | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=20,
)


def same(answer: EncodedAnswer, found: Any, plain: Any) -> bool:
    """Whether both documents are alike, and an image is what its text stands for."""
    if isinstance(plain, dict):
        return (
            isinstance(found, dict)
            and list(found) == list(plain)
            and all(same(answer, found[k], plain[k]) for k in plain)
        )
    if isinstance(plain, list):
        return len(found) == len(plain) and all(map(same, [answer] * len(plain), found, plain))
    if isinstance(plain, str) and type(found) is int:
        return _decoded(answer, found) == _plainly(plain)
    return bool(found == plain)


def _decoded(answer: EncodedAnswer, found: object) -> bytes | None:
    try:
        return answer.image(found)
    except ValueError:
        return None


def _plainly(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return _decoded(EncodedAnswer(b"{}", "data"), text)  # in another form: the same as from a text in the document


@given(document=DOCUMENTS, ascii_only=st.booleans(), indent=st.sampled_from([None, 1]))
@settings(max_examples=300)
def test_the_document_is_the_same_and_its_images_too(document: object, ascii_only: bool, indent: int | None) -> None:
    try:
        body = json.dumps(document, ensure_ascii=ascii_only, indent=indent).encode()
    except UnicodeEncodeError:
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoded, "WORTH_CUTTING", 4)
        answer = EncodedAnswer(body, "data")
    assert same(answer, answer.document, document)


@given(st.binary())
def test_a_body_that_is_no_json_is_a_value_error(body: bytes) -> None:
    try:
        json.loads(body)
    except ValueError:
        with pytest.raises((json.JSONDecodeError, UnicodeDecodeError)):
            EncodedAnswer(body, "data")


@pytest.mark.parametrize("found", [0, -1, 7, True, None, {}, "Q", "QUJD!RA==", "data:image/png;base64", "\ud7ff"])
def test_what_is_no_image_is_refused(found: object) -> None:
    with pytest.raises((binascii.Error, TypeError)):
        EncodedAnswer(b"{}", "data").image(found)


def test_an_image_of_two_megabytes_is_not_copied_as_text() -> None:
    image = bytes(range(256)) * 8_000
    body = json.dumps({"data": base64.b64encode(image).decode()}).encode()
    tracemalloc.start()
    answer = EncodedAnswer(body, "data")
    decoded = answer.image(answer.document["data"])
    highest = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert decoded == image
    assert highest < 1.2 * len(image)


PICTURE = bytes(range(256)) * 40 + b"\xfb\xff"
PLAIN = base64.b64encode(PICTURE).decode()


@pytest.mark.parametrize(
    "text",
    [
        f"data:image/png;base64,{PLAIN}",
        f"DATA:image/png;charset=utf-8;base64, {PLAIN}",
        base64.encodebytes(PICTURE).decode(),
        base64.encodebytes(PICTURE).decode().replace("\n", "\r\n"),
        base64.urlsafe_b64encode(PICTURE).decode(),
        PLAIN.rstrip("="),
        f"data:;base64,{base64.urlsafe_b64encode(PICTURE).decode().rstrip('=')}\n",
    ],
    ids=["prefix", "PREFIX", "lines", "crlf", "url-safe", "no-padding", "all"],
)
@pytest.mark.parametrize("escape", [False, True])
def test_forms_that_servers_really_send_are_decoded(text: str, escape: bool) -> None:
    body = json.dumps({"data": text})
    answer = EncodedAnswer((body.replace("/", "\\/") if escape else body).encode(), "data")
    assert answer.image(answer.document["data"]) == PICTURE


def test_a_lenient_form_of_an_image_costs_one_copy_more() -> None:
    image = bytes(range(256)) * 8_000
    body = json.dumps({"data": "data:image/png;base64," + base64.urlsafe_b64encode(image).decode()}).encode()
    tracemalloc.start()
    answer = EncodedAnswer(body, "data")
    decoded = answer.image(answer.document["data"])
    highest = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert decoded == image
    assert highest < 4.2 * len(image)


JPEG = b"\xff\xd8\xff" + bytes(range(256)) * 40 + b"\xfb\xff\xfe"
TEXT = base64.b64encode(JPEG).decode()
CHUNKS = [base64.b64encode(JPEG[at : at + 100]).decode() for at in range(0, len(JPEG), 100)]


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + TEXT,
        f"\ufeffdata:image/jpeg;base64,{TEXT}",
        TEXT + "\x00",
        "\u200b".join(TEXT[at : at + 76] for at in range(0, len(TEXT), 76)),
        "".join(CHUNKS),
        "\n".join(CHUNKS),
        "".join(base64.urlsafe_b64encode(JPEG[at : at + 200]).decode() for at in range(0, len(JPEG), 200)),
        TEXT.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D"),
        TEXT.replace("+", "%2b"),
        base64.encodebytes(JPEG).decode().replace("\n", "\\n"),
        f'"{TEXT}"',
        TEXT[:-4] + TEXT[-4:].rstrip("=") + "=====",
    ],
    ids=[
        "bom",
        "bom-prefix",
        "nul",
        "zero-width",
        "chunks",
        "lines",
        "url",
        "percent",
        "hex",
        "escapes",
        "quoted",
        "=",
    ],
)
def test_an_image_in_a_text_that_is_not_quite_base64_is_decoded(text: str) -> None:
    answer = EncodedAnswer(json.dumps({"data": text}).encode(), "data")
    assert answer.image(answer.document["data"]) == JPEG


def test_an_image_of_which_a_character_is_missing_is_decoded_as_far_as_it_goes() -> None:
    text = base64.b64encode(JPEG[:-2]).decode().rstrip("=")
    for missing in range(1, 4):
        found = EncodedAnswer(b"{}", "data").image(text[:-missing])
        assert JPEG.startswith(found)
        assert len(JPEG) - len(found) < 6


@pytest.mark.parametrize("unit", ["/9j/", "/9j/=", "/9j/\u200b", "=", "%2B", "%", "\\n", "data:", "-="])
def test_a_text_that_is_not_quite_base64_takes_no_longer_than_its_length(unit: str) -> None:
    text = "/9j/!" + unit * (4_000_000 // len(unit))
    began = time.thread_time()
    with contextlib.suppress(ValueError):
        EncodedAnswer(b"{}", "data").image(text)
    assert time.thread_time() - began < 1.5
