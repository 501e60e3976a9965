"""An edit on the wire: OpenAI's form and Google's parts, exactly as they were approved."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from imagegeneration.assets.reference import InputImage, Reference
from imagegeneration.local.sandbox.multipart import Part, read_form
from imagegeneration.providers.endpoint import Endpoint
from imagegeneration.providers.generation import GenerationRequest
from imagegeneration.providers.openai import OpenAIProvider
from imagegeneration.providers.provider import Call
from tests.integration.providers.conftest import IMAGE, Line, line, request
from tests.wire.loopback import Loopback, Received, Sent, answer_json

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
HOSTILE = (b"\r\n--", b"\x00\xff\r\n\r\n", b"Content-Disposition: form-data\r\n")


def edit(wanted: GenerationRequest, prompt: str, *contents: bytes) -> GenerationRequest:
    changes = {
        "final_prompt": prompt,
        "references": tuple(Reference(image_id=f"img_{n}", sha256="0" * 64) for n in range(len(contents))),
        "inputs": tuple(InputImage(content=content, mime_type="image/png") for content in contents),
    }
    return wanted.model_copy(update=changes)


class Edits(Loopback):
    """Takes whatever comes, and keeps it."""

    def serve(self, _request: Received) -> Sent:
        return answer_json({"created": 1, "data": [{"b64_json": base64.b64encode(IMAGE).decode()}]})


@pytest.fixture(scope="module")
def edits() -> Iterator[Edits]:
    with Edits() as stub:
        yield stub


@pytest.fixture(scope="module")
def google() -> Iterator[Line]:
    with line("google") as connected:
        yield connected


@given(TEXT, st.lists(st.binary(min_size=1) | st.sampled_from(HOSTILE), min_size=1, max_size=16))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_openai_gets_the_form_as_it_was_approved(edits: Edits, prompt: str, contents: list[bytes]) -> None:
    provider = OpenAIProvider(Endpoint(url=edits.url, key=SecretStr("key")), 10)
    wanted = request("openai", "gpt-image-2.5-flare", quality="low", background="opaque")
    try:
        assert provider.generate(edit(wanted, prompt, *contents), Call()).content == IMAGE
    finally:
        provider.close()
    received = edits.received[-1]
    assert (received.path, received.headers["authorization"]) == ("/images/edits", "Bearer key")
    sent = read_form(received.headers["content-type"], received.body)
    assert {part.name: part.content.decode() for part in sent if part.file_name is None} == {
        "prompt": prompt,
        "model": "gpt-image-2.5-flare",
        "size": "1024x1024",
        "quality": "low",
        "output_format": "png",
        "n": "1",
        "background": "opaque",
    }
    assert [part for part in sent if part.file_name is not None] == [
        Part("image[]", f"image-{number}.png", "image/png", content) for number, content in enumerate(contents, 1)
    ]


@given(TEXT, st.lists(st.binary(min_size=1), min_size=1, max_size=14))
@settings(max_examples=40, deadline=None)
def test_google_gets_the_parts_as_they_were_approved(google: Line, prompt: str, contents: list[bytes]) -> None:
    assert google.call(edit(google.vendor.request, prompt, *contents)).content == IMAGE
    # The SDK's own spelling of bytes and of this name; JSON for protocol buffers allows the other one too.
    images = [{"mime_type": "image/png", "data": base64.urlsafe_b64encode(content).decode()} for content in contents]
    assert json.loads(google.stub.received[-1].body)["contents"] == [
        {"role": "user", "parts": [{"text": prompt}, *({"inlineData": image} for image in images)]}
    ]


def test_references_that_were_not_read_are_not_sent(edits: Edits, google: Line) -> None:
    provider = OpenAIProvider(Endpoint(url=edits.url, key=SecretStr("key")), 10)
    before = len(edits.received), len(google.stub.received)
    wanted = edit(request("openai", "gpt-image-2.5-flare"), "a kite", b"x").model_copy(update={"inputs": ()})
    for line_ in (Line(google.vendor, edits, provider), google):
        assert (
            line_.failure(
                wanted.model_copy(update={"model": "gemini-nano-banana-2.1", "output_format": "jpeg"})
            ).certainty
            == "not_charged"
        )
    provider.close()
    assert (len(edits.received), len(google.stub.received)) == before
