"""The vendor file: the form, the image, and what a refusal says of the money."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegeneration.providers.generation import Answer, CallFailed, GenerationRequest
from imagegeneration.providers.reply import Reply
from imagegeneration.providers.stability import ASPECT_RATIOS, stability_answer, stability_payload

REQUEST = GenerationRequest(
    provider="stability",
    model="sd3.5-large",
    size="1344x768",
    quality="standard",
    output_format="png",
    seed=7,
    negative_prompt="blur",
    final_prompt="a kite",
)


def test_the_form_has_what_was_approved_and_nothing_else() -> None:
    assert stability_payload(REQUEST) == {
        "prompt": "a kite",
        "negative_prompt": "blur",
        "aspect_ratio": "16:9",
        "seed": "7",
        "output_format": "png",
        "model": "sd3.5-large",
    }
    bare = REQUEST.model_copy(update={"model": "stable-image-core", "seed": None, "negative_prompt": None})
    assert set(stability_payload(bare)) == {"prompt", "aspect_ratio", "output_format"}


def test_every_size_has_the_shape_of_its_ratio() -> None:
    for size, ratio in ASPECT_RATIOS.items():
        (width, height), (wide, high) = map(int, size.split("x")), map(int, ratio.split(":"))
        assert width / height == pytest.approx(wide / high, rel=0.05)


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"model": "sd3-turbo"}, "no service sd3-turbo"),
        ({"size": "1536x1024"}, "1536x1024"),
        ({"steps": 28}, "steps"),
        ({"guidance": 4.0}, "guidance"),
        ({"background": "transparent"}, "background"),
        ({"quality": "high"}, "quality"),
    ],
)
def test_what_the_service_does_not_take_is_refused_by_name(asked: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        stability_payload(REQUEST.model_copy(update=asked))


@given(st.binary())
def test_whatever_came_is_kept_for_it_was_paid_for(body: bytes) -> None:
    headers = {"finish-reason": "SUCCESS", "x-request-id": "req_7"}
    assert stability_answer(Reply(200, headers, body)) == Answer(body, usage=None, provider_request_id="req_7")


def failure(status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> CallFailed:
    with pytest.raises(CallFailed) as failed:
        stability_answer(Reply(status, headers or {}, body))
    return failed.value


def own(name: str, *said: str) -> bytes:
    return json.dumps({"id": "4212a4b6", "name": name, "errors": said}).encode()


def test_a_blurred_image_is_no_image_and_perhaps_charged() -> None:
    filtered = failure(200, b"a blurred image", {"finish-reason": "CONTENT_FILTERED"})
    assert (filtered.certainty, filtered.moderated, filtered.retryable) == ("charged", True, False)
    assert "charges for that" in filtered.message


def test_a_flagged_prompt_is_moderated_and_no_matter_of_the_account() -> None:
    flagged = failure(403, own("content_moderation", "Your request was flagged."))
    assert (flagged.certainty, flagged.moderated, flagged.credentials) == ("not_charged", True, False)
    assert "flagged" in flagged.message


@pytest.mark.parametrize(
    ("status", "body", "certainty", "retryable", "credentials"),
    [
        (400, own("bad_request", "seed: must be a number"), "not_charged", False, False),
        (401, own("unauthorized", "bad key"), "not_charged", False, True),
        (402, own("payment_required", "no credits left"), "not_charged", False, True),
        (402, b"<html>", "not_charged", False, True),
        (403, own("permission_denied"), "not_charged", False, True),
        (403, b"", "not_charged", False, True),
        (404, own("not_found", "gone"), "not_charged", False, False),
        (404, b"", "unknown", False, False),
        (413, own("payload_too_large", "10 MiB"), "not_charged", False, False),
        (422, own("invalid_language", "English only"), "not_charged", False, False),
        (422, b"", "not_charged", False, False),
        (429, own("rate_limit_exceeded", "150 requests"), "not_charged", True, False),
        (500, own("internal_error", "oops"), "not_charged", True, False),
        (500, b"[]", "unknown", False, False),
        (503, b"<html>", "unknown", False, False),
    ],
)
def test_what_a_refusal_says_of_the_money(
    status: int, body: bytes, certainty: str, retryable: bool, credentials: bool
) -> None:
    refused = failure(status, body)
    assert (refused.certainty, refused.retryable, refused.credentials) == (certainty, retryable, credentials)
    assert not refused.moderated
