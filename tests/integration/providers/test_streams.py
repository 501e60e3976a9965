"""Images on the way, from the wire on: by the official SDK, against the sandbox and against streams that break."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from openai.types import ImageGenCompletedEvent, ImageGenPartialImageEvent
from openai.types.image_generate_params import ImageGenerateParamsStreaming
from PIL import Image
from pydantic import SecretStr, TypeAdapter

from imagegeneration.assets.imaging import sha256
from imagegeneration.assets.reference import InputImage, Reference
from imagegeneration.local.sandbox import Sandbox
from imagegeneration.providers import openai_stream, wire
from imagegeneration.providers.endpoint import Endpoint
from imagegeneration.providers.generation import CallFailed, GenerationRequest
from imagegeneration.providers.openai import OpenAIProvider
from imagegeneration.providers.provider import Call
from tests.integration.providers.conftest import request as a_request
from tests.wire.loopback import CALL, HANG, RESET, Fault, OneCall, Received, Sent, answer_json, dripping, truncated

WANTED = a_request("openai", "gpt-image-2.5-flare", quality="low", size="256x256", partial_images=2)


@contextlib.contextmanager
def openai_at(url: str, timeout: float = 10) -> Iterator[OpenAIProvider]:
    with contextlib.closing(OpenAIProvider(Endpoint(url=url, key=SecretStr("sk-test")), timeout)) as provider:
        yield provider


class Streams(OneCall):
    """OpenAI's stream of one image, as `events` has it; it refuses what is no such request."""

    def __init__(self, *events: Mapping[str, Any], tail: bytes = b"") -> None:
        super().__init__()
        self._body = b"".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events)
        self._body += tail

    def serve(self, request: Received) -> Sent:
        sent = request.document
        TypeAdapter(ImageGenerateParamsStreaming).validate_python(sent)
        assert (sent["stream"], sent["partial_images"], request.path) == (True, 2, "/images/generations")
        return Sent(200, self._body, {"content-type": "text/event-stream; charset=utf-8", "x-request-id": "req_9"})


def event(kind: str, content: bytes = b"image", **more: Any) -> dict[str, Any]:
    return {
        "type": f"image_generation.{kind}",
        "b64_json": base64.b64encode(content).decode(),
        "background": "opaque",
        "created_at": 1,
        "output_format": "png",
        "quality": "low",
        "size": "256x256",
        **more,
    }


FIRST = event("partial_image", b"first", partial_image_index=0)
SECOND = event("partial_image", b"second", partial_image_index=1)
DONE = event(
    "completed",
    usage={
        "input_tokens": 3,
        "output_tokens": 300,
        "total_tokens": 303,
        "input_tokens_details": {"text_tokens": 3, "image_tokens": 0},
    },
)


def test_the_stub_streams_what_the_sdk_knows() -> None:
    ImageGenPartialImageEvent.model_validate(FIRST, strict=True)
    ImageGenCompletedEvent.model_validate(DONE, strict=True)


def test_images_on_the_way_come_before_the_answer_and_the_prompt_is_the_approved_one() -> None:
    shown: list[bytes] = []
    with Streams(FIRST, SECOND, DONE) as stub, openai_at(stub.url) as provider:
        answer = provider.generate(WANTED, Call(preview=shown.append))
        assert shown == [b"first", b"second"]
        assert (answer.content, answer.provider_request_id) == (b"image", "req_9")
        assert answer.usage is not None
        assert answer.usage.output_tokens == 300
        (sent,) = stub.received
        assert sent.document["prompt"] == WANTED.final_prompt


def test_an_answer_that_is_whole_counts_though_the_line_after_it_is_missing() -> None:
    with Streams(FIRST, tail=f"data: {json.dumps(DONE)}".encode()) as stub, openai_at(stub.url) as provider:
        assert provider.generate(WANTED, Call()).content == b"image"


JUNK = DONE | {"b64_json": "%"}
AGAIN = event("completed", b"another")


@pytest.mark.parametrize(
    ("stub", "others"),
    [
        (Streams(FIRST, DONE, AGAIN), (b"another",)),
        (Streams(DONE, SECOND, AGAIN, AGAIN), (b"another", b"another")),
        (Streams(JUNK, DONE, JUNK, AGAIN), (b"another",)),
        (Streams(DONE, AGAIN, {"type": "error", "error": {"message": "Sorry."}}), (b"another",)),
        (Streams(DONE, *[AGAIN] * 9), (b"another",) * 4),
    ],
)
def test_every_image_of_a_stream_is_kept(stub: Streams, others: tuple[bytes, ...]) -> None:
    with stub, openai_at(stub.url) as provider:
        answer = provider.generate(WANTED, Call())
    assert (answer.content, answer.others) == (b"image", others)
    assert answer.usage is not None


def test_a_stream_without_a_whole_image_is_kept_with_its_usage() -> None:
    with Streams(JUNK) as stub, openai_at(stub.url) as provider:
        answer = provider.generate(WANTED, Call())
    assert json.loads(answer.content) == JUNK
    assert answer.usage is not None


def cut_short(sent: Sent) -> Sent:
    """The whole answer, and an end that does not come."""
    return replace(sent, declared=len(sent.body) + 1)


def drawn_out(sent: Sent) -> Sent:
    """The answer in pieces that come quickly, and after it a minute of them that say nothing."""
    return replace(sent, body=sent.body + b":\n" * 10_000, drip=0.003, head_at_once=True)


@pytest.mark.parametrize("fault", [cut_short, drawn_out])
def test_what_follows_the_image_of_a_stream_costs_neither_the_image_nor_much_time(
    fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai_stream, "FURTHER_SECONDS", 0.2)
    stub = Streams(DONE)
    stub.faults[CALL].append(fault)
    began = time.monotonic()
    with stub, openai_at(stub.url, timeout=30) as provider:
        answer = provider.generate(WANTED, Call())
    assert (answer.content, answer.others, time.monotonic() - began < 20) == (b"image", (), True)


@pytest.mark.parametrize("events", [(DONE,), (FIRST, DONE)], ids=["alone", "with-images-on-the-way"])
def test_an_image_of_a_stream_that_has_begun_to_come_is_used_though_it_is_late(
    events: tuple[dict[str, Any], ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "ARRIVAL_SHARE", 20.0)  # on a busy machine the pieces take longer
    stub = Streams(*events)
    stub.faults[CALL].append(lambda sent: replace(sent, drip=1.4 / len(sent.body), head_at_once=True))
    with stub, openai_at(stub.url, timeout=1.0) as provider:
        assert provider.generate(WANTED, Call()).content == b"image"


def test_a_stream_has_no_more_than_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "ARRIVAL_SHARE", 1.0)
    stub = Streams(FIRST, DONE)
    stub.faults[CALL].append(dripping)
    began = time.monotonic()
    assert failure(stub, [], timeout=0.5).certainty == "unknown"
    assert 0.9 < time.monotonic() - began < 3


def failure(stub: Streams, shown: list[bytes], timeout: float = 10) -> CallFailed:
    with stub, openai_at(stub.url, timeout) as provider:
        with pytest.raises(CallFailed) as failed:
            provider.generate(WANTED, Call(preview=shown.append))
        assert len(stub.received) == 1
    return failed.value


BLOCKED = {"type": "error", "error": {"code": "moderation_blocked", "message": "Your request was rejected."}}


@pytest.mark.parametrize(
    ("stub", "count", "certainty"),
    [
        (Streams(FIRST), 1, "unknown"),
        (Streams(), 0, "unknown"),
        (Streams(FIRST, tail=b"data: {\n\n"), 1, "unknown"),
        (Streams(FIRST, tail=f"data: {json.dumps(DONE)}".encode()[:-9]), 1, "unknown"),
        (Streams(BLOCKED), 0, "not_charged"),
        (Streams(FIRST, BLOCKED), 1, "unknown"),
    ],
)
def test_a_stream_without_an_answer_says_what_is_known_of_the_money(stub: Streams, count: int, certainty: str) -> None:
    shown: list[bytes] = []
    assert failure(stub, shown).certainty == certainty
    assert len(shown) == count


@pytest.mark.parametrize("fault", [RESET, truncated])
def test_a_broken_stream_may_have_been_charged(fault: Fault) -> None:
    stub = Streams(FIRST, DONE)
    stub.faults[CALL].append(fault)
    assert failure(stub, []).certainty == "unknown"


@pytest.mark.parametrize("fault", [HANG, dripping])
def test_a_stream_that_takes_too_long_is_given_up(fault: Fault) -> None:
    stub = Streams(FIRST, DONE)
    stub.faults[CALL].append(fault)
    began = time.monotonic()
    assert failure(stub, [], timeout=0.4).certainty == "unknown"
    assert time.monotonic() - began < 20, "drop by drop it takes a minute, the head alone five seconds"


def test_refusals_come_as_ever() -> None:
    stub = Streams(DONE)
    stub.faults[CALL].append(answer_json({"error": {"message": "Slow down.", "code": "rate_limit_exceeded"}}, 429))
    found = failure(stub, [])
    assert (found.certainty, found.retryable) == ("not_charged", True)


def test_a_server_that_knows_no_streams_answers_as_ever() -> None:
    stub = Streams()
    stub.faults[CALL].append(answer_json({"created": 1, "data": [{"b64_json": DONE["b64_json"]}]}))
    shown: list[bytes] = []
    with stub, openai_at(stub.url) as provider:
        assert provider.generate(WANTED, Call(preview=shown.append)).content == b"image"
    assert shown == []


def size_of(content: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(content)) as image:
        return image.size


@pytest.mark.parametrize("is_edit", [False, True])
def test_the_sandbox_streams_and_bills_what_is_on_the_way(sandbox: Sandbox, is_edit: bool) -> None:
    with openai_at(sandbox.url) as provider:
        wanted = edit_of(provider) if is_edit else WANTED
        plain = provider.generate(wanted.model_copy(update={"partial_images": 0}), Call())
        shown: list[bytes] = []
        answer = provider.generate(wanted, Call(preview=shown.append))
    assert [size_of(content) for content in (*shown, answer.content)] == [(256, 256)] * 3
    assert len({*shown, answer.content}) == 3
    assert plain.usage is not None
    assert answer.usage is not None
    assert answer.usage.output_tokens == plain.usage.output_tokens + 200


def edit_of(provider: OpenAIProvider) -> GenerationRequest:
    content = provider.generate(WANTED.model_copy(update={"partial_images": 0}), Call()).content
    given = {"references": (Reference(image_id="img_1", sha256=sha256(content)),)}
    return WANTED.model_copy(update=given | {"inputs": (InputImage(content=content, mime_type="image/png"),)})
