"""What the catalog calls possible, the vendor files can send: for every living model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import pytest
from google.genai import types
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.image_generate_params import ImageGenerateParamsNonStreaming
from pydantic import TypeAdapter

from imagegeneration.models.catalog import Catalog
from imagegeneration.models.criteria import Criteria
from imagegeneration.models.model import ImageModel
from imagegeneration.models.options import Options
from imagegeneration.providers.endpoint import Endpoint
from imagegeneration.providers.fal import fal_payload
from imagegeneration.providers.forge import forge_payload
from imagegeneration.providers.generation import LARGEST_SEED, GenerationRequest, Lora
from imagegeneration.providers.google import google_payload
from imagegeneration.providers.openai import image_payload
from imagegeneration.providers.replicate import replicate_input
from imagegeneration.providers.stability import SERVICES, stability_payload
from imagegeneration.providers.vendors import PROVIDERS
from imagegeneration.providers.wire import ARRIVAL_SHARE
from imagegeneration.settings import Settings
from tests.unit.providers.requests import number
from tests.wire import fal, forge, replicate, stability

TODAY = date(2026, 11, 21)
ALIVE = [model for model in Catalog.read().image_models if model.is_alive(TODAY)]
PAYLOADS: Mapping[str, Callable[[GenerationRequest], Mapping[str, Any]]] = {
    "fal": fal_payload,
    "forge": forge_payload,
    "google": google_payload,
    "openai": image_payload,
    "replicate": replicate_input,
    "stability": stability_payload,
}

ACCEPTED: Mapping[str, Callable[[str, Any], object]] = {
    "fal": lambda model, payload: fal.INPUTS[model].model_validate(payload),
    "forge": lambda _, payload: forge.GenerateImageRequest.model_validate(payload),
    "google": lambda _, payload: types.GenerateContentConfig.model_validate(payload["config"].model_dump()),
    "openai": lambda _, payload: TypeAdapter(ImageGenerateParamsNonStreaming).validate_python(payload),
    "replicate": lambda model, payload: replicate.INPUTS[model].model_validate(payload),
    "stability": lambda model, payload: stability.FORMS[SERVICES[model].path].model_validate(payload),
}
"""The SDK's own types where there is an SDK that is used, else the strict model of the stub. Each raises ValueError."""


def sizes(model: ImageModel) -> st.SearchStrategy[str]:
    """Those that are listed, and others that the model makes or does not."""
    step = model.free_sizes.step if model.free_sizes else 64
    side = st.integers(max(1, 16 // step), 4096 // step).map(lambda steps: steps * step)
    return st.sampled_from([*model.sizes, "512x512", "1000x1000"]) | st.builds("{}x{}".format, side, side)


def wishes(model: ImageModel) -> st.SearchStrategy[dict[str, Any]]:
    """Everything that the catalog lets a person ask of the model, and some that it does not."""
    return st.fixed_dictionaries(
        {
            "size": sizes(model),
            "quality": st.sampled_from(model.qualities),
            "output_format": st.sampled_from(["png", "jpeg", "webp"]),
            "background": st.sampled_from([None, "auto", "opaque", "transparent"]),
            "seed": st.sampled_from([None, -1, 0, 1, LARGEST_SEED]) | st.integers(-1, LARGEST_SEED),
            "negative_prompt": st.none() | st.just("fog"),
            "steps": st.none() | st.integers(1, 60),
            "guidance": number(model.guidance),
            "loras": st.lists(st.just({"path": "owner/name", "weight": 1.5}), max_size=5),
            "partial_images": st.integers(0, 3),
        }
    )


@pytest.mark.parametrize("model", ALIVE, ids=lambda model: model.name)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_what_the_catalog_allows_the_vendor_file_sends(model: ImageModel, data: st.DataObject) -> None:
    options = Options.model_validate(data.draw(wishes(model)))
    loras = (Lora(path="owner/name", weight=1.5, name="ink", family=model.lora_family),) * len(options.loras)
    parameters = Criteria(options=options, loras=loras).parameters(model, model.provider, drawn_seed=7)
    if model.problems(parameters):
        return
    request = GenerationRequest(final_prompt=" a red kite\n", **parameters.model_dump())
    payload = PAYLOADS[model.provider](request)
    ACCEPTED[model.provider](model.name, payload)
    assert " a red kite\n" in str(payload.get("prompt", payload)).replace("\\n", "\n")


def spoiled(model: ImageModel) -> Mapping[str, Mapping[str, Any]]:
    """What the model cannot do, by the field that is to be blamed."""
    lora = Lora(path="https://example.com/lora")
    wrong: dict[str, Mapping[str, Any]] = {
        "size": {"size": "24x2400"},
        "quality": {"quality": "exquisite"},
        "loras": {"loras": (lora,) * (model.loras + 1)},
        "steps": {"steps": 10_000},
        "guidance": {"guidance": 10_000.0},
        "seed": {"seed": model.least_seed - 1},
        "partialImages": {"partial_images": model.partial_images + 1},
    }
    if not model.takes_negative_prompt:
        wrong["negativePrompt"] = {"negative_prompt": "fog"}
    if "transparent" not in model.backgrounds:
        wrong["background"] = {"background": "transparent"}
    if len(model.formats) < 3:
        wrong["outputFormat"] = {"output_format": next(f for f in ("png", "jpeg", "webp") if f not in model.formats)}
    return wrong


@pytest.mark.parametrize("model", ALIVE, ids=lambda model: model.name)
def test_what_a_model_cannot_do_is_refused_by_the_name_of_the_field(model: ImageModel) -> None:
    usual = model.usual(model.provider)
    assert model.problems(usual) == {}
    for field, wrong in spoiled(model).items():
        assert list(model.problems(usual.model_copy(update=dict(wrong)))) == [field]


def test_every_provider_has_its_line_in_the_table_and_its_payload_here() -> None:
    assert set(PAYLOADS) | {"sandbox"} == set(ACCEPTED) | {"sandbox"} == set(PROVIDERS)
    assert {model.provider for model in ALIVE} <= set(PROVIDERS)


@pytest.mark.parametrize("model", ALIVE, ids=lambda model: model.name)
def test_a_call_has_far_more_time_than_it_takes_and_a_runner_that_stops_waits_for_it(model: ImageModel) -> None:
    assert model.timeout_seconds >= max(600, 5 * model.expected_seconds)
    provider = PROVIDERS[model.provider](Endpoint(url="http://127.0.0.1:9"), 1.0)
    provider.close()
    longest = model.longest_seconds * (1 + ARRIVAL_SHARE)
    assert provider.is_resumable or longest < Settings().runner_drain_seconds
