"""What an edit sends: the approved images beside the approved prompt; and who takes none."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from google.genai import types
from openai.types.image_edit_params import ImageEditParamsBase

from imagegeneration.assets.reference import InputImage, Reference
from imagegeneration.models.catalog import Catalog
from imagegeneration.providers.fal import fal_payload
from imagegeneration.providers.forge import forge_payload
from imagegeneration.providers.generation import GenerationRequest
from imagegeneration.providers.google import google_payload
from imagegeneration.providers.openai import edit_payload, image_payload
from imagegeneration.providers.replicate import replicate_input
from imagegeneration.providers.stability import stability_payload

TODAY = date(2026, 11, 21)
CATALOG = Catalog.read()
PNG, WEBP = InputImage(content=b"png", mime_type="image/png"), InputImage(content=b"webp", mime_type="image/webp")
REFERENCES = tuple(Reference(image_id=f"img_{number}", sha256="0" * 64) for number in range(2))


def edit(model: str, *inputs: InputImage) -> GenerationRequest:
    found = CATALOG.model(model, TODAY)
    usual = found.usual(found.provider).model_copy(update={"references": REFERENCES})
    return GenerationRequest(final_prompt=" a kite\n", inputs=inputs, **usual.model_dump())


def test_openai_gets_the_images_as_files_in_their_order() -> None:
    request = edit("gpt-image-2.5-flare", PNG, WEBP)
    files = [("image-1.png", b"png", "image/png"), ("image-2.webp", b"webp", "image/webp")]
    payload = edit_payload(request)
    assert payload == image_payload(request) | {"image": files}
    assert set(payload) <= set(ImageEditParamsBase.__annotations__)


def test_google_gets_the_images_after_the_prompt() -> None:
    contents = google_payload(edit("gemini-nano-banana-2.1", PNG, WEBP))["contents"]
    assert contents == [
        types.Part(text=" a kite\n"),
        types.Part(inline_data=types.Blob(data=b"png", mime_type="image/png")),
        types.Part(inline_data=types.Blob(data=b"webp", mime_type="image/webp")),
    ]


@pytest.mark.parametrize(("payload", "model"), [(edit_payload, "gpt-image-2"), (google_payload, "gemini-3-pro-image")])
def test_no_reference_is_ever_left_out(payload: Callable[[GenerationRequest], Any], model: str) -> None:
    with pytest.raises(ValueError, match="2 images are to be edited, and 1 were read"):
        payload(edit(model, PNG))


@pytest.mark.parametrize(
    ("payload", "model"),
    [
        (fal_payload, "fal-ai/flux-lora"),
        (forge_payload, "forge-image-service"),
        (replicate_input, "black-forest-labs/flux-dev"),
        (stability_payload, "stable-image-core"),
    ],
)
def test_who_takes_no_images_refuses_them(payload: Callable[[GenerationRequest], Any], model: str) -> None:
    with pytest.raises(ValueError, match="references"):
        payload(edit(model, PNG, WEBP))


def test_only_those_that_the_vendor_files_send_edit() -> None:
    assert {model.provider for model in CATALOG.image_models if model.edits} == {"openai", "google"}


def test_the_bytes_are_neither_stored_nor_shown() -> None:
    request = edit("gpt-image-2", InputImage(content=b"secret bytes", mime_type="image/png"))
    assert "inputs" not in request.document()
    assert "secret bytes" not in repr(request)
