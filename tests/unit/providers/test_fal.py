"""Fal's vendor file: pure payload, pure parse, and what each end of a call says of the money."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegeneration.providers.fal import APPS, failure, fal_payload, image_url, platform_url, queue_path, said
from imagegeneration.providers.generation import CallFailed, GenerationRequest, Lora
from imagegeneration.providers.reply import Reply
from imagegeneration.settings import Settings
from tests.unit.providers.requests import LORAS, PROMPTS, image_request, number, row, whole
from tests.wire.fal import INPUTS


@st.composite
def possible_requests(draw: st.DrawFn) -> GenerationRequest:
    """Whatever an app of Fal's can do."""
    model = draw(st.sampled_from(sorted(APPS)))
    app = row(model)
    assert app.free_sizes is not None
    step = app.free_sizes.step
    side = st.integers(-(-app.free_sizes.shortest // step), app.free_sizes.longest // step).map(lambda n: n * step)
    return image_request(
        model=model,
        size=f"{draw(side)}x{draw(side)}",
        output_format=draw(st.sampled_from(["png", "jpeg"])),
        seed=draw(st.none() | st.integers(0, 2**31 - 1)),
        steps=draw(whole(app.steps)),
        guidance=draw(number(app.guidance)),
        loras=tuple(draw(st.lists(LORAS, max_size=app.loras))),
        final_prompt=draw(PROMPTS),
    )


@given(possible_requests())
def test_whatever_an_app_can_do_is_asked_for_in_its_own_words(request: GenerationRequest) -> None:
    payload = fal_payload(request)
    taken = INPUTS[request.model].model_validate(payload).model_dump()
    assert payload["prompt"] == request.final_prompt
    assert payload["num_images"] == 1
    assert (taken["image_size"]["width"], taken["image_size"]["height"]) == request.pixels
    assert taken["seed"] == request.seed
    assert taken["output_format"] == request.output_format
    if request.steps is not None:
        assert taken["num_inference_steps"] == request.steps
    if request.guidance is not None:
        assert taken["guidance_scale"] == request.guidance
    assert [lora["path"] for lora in taken.get("loras", ())] == [lora.path for lora in request.loras]


def test_the_apps_are_the_ones_of_the_wire() -> None:
    assert set(APPS) == set(INPUTS)


def test_the_safety_checker_is_on_and_a_prompt_is_never_expanded() -> None:
    payload = fal_payload(image_request(model="fal-ai/flux-2"))
    assert (payload["enable_safety_checker"], payload["enable_prompt_expansion"]) == (True, False)


@pytest.mark.parametrize(("weight", "scale"), [(0, 0), (0.5, 0.25), (1, 0.5), (1.2, 0.6), (2, 1)])
def test_a_weight_is_halved_to_the_scale_of_the_provider(weight: float, scale: float) -> None:
    request = image_request(model="fal-ai/flux-lora", loras=(Lora(path="a/b", weight=weight),))
    assert fal_payload(request)["loras"] == [{"path": "a/b", "scale": scale}]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": "fal-ai/other"}, "no app"),
        ({"background": "transparent"}, "no background"),
        ({"negative_prompt": "rain"}, "no negative prompt"),
        ({"quality": "high"}, "no quality"),
    ],
)
def test_what_an_app_does_not_take_is_refused_and_never_dropped(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        fal_payload(image_request(**changes))


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("fal-ai/flux-lora", "/fal-ai/flux-lora"),
        ("fal-ai/flux/dev", "/fal-ai/flux"),
        ("fal-ai/flux-2/lora", "/fal-ai/flux-2"),
    ],
)
def test_a_call_is_asked_for_at_its_app_without_the_rest_of_the_path(model: str, path: str) -> None:
    assert queue_path(model) == path


def reply(document: object, status: int = 200) -> Reply:
    return Reply(status, {}, json.dumps(document).encode())


def test_a_result_says_where_the_image_is() -> None:
    assert image_url(reply({"images": [{"url": "https://v3.fal.media/a.png"}]}), "req") == "https://v3.fal.media/a.png"


def test_an_image_that_was_blacked_out_is_no_image_and_charged() -> None:
    document = {"images": [{"url": "https://v3.fal.media/a.png"}], "has_nsfw_concepts": [True]}
    with pytest.raises(CallFailed, match="blacked it out") as caught:
        image_url(reply(document), "req")
    failed = caught.value
    assert (failed.certainty, failed.moderated, failed.provider_request_id) == ("charged", True, "req")


JSON = st.recursive(
    st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)


@given(st.binary() | JSON.map(lambda document: json.dumps(document).encode()))
def test_a_result_of_any_form_is_read(body: bytes) -> None:
    assert image_url(Reply(200, {}, body), "req") is None
    said(Reply(422, {}, body))


@given(JSON, JSON)
def test_a_result_with_anything_in_its_fields_is_read(images: object, flags: object) -> None:
    assert image_url(reply({"images": images, "has_nsfw_concepts": flags}), "req") is None


VIOLATION = [
    {"loc": ["body", "prompt"], "msg": "The content could not be processed.", "type": "content_policy_violation"}
]


@pytest.mark.parametrize(
    ("status", "document", "certainty", "retryable", "moderated"),
    [
        (500, {"detail": "Internal Server Error"}, "not_charged", True, False),
        (503, {"detail": "Runner disconnected", "error_type": "runner_disconnected"}, "not_charged", True, False),
        (504, {"detail": "Request timed out", "error_type": "request_timeout"}, "not_charged", True, False),
        (500, {"detail": VIOLATION}, "not_charged", False, True),
        (503, {"detail": "no", "error_type": "content_policy_violation"}, "not_charged", False, True),
        (422, {"detail": VIOLATION}, "unknown", False, True),
        (422, {"detail": [{"msg": "field required", "type": "missing"}]}, "unknown", False, False),
        (400, {"detail": "no"}, "unknown", False, False),
    ],
)
def test_what_the_error_that_a_call_ended_with_says_of_the_money(
    status: int, document: object, certainty: str, retryable: bool, moderated: bool
) -> None:
    failed = failure(reply(document, status), "req")
    assert (failed.certainty, failed.retryable, failed.moderated) == (certainty, retryable, moderated)
    assert failed.provider_request_id == "req"


@pytest.mark.parametrize(
    ("queue", "platform"),
    [("https://queue.fal.run", "https://api.fal.ai/v1"), ("https://proxy.example.com", "https://proxy.example.com")],
)
def test_only_fal_itself_is_asked_about_the_account_elsewhere(queue: str, platform: str) -> None:
    assert platform_url(queue) == platform
    assert Settings.model_fields["fal_base_url"].default == "https://queue.fal.run"
