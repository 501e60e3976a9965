"""What the provider layer adds to a call of 2 MB: the request built, the answer parsed, and the memory of both.

The wire is replaced by one that answers from memory, below all code of the studio and of the SDKs. No call waits, so
that only CPU time is measured.
"""

from __future__ import annotations

import base64
import contextlib
import gc
import json
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from unittest import mock

import httpx2
from pydantic import SecretStr

from benchmarks.harness import SEED, Figure, Servers, figure
from benchmarks.stub import picture
from imagegeneration.assets.fetch import Fetcher
from imagegeneration.providers import asynchronous
from imagegeneration.providers.endpoint import Endpoint
from imagegeneration.providers.generation import MAX_PARTIAL_IMAGES, GenerationRequest
from imagegeneration.providers.provider import Call, Provider
from imagegeneration.providers.vendors import PROVIDERS

CALLS = 60
AT_ONCE = 50
PIECE_BYTES = 64 * 1024
"""The size of a read from a socket, in bytes."""

IMAGE = picture(2)
PRINTED = base64.b64encode(IMAGE).decode()
USAGE = {"input_tokens": 10, "output_tokens": 440, "input_tokens_details": {"text_tokens": 10, "image_tokens": 0}}
GOOGLE = {
    "candidates": [
        {
            "content": {"parts": [{"inlineData": {"mimeType": "image/jpeg", "data": PRINTED}}], "role": "model"},
            "finishReason": "STOP",
        }
    ],
    "responseId": "r",
}
FAL = {"request_id": "r", "status": "COMPLETED", "images": [{"url": "https://v3.fal.media/a.png"}]}
REPLICATE = {"id": "r", "status": "succeeded", "output": ["https://replicate.delivery/a.png"]}


@dataclass(frozen=True)
class Vendor:
    """A model of a provider, and the answer of its API to every request."""

    model: str
    answer: bytes
    output_format: str = "png"
    quality: str = "standard"
    partial_images: int = 0

    @property
    def content_type(self) -> str:
        """Return the content type of the answer."""
        return "text/event-stream" if self.partial_images else "application/json"


def _streamed(partial_images: int) -> bytes:
    """Return OpenAI's stream of an image and of its previews, each as large as the image."""
    kinds = [*["image_generation.partial_image"] * partial_images, "image_generation.completed"]
    steps = ({"type": kind, "b64_json": PRINTED, "usage": USAGE} for kind in kinds)
    return "".join(f"event: {step['type']}\ndata: {json.dumps(step)}\n\n" for step in steps).encode()


VENDORS: Mapping[str, Vendor] = {
    "openai": Vendor(
        "gpt-image-2.5-flare",
        json.dumps({"created": 1, "data": [{"b64_json": PRINTED}], "usage": USAGE}).encode(),
        quality="medium",
    ),
    "openai, with 3 on the way": Vendor(
        "gpt-image-2.5-flare", _streamed(MAX_PARTIAL_IMAGES), quality="medium", partial_images=MAX_PARTIAL_IMAGES
    ),
    "google": Vendor("gemini-nano-banana-2.1", json.dumps(GOOGLE).encode(), "jpeg"),
    "fal": Vendor("fal-ai/flux/dev", json.dumps(FAL).encode()),
    "replicate": Vendor("black-forest-labs/flux-dev", json.dumps(REPLICATE).encode()),
    "stability": Vendor("stable-image-core", IMAGE),
    "forge": Vendor(
        "forge-image-service", json.dumps({"image": {"b64Json": PRINTED, "mimeType": "image/png"}}).encode()
    ),
}


def measure(_servers: Servers) -> Iterator[Figure]:
    """Yield the time of a call without the wire, and the memory of many at once, for each provider."""
    for name, vendor in VENDORS.items():
        with _wired(name, vendor) as call:
            call()
            times = [_timed(call) for _ in range(CALLS)]
            most = 15 * (1 + vendor.partial_images)  # for each image of 2 MB
            yield figure(f"{name}: a call of 2 MB without the wire", times, median_below=most)
            yield _memory(f"{name}: memory of a call at its highest", call, 1)
            yield _memory(f"{name}: memory a call, {AT_ONCE} at once", call, AT_ONCE)


@contextlib.contextmanager
def _wired(name: str, vendor: Vendor) -> Iterator[Callable[[], bytes]]:
    """Yield a call of the provider, whose wire answers from memory."""
    provider_name = name.partition(",")[0]
    request = GenerationRequest.model_validate(
        {
            "provider": provider_name,
            "model": vendor.model,
            "size": "1024x1024",
            "quality": vendor.quality,
            "output_format": vendor.output_format,
            "partial_images": vendor.partial_images,
            "final_prompt": f"A calm homepage category card, number {SEED}, soft light, generous spacing",
        }
    )

    def answer(_transport: httpx2.HTTPTransport, asked: httpx2.Request) -> httpx2.Response:
        asked.read()
        return httpx2.Response(200, headers={"content-type": vendor.content_type}, stream=_Pieces(vendor.answer))

    with (
        mock.patch.object(httpx2.HTTPTransport, "handle_request", answer),
        mock.patch.object(asynchronous, "Fetcher", _Memory),
    ):
        provider: Provider = PROVIDERS[provider_name](Endpoint(url="http://127.0.0.1:9", key=SecretStr("k")), 60.0)
        with contextlib.closing(provider):
            yield lambda: provider.generate(request, Call()).content


class _LastPiece:
    """A barrier for the last pieces of all calls: at that moment all of them have their whole answers in memory."""

    def __init__(self) -> None:
        self.together(1)

    def together(self, calls: int) -> None:
        self._barrier = threading.Barrier(calls)

    def wait(self) -> None:
        self._barrier.wait()


_LAST_PIECE = _LastPiece()


class _Pieces(httpx2.SyncByteStream):
    def __init__(self, body: bytes) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        for start in range(0, len(self._body), PIECE_BYTES):
            if len(self._body) > PIECE_BYTES and start + PIECE_BYTES >= len(self._body):
                _LAST_PIECE.wait()
            yield self._body[start : start + PIECE_BYTES]


class _Memory(Fetcher):
    """A fetcher with the image in memory; it copies the image, as a real one does."""

    def fetch(self, url: str, *, max_bytes: int, deadline: float) -> bytes:  # noqa: ARG002 - as the fetcher's
        return bytes(bytearray(IMAGE))


def _timed(call: Callable[[], bytes]) -> float:
    began = time.thread_time()
    content = call()
    seconds = time.thread_time() - began
    if content != IMAGE:
        raise RuntimeError("that is not the image")
    return seconds


def _memory(name: str, call: Callable[[], bytes], at_once: int) -> Figure:
    """Return the peak memory of `at_once` calls, each of which keeps its answer until all have theirs."""
    all_done = threading.Barrier(at_once)

    def hold() -> None:
        content = call()
        all_done.wait()
        del content

    _LAST_PIECE.together(at_once)
    gc.collect()
    tracemalloc.start()
    with ThreadPoolExecutor(at_once) as pool:
        for done in [pool.submit(hold) for _ in range(at_once)]:
            done.result()
    megabytes = tracemalloc.get_traced_memory()[1] / at_once / 1e6
    tracemalloc.stop()
    _LAST_PIECE.together(1)
    return Figure(name, megabytes, unit="MB", expected="< 8 MB", holds=megabytes < 8)
