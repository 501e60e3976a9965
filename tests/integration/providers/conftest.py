"""Every vendor of one synchronous call, beside a stub of its wire."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import SecretStr

from imagegeneration.providers.endpoint import Endpoint
from imagegeneration.providers.forge import ForgeProvider
from imagegeneration.providers.generation import Answer, CallFailed, GenerationRequest
from imagegeneration.providers.google import GoogleProvider
from imagegeneration.providers.openai import OpenAIProvider
from imagegeneration.providers.provider import Call, Provider
from imagegeneration.providers.stability import StabilityProvider
from tests.wire import compatible, forge, google, stability
from tests.wire.loopback import CALL, Fault, Loopback, Received, Sent

IMAGE = b"\xff\xd8\xff\x00 an image, as far as the wire goes \r\n--\x80"


@dataclass(frozen=True)
class Vendor:
    """How a vendor is called, and how its stub is understood."""

    provider: Callable[[Endpoint, float], Provider]
    stub: Callable[[bytes], Loopback]
    key: str
    request: GenerationRequest
    prompt: Callable[[Received], str]
    refusal: Callable[[int, str], Sent]


def request(provider: str, model: str, output_format: str = "png", **more: Any) -> GenerationRequest:
    wanted = {"size": "1024x1024", "quality": "standard", "final_prompt": "a kite"} | more
    return GenerationRequest.model_validate(
        {"provider": provider, "model": model, "output_format": output_format} | wanted
    )


CODES = {
    400: "invalid_argument",
    401: "unauthenticated",
    403: "permission_denied",
    429: "resource_exhausted",
    500: "internal",
    503: "unavailable",
}
"""Codes of the Connect protocol, which are Google's too."""


VENDORS = {
    "google": Vendor(
        GoogleProvider,
        google.Google,
        google.KEY,
        request("google", "gemini-nano-banana-2.1", "jpeg"),
        lambda received: str(received.document["contents"][0]["parts"][0]["text"]),
        lambda status, said: google.refusal(status, CODES[status].upper(), said),
    ),
    "stability": Vendor(
        StabilityProvider,
        stability.Stability,
        stability.KEY,
        request("stability", "stable-image-core"),
        lambda received: stability.fields(received)["prompt"],
        lambda status, said: stability.refusal(status, CODES[status], said),
    ),
    "forge": Vendor(
        ForgeProvider,
        forge.Forge,
        forge.KEY,
        request("forge", "forge-image"),
        lambda received: str(received.document["prompt"]),
        lambda status, said: forge.refusal(status, CODES[status], said),
    ),
    "compatible": Vendor(
        OpenAIProvider,
        lambda image: compatible.Compatible(image, answers="b64_json"),
        "none",
        request("local", "flux"),
        lambda received: str(received.document["prompt"]),
        compatible.refusal,
    ),
}


@dataclass(frozen=True)
class Line:
    """A vendor's client on the line with its stub."""

    vendor: Vendor
    stub: Loopback
    provider: Provider

    def call(self, request: GenerationRequest | None = None, fault: Fault | None = None) -> Answer:
        """Make one image, and see that nothing was sent twice."""
        before = len(self.stub.received)
        if fault is not None:
            self.stub.faults[CALL].append(fault)
        try:
            return self.provider.generate(request or self.vendor.request, Call())
        finally:
            assert len(self.stub.received) - before <= 1

    def failure(self, request: GenerationRequest | None = None, fault: Fault | None = None) -> CallFailed:
        with pytest.raises(CallFailed) as failed:
            self.call(request, fault)
        return failed.value


@contextmanager
def line(name: str, *, timeout: float = 10, key: str | None = None) -> Iterator[Line]:
    vendor = VENDORS[name]
    with vendor.stub(IMAGE) as stub:
        endpoint = Endpoint(url=stub.url, key=SecretStr(key or vendor.key))
        with contextlib.closing(vendor.provider(endpoint, timeout)) as provider:
            yield Line(vendor, stub, provider)


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The asynchronous providers are asked without the pauses that a real one is granted."""
    monkeypatch.setattr("imagegeneration.providers.asynchronous.FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr("imagegeneration.providers.asynchronous.LONGEST_PAUSE_SECONDS", 0.1)
