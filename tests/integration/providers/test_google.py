"""The official SDK, as it is set up here, on the line with a strict stub of the Gemini API."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from imagegeneration.providers.endpoint import Endpoint
from imagegeneration.providers.generation import LARGEST_SEED, GenerationRequest
from imagegeneration.providers.google import SIZES, GoogleProvider
from imagegeneration.providers.provider import Call
from tests.integration.providers.conftest import IMAGE, VENDORS, Line, line
from tests.wire.google import KEY, Google, answer, image_part
from tests.wire.loopback import Received, Sent, answer_json


@pytest.fixture(scope="module")
def google() -> Iterator[Line]:
    with line("google") as connected:
        yield connected


POSSIBLE = st.sampled_from([(model, size) for model, sizes in SIZES.items() for size in sizes])
SEED = st.none() | st.integers(0, LARGEST_SEED)


@given(POSSIBLE, SEED, st.text(min_size=1))
@settings(max_examples=60, deadline=None)
def test_whatever_the_model_can_do_is_taken_as_it_was_approved(
    google: Line, model_and_size: tuple[str, str], seed: int | None, prompt: str
) -> None:
    model, size = model_and_size
    wanted = {"model": model, "size": size, "seed": seed, "final_prompt": prompt}
    assert google.call(google.vendor.request.model_copy(update=wanted)).content == IMAGE
    received = google.stub.received[-1]
    ratio, image_size = SIZES[model][size]
    sent = {"responseModalities": ["IMAGE"], "imageConfig": {"aspectRatio": ratio, "imageSize": image_size}}
    assert received.path == f"/v1beta/models/{model}:generateContent"
    assert received.document == {
        "contents": [{"role": "user", "parts": [{"text": prompt}]}],
        "generationConfig": sent if seed is None else sent | {"seed": seed},
    }


@pytest.mark.parametrize(
    "document",
    [
        answer(None, "IMAGE_SAFETY"),
        answer(None, "NO_IMAGE"),
        answer([{"text": "I cannot."}]),
        {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 9}},
    ],
    ids=["image", "none", "words", "prompt"],
)
def test_a_block_is_an_http_200_and_in_doubt(google: Line, document: dict[str, Any]) -> None:
    failure = google.failure(fault=answer_json(document))
    assert (failure.certainty, failure.retryable) == ("unknown", False)
    assert "returned no image" in failure.message


@pytest.mark.parametrize("reason", ["CONTINUATION", "MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE"])
def test_nothing_in_an_answer_makes_the_sdk_call_again(google: Line, reason: str) -> None:
    parts = [{"functionCall": {"name": "draw", "args": {}}}]
    document = answer(parts, reason)
    document["candidates"][0]["continuationToken"] = "YWdhaW4="
    assert google.failure(fault=answer_json(document)).certainty == "unknown"


def test_the_environment_changes_neither_the_address_nor_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    surroundings = {
        "GOOGLE_GENAI_USE_ENTERPRISE": "true",
        "GOOGLE_GENAI_USE_VERTEXAI": "true",
        "GOOGLE_CLOUD_PROJECT": "project",
        "GOOGLE_CLOUD_LOCATION": "europe-west1",
        "GOOGLE_GENAI_API_VERSION": "v9",
        "GOOGLE_GEMINI_BASE_URL": "http://127.0.0.1:9",
        "GOOGLE_VERTEX_BASE_URL": "http://127.0.0.1:9",
        "GOOGLE_API_KEY": "another",
        "GEMINI_API_KEY": "another",
    }
    for name, value in surroundings.items():
        monkeypatch.setenv(name, value)
    with line("google") as connected:
        assert connected.call().content == IMAGE
        assert connected.stub.received[-1].headers["x-goog-api-key"] == KEY


def test_no_key_of_the_environment_goes_out_where_none_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", KEY)
    with Google(IMAGE) as stub:
        provider = GoogleProvider(Endpoint(url=stub.url), 5)
        failure = Line(VENDORS["google"], stub, provider).failure()
        provider.close()
    assert failure.credentials


def test_the_time_out_goes_out_in_seconds() -> None:
    with line("google", timeout=12) as connected:
        connected.call()
        assert connected.stub.received[-1].headers["x-server-timeout"] == "12"


@pytest.fixture
def often_switching() -> Iterator[None]:
    """Threads that interrupt each other wherever they can."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


AT_ONCE = 8


class Echo(Google):
    """Draws the prompt, for all that wait at once."""

    def __init__(self) -> None:
        super().__init__(b"")
        self._all_here = threading.Barrier(AT_ONCE)

    def serve(self, request: Received) -> Sent:
        self._all_here.wait(timeout=10)
        prompt = request.document["contents"][0]["parts"][0]["text"]
        return answer_json(answer([image_part(prompt.encode())]))


def test_calls_at_once_get_each_their_own_answer(often_switching: None) -> None:
    requests = [VENDORS["google"].request.model_copy(update={"final_prompt": f"kite {n}"}) for n in range(3 * AT_ONCE)]
    with Echo() as stub, ThreadPoolExecutor(AT_ONCE) as pool:
        provider = GoogleProvider(Endpoint(url=stub.url, key=SecretStr(KEY)), 10)

        def drawn(request: GenerationRequest) -> bytes:
            return provider.generate(request, Call()).content

        assert list(pool.map(drawn, requests)) == [request.final_prompt.encode() for request in requests]
        provider.close()
