"""The vendor file: pure payload, pure parse, and what a block or a refusal says of the money."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import Any

import pytest
from google.genai import errors, types
from hypothesis import given
from hypothesis import strategies as st

from imagegeneration.providers.generation import Answer, CallFailed, GenerationRequest, Usage
from imagegeneration.providers.google import NO_IMAGE, SIZES, google_answer, google_payload, google_refusal
from tests.wire.google import answer, image_part, usage

REQUEST = GenerationRequest(
    provider="google",
    model="gemini-nano-banana-2.1",
    size="2752x1536",
    quality="standard",
    output_format="jpeg",
    seed=7,
    final_prompt="a kite",
)


def test_a_size_stands_for_a_ratio_and_an_image_size() -> None:
    assert google_payload(REQUEST) == {
        "model": "gemini-nano-banana-2.1",
        "contents": "a kite",
        "config": types.GenerateContentConfig(
            response_modalities=["IMAGE"],
            image_config=types.ImageConfig(aspect_ratio="16:9", image_size="2K"),
            seed=7,
            automatic_continuation=False,
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
            should_return_http_response=True,
        ),
    }


def test_every_size_has_the_shape_of_its_ratio() -> None:
    assert [len(sizes) for sizes in SIZES.values()] == [14 * 3, 10 * 3]
    for size, (ratio, _) in SIZES["gemini-nano-banana-2.1"].items():
        (width, height), (wide, high) = map(int, size.split("x")), map(int, ratio.split(":"))
        assert width / height == pytest.approx(wide / high, rel=0.05)


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"model": "imagen-4.0-generate-001"}, "no living model imagen-4.0"),
        ({"model": "gemini-3-pro-image", "size": "512x2064"}, "512x2064"),
        ({"size": "1024x1536"}, "1024x1536"),
        ({"output_format": "png"}, "jpeg only"),
        ({"negative_prompt": "blur"}, "negative prompt"),
        ({"background": "opaque"}, "background"),
        ({"quality": "high"}, "quality"),
    ],
)
def test_what_the_model_does_not_take_is_refused_by_name(asked: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        google_payload(REQUEST.model_copy(update=asked))


def parsed(document: object) -> Answer:
    return google_answer(json.dumps(document).encode())


def test_an_answer_is_its_bytes_its_usage_and_its_id() -> None:
    assert parsed(answer([image_part(b"image")], usageMetadata=usage())) == Answer(
        content=b"image",
        usage=Usage(input_text_tokens=9, input_image_tokens=0, output_tokens=1120),
        provider_request_id="resp-google",
    )


def test_words_and_thoughts_beside_the_image_are_passed_over() -> None:
    parts = [{"text": "Here it is"}, image_part(b"image"), image_part(b"a draft", thought=True), {"text": "!"}]
    assert parsed(answer(parts)).content == b"image"


IMAGE_TOKENS = [{"modality": "IMAGE", "tokenCount": 1120}]


def test_words_and_thoughts_are_counted_beside_the_image() -> None:
    made = {"candidatesTokensDetails": [*IMAGE_TOKENS, {"modality": "TEXT", "tokenCount": 3}]}
    counted = parsed(answer([image_part(b"image")], usageMetadata=usage(thoughts=400) | made)).usage
    assert counted == Usage(input_text_tokens=9, input_image_tokens=0, output_tokens=1120, output_text_tokens=403)


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        {},
        [],
        usage() | {"candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": 3}]},
        usage() | {"candidatesTokensDetails": [*IMAGE_TOKENS, {"modality": "AUDIO", "tokenCount": 3}]},
        usage() | {"thoughtsTokenCount": "many"},
        usage() | {"candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": "many"}]},
        usage() | {"candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": -1}]},
        usage() | {"promptTokensDetails": None},
    ],
)
def test_a_count_that_is_not_understood_is_none(metadata: object) -> None:
    assert parsed(answer([image_part(b"image")], usageMetadata=metadata)).usage is None


def blocked(document: object) -> CallFailed:
    with pytest.raises(CallFailed) as failed:
        parsed(document)
    assert failed.value.certainty == "unknown"
    assert not failed.value.retryable
    assert failed.value.provider_request_id == "resp-google"
    return failed.value


@pytest.mark.parametrize(
    ("reason", "moderated"),
    [
        ("IMAGE_SAFETY", True),
        ("IMAGE_PROHIBITED_CONTENT", True),
        ("IMAGE_RECITATION", True),
        ("SAFETY", True),
        ("PROHIBITED_CONTENT", True),
        ("NO_IMAGE", False),
        ("IMAGE_OTHER", False),
        ("STOP", False),
        ("OTHER", False),
        ("CONTINUATION", False),
        ("SOMETHING_NEW", False),
    ],
)
@pytest.mark.parametrize("parts", [None, [], [{"text": "I cannot do that."}]])
def test_an_answer_without_an_image_says_why(reason: str, moderated: bool, parts: list[dict[str, Any]] | None) -> None:
    failure = blocked(answer(parts, reason))
    assert failure.moderated == moderated
    assert reason in failure.message
    assert NO_IMAGE.get(reason, "does not tell") in failure.message


@pytest.mark.parametrize("reason", ["SAFETY", "PROHIBITED_CONTENT", "IMAGE_SAFETY", "OTHER", "BLOCKLIST"])
def test_a_blocked_prompt_is_moderated_and_in_doubt(reason: str) -> None:
    document = {"promptFeedback": {"blockReason": reason}, "responseId": "resp-google"}
    failure = blocked(document | {"usageMetadata": {"promptTokenCount": 9, "totalTokenCount": 9}})
    assert failure.moderated
    assert NO_IMAGE[reason] in failure.message


def test_every_reason_of_the_sdk_that_is_about_images_or_prompts_has_words() -> None:
    finish = {reason.value for reason in types.FinishReason if "IMAGE" in reason.value}
    block = {reason.value for reason in types.BlockedReason} - {"BLOCKED_REASON_UNSPECIFIED"}
    assert finish | block <= set(NO_IMAGE)


@given(st.binary())
def test_whatever_came_is_kept_for_it_was_paid_for(body: bytes) -> None:
    assert google_answer(body).content == body


@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(["candidates", "content", "parts", "inlineData", "data"]), inner)
        ),
    )
)
def test_an_answer_of_any_form_is_kept_or_a_failed_call(document: object) -> None:
    with contextlib.suppress(CallFailed):
        assert parsed(document).usage is None


def refusal(code: int, details: object) -> CallFailed:
    return google_refusal(errors.APIError(code, details))


def own(status: str, *details: dict[str, str]) -> dict[str, object]:
    return {"error": {"message": "said", "status": status, "details": list(details)}}


@pytest.mark.parametrize(
    ("code", "details", "certainty", "retryable", "credentials"),
    [
        (400, own("INVALID_ARGUMENT"), "not_charged", False, False),
        (400, own("INVALID_ARGUMENT", {"reason": "API_KEY_INVALID"}), "not_charged", False, True),
        (400, own("FAILED_PRECONDITION"), "not_charged", False, True),
        (402, own("RESOURCE_EXHAUSTED"), "not_charged", False, True),
        (402, {}, "not_charged", False, True),
        (403, own("PERMISSION_DENIED"), "not_charged", False, True),
        (404, own("NOT_FOUND"), "not_charged", False, False),
        (429, own("RESOURCE_EXHAUSTED"), "not_charged", True, False),
        (499, own("CANCELLED"), "unknown", False, False),
        (500, own("INTERNAL"), "not_charged", True, False),
        (500, {"message": "<html>", "status": "Internal Server Error"}, "unknown", False, False),
        (503, own("UNAVAILABLE"), "not_charged", True, False),
        (503, {"error": "down"}, "unknown", False, False),
        (504, own("DEADLINE_EXCEEDED"), "unknown", False, False),
    ],
)
def test_what_a_refusal_says_of_the_money(
    code: int, details: object, certainty: str, retryable: bool, credentials: bool
) -> None:
    failure = refusal(code, details)
    assert (failure.certainty, failure.retryable, failure.credentials) == (certainty, retryable, credentials)


@pytest.mark.parametrize(
    ("delay", "seconds"), [("34s", 34), ("0.5s", 0.5), ("99999s", 3600), ("soon", None), ("-1s", None)]
)
def test_the_delay_that_google_asks_for_is_read_within_bounds(delay: str, seconds: float | None) -> None:
    assert refusal(429, own("RESOURCE_EXHAUSTED", {"retryDelay": delay})).retry_after == seconds


def test_every_picture_of_an_answer_is_there_and_the_last_is_the_image() -> None:
    parts = [{"inlineData": {"data": base64.b64encode(name).decode()}} for name in (b"first", b"last")]
    answer = google_answer(json.dumps({"candidates": [{"content": {"parts": parts}}]}).encode())
    assert (answer.content, answer.others) == (b"last", (b"first",))


BROKEN: list[Any] = [{"inlineData": {"data": "%"}}, {"inlineData": {}}, {"inlineData": None}, None, "inlineData"]


@pytest.mark.parametrize("broken", BROKEN)
def test_a_picture_that_cannot_be_decoded_costs_no_other(broken: Any) -> None:
    first, last = image_part(b"first"), image_part(b"last")
    for parts in ([broken, first, last], [first, broken, last], [first, last, broken]):
        found = parsed(answer(parts, usageMetadata=usage()))
        assert (found.content, found.others) == (b"last", (b"first",))
        assert found.usage is not None


def test_the_usage_of_an_answer_whose_pictures_cannot_be_decoded_is_kept() -> None:
    body = json.dumps(answer(BROKEN[:1], usageMetadata=usage())).encode()
    found = google_answer(body)
    assert (found.content, found.usage is None, found.provider_request_id) == (body, False, "resp-google")
