"""Replicate's vendor file: pure input, pure parse, and what each end of a prediction says of the money."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegeneration.providers.generation import CallFailed, GenerationRequest, Lora
from imagegeneration.providers.replicate import (
    MODELS,
    RATIOS,
    has_ended,
    lora_weights,
    output_url,
    replicate_input,
)
from imagegeneration.providers.reply import Reply
from tests.unit.providers.requests import LORAS, PROMPTS, image_request, number, row, whole
from tests.wire.replicate import INPUTS

DEV = "black-forest-labs/flux-dev"
LORA = "black-forest-labs/flux-dev-lora"
FILE = "https://huggingface.co/owner/name/resolve/main/lora.safetensors"


@st.composite
def possible_requests(draw: st.DrawFn) -> GenerationRequest:
    """Whatever a model of Replicate's can do."""
    name = draw(st.sampled_from(sorted(MODELS)))
    model = row(name)
    return image_request(
        provider="replicate",
        model=name,
        size=draw(st.sampled_from(sorted(RATIOS))),
        output_format=draw(st.sampled_from(["png", "jpeg", "webp"])),
        seed=draw(st.none() | st.integers(0, 2**31 - 1)),
        steps=draw(whole(model.steps)),
        guidance=draw(number(model.guidance)),
        loras=tuple(draw(st.lists(LORAS, max_size=model.loras))),
        final_prompt=draw(PROMPTS),
    )


@given(possible_requests())
def test_whatever_a_model_can_do_is_asked_for_in_its_own_words(request: GenerationRequest) -> None:
    payload = replicate_input(request)
    taken = INPUTS[request.model].model_validate(payload).model_dump()
    assert payload["prompt"] == request.final_prompt
    assert payload["num_outputs"] == 1
    assert taken["seed"] == request.seed
    if request.steps is not None:
        assert taken["num_inference_steps"] == request.steps
    if request.guidance is not None:
        assert taken["guidance"] == request.guidance
    if request.loras:
        assert taken["lora_weights"] == lora_weights(request.loras[0].path)


def test_the_models_are_the_ones_of_the_wire() -> None:
    assert set(MODELS) == set(INPUTS)


@pytest.mark.parametrize(
    ("size", "ratio"), [("1024x1024", "1:1"), ("1344x768", "16:9"), ("640x1536", "9:21"), ("1152x896", "4:3")]
)
def test_a_size_is_asked_for_by_its_ratio(size: str, ratio: str) -> None:
    assert replicate_input(image_request(model=DEV, size=size))["aspect_ratio"] == ratio


@pytest.mark.parametrize(
    ("path", "weights"),
    [
        ("owner/name", "huggingface.co/owner/name"),
        (FILE, FILE),
        ("https://civitai.com/api/download/models/7", "https://civitai.com/api/download/models/7"),
    ],
)
def test_a_lora_of_hugging_face_is_not_taken_for_a_model_of_replicate(path: str, weights: str) -> None:
    assert replicate_input(image_request(model=LORA, loras=(Lora(path=path),)))["lora_weights"] == weights


@pytest.mark.parametrize(("weight", "scale"), [(0, 0), (1, 0.5), (2, 1)])
def test_a_weight_is_halved_to_the_scale_of_the_provider(weight: float, scale: float) -> None:
    request = image_request(model=LORA, loras=(Lora(path="a/b", weight=weight),))
    assert replicate_input(request)["lora_scale"] == scale


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": "black-forest-labs/other"}, "no model"),
        ({"size": "1000x1000"}, "only for 1024x1024"),
        ({"background": "opaque"}, "no background"),
        ({"negative_prompt": "rain"}, "no negative prompt"),
        ({"quality": "high"}, "no quality"),
        ({"model": LORA, "loras": [{"path": "a/b"}] * 2}, "one LoRA at most"),
    ],
)
def test_what_a_model_does_not_take_is_refused_and_never_dropped(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        replicate_input(image_request(**{"model": DEV, **changes}))


def reply(document: object) -> Reply:
    return Reply(200, {}, json.dumps(document).encode())


@pytest.mark.parametrize("output", [["https://replicate.delivery/a.png"], "https://replicate.delivery/a.png"])
def test_a_prediction_says_where_the_image_is(output: object) -> None:
    assert output_url(reply({"output": output})) == "https://replicate.delivery/a.png"


@pytest.mark.parametrize("output", [None, [], [None], [["a"]], 7, {}])
def test_an_output_of_any_other_form_is_no_address(output: object) -> None:
    assert output_url(reply({"output": output})) is None


@given(st.binary())
def test_a_prediction_of_any_form_is_read(body: bytes) -> None:
    assert has_ended(Reply(200, {}, body), "id") is False
    assert output_url(Reply(200, {}, body)) is None


@pytest.mark.parametrize("status", ["starting", "processing", "queued"])
def test_a_prediction_under_way_has_not_ended(status: str) -> None:
    assert has_ended(reply({"status": status}), "id") is False


@pytest.mark.parametrize(
    ("status", "error", "moderated"),
    [
        ("failed", "NSFW content detected. Try running it again, or try a different prompt.", True),
        ("failed", "CUDA out of memory", False),
        ("canceled", None, False),
        ("aborted", None, False),
    ],
)
def test_a_prediction_that_failed_was_perhaps_charged(status: str, error: str | None, moderated: bool) -> None:
    with pytest.raises(CallFailed) as caught:
        has_ended(reply({"status": status, "error": error}), "id")
    failed = caught.value
    assert (failed.certainty, failed.moderated, failed.provider_request_id) == ("unknown", moderated, "id")
