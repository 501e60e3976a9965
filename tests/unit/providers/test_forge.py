"""The vendor file: a prompt goes out, an image comes back, and the codes of the Connect protocol."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegeneration.providers.forge import forge_answer, forge_payload
from imagegeneration.providers.generation import Answer, CallFailed, GenerationRequest
from imagegeneration.providers.reply import Reply

REQUEST = GenerationRequest(
    provider="forge",
    model="forge-image",
    size="1024x1024",
    quality="standard",
    output_format="png",
    final_prompt="a kite",
)


def test_the_prompt_goes_out_alone() -> None:
    assert forge_payload(REQUEST) == {"prompt": "a kite", "original_images": []}


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"size": "1536x1024"}, "1024x1024 only"),
        ({"output_format": "webp"}, "png of"),
        ({"seed": 7}, "seed"),
        ({"negative_prompt": "blur"}, "negative prompt"),
        ({"quality": "high"}, "quality"),
    ],
)
def test_what_the_service_does_not_take_is_refused_by_name(asked: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        forge_payload(REQUEST.model_copy(update=asked))


def test_an_answer_is_its_bytes_and_its_id() -> None:
    image = {"b64Json": base64.b64encode(b"image").decode(), "mimeType": "image/png"}
    reply = Reply(200, {"x-request-id": "req_7"}, json.dumps({"image": image}).encode())
    assert forge_answer(reply) == Answer(b"image", usage=None, provider_request_id="req_7")


@given(st.binary() | st.sampled_from([b"{}", b'{"image": 1}', b'{"image": {"b64Json": "%"}}', b'{"image": [null]}']))
def test_whatever_came_is_kept_for_it_was_paid_for(body: bytes) -> None:
    assert forge_answer(Reply(200, {}, body)).content == body


@pytest.mark.parametrize(
    ("status", "code", "certainty", "retryable", "credentials"),
    [
        (400, "invalid_argument", "not_charged", False, False),
        (400, "failed_precondition", "not_charged", False, False),
        (400, "out_of_range", "not_charged", False, False),
        (401, "unauthenticated", "not_charged", False, True),
        (403, "permission_denied", "not_charged", False, True),
        (404, "not_found", "not_charged", False, False),
        (501, "unimplemented", "not_charged", False, False),
        (429, "resource_exhausted", "not_charged", True, False),
        (500, "internal", "not_charged", True, False),
        (503, "unavailable", "not_charged", True, False),
        (499, "canceled", "unknown", False, False),
        (409, "aborted", "unknown", False, False),
        (500, "unknown", "unknown", False, False),
        (500, "data_loss", "unknown", False, False),
        (504, "deadline_exceeded", "unknown", False, False),
        (400, "of_a_later_protocol", "not_charged", False, False),
        (500, "of_a_later_protocol", "unknown", False, False),
    ],
)
def test_what_a_code_says_of_the_money(
    status: int, code: str, certainty: str, retryable: bool, credentials: bool
) -> None:
    with pytest.raises(CallFailed) as failed:
        forge_answer(Reply(status, {"retry-after": "3"}, json.dumps({"code": code, "message": "said"}).encode()))
    failure = failed.value
    assert (failure.certainty, failure.retryable, failure.credentials) == (certainty, retryable, credentials)
    assert f"said ({code})" in failure.message
    assert failure.retry_after == (3 if retryable else None)
