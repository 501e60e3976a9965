"""Fal's queue, as its documentation has it: what it takes and refuses, and how a call goes on.

The input is checked when the call runs, as at the real one: a wrong one is taken and ends as a 422.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tests.wire.loopback import Loopback, Received, Sent, answer_json

KEY = "fal-key"


class _Input(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class ImageSize(_Input):
    width: int = Field(gt=0, le=14142)
    height: int = Field(gt=0, le=14142)


class LargeImageSize(_Input):
    width: int = Field(ge=512, le=2048)
    height: int = Field(ge=512, le=2048)


class LoraWeight(_Input):
    path: str = Field(min_length=1)
    scale: float = Field(default=1, ge=0, le=4)


class FluxDev(_Input):
    prompt: str
    image_size: ImageSize
    num_inference_steps: int = Field(default=28, ge=1, le=50)
    seed: int | None = None
    guidance_scale: float = Field(default=3.5, ge=1, le=20)
    num_images: int = Field(default=1, ge=1, le=4)
    enable_safety_checker: bool = True
    output_format: Literal["jpeg", "png"] = "jpeg"


class FluxLora(FluxDev):
    loras: list[LoraWeight] = []


class Flux2(_Input):
    prompt: str
    image_size: LargeImageSize
    num_inference_steps: int = Field(default=28, ge=4, le=50)
    seed: int | None = None
    guidance_scale: float = Field(default=2.5, ge=0, le=20)
    num_images: int = Field(default=1, ge=1, le=4)
    enable_prompt_expansion: bool = False
    enable_safety_checker: bool = True
    output_format: Literal["jpeg", "png", "webp"] = "png"


class Flux2Lora(Flux2):
    loras: list[LoraWeight] = Field(default=[], max_length=3)


INPUTS: dict[str, type[_Input]] = {
    "fal-ai/flux/dev": FluxDev,
    "fal-ai/flux-lora": FluxLora,
    "rundiffusion-fal/juggernaut-flux-lora": FluxLora,
    "fal-ai/flux-2": Flux2,
    "fal-ai/flux-2/lora": Flux2Lora,
}


@dataclass
class Call:
    app: str
    arguments: dict[str, object]
    polls: int = 0


class FalStub(Loopback):
    """Stages: submit, status, result, file."""

    def __init__(self, image: bytes = b"image", polls: int = 1) -> None:
        super().__init__()
        self.image = image
        self.polls = polls
        self.calls: dict[str, Call] = {}
        self.nsfw = False
        self.more: list[dict[str, str]] = []
        self.error: str | None = None

    def stage(self, received: Received) -> str:
        if received.path.startswith("/files/"):
            return "file"
        if received.method == "POST":
            return "submit"
        return "status" if received.path.endswith("/status") else "result"

    def serve(self, received: Received) -> Sent:
        stage = self.stage(received)
        if stage == "file":
            return Sent(200, self.image, {"content-type": "image/png"})
        if received.headers.get("authorization") != f"Key {KEY}":
            return answer_json({"detail": "Cannot access application: authentication is required"}, 401)
        if stage == "submit":
            return self._submit(received)
        handle = received.path.removesuffix("/status").rpartition("/")[2]
        call = self.calls.get(handle)
        # Only owner and name of the app are in the path: the rest of it is a 405 at the real one.
        if call is None or not received.path.startswith(f"/{'/'.join(call.app.split('/')[:2])}/requests/"):
            return answer_json({"detail": "Request not found"}, 404)
        return self._status(call) if stage == "status" else self._result(call, handle)

    def _submit(self, received: Received) -> Sent:
        app = received.path.strip("/")
        if app not in INPUTS or received.headers.get("content-type") != "application/json":
            return answer_json({"detail": f"Application '{app}' not found"}, 404)
        handle = f"764cabcf-b745-4b3e-ae38-{len(self.calls):012d}"
        self.calls[handle] = Call(app, json.loads(received.body))
        base = f"https://queue.fal.run/{app}/requests/{handle}"
        urls = {"response_url": base, "status_url": f"{base}/status", "cancel_url": f"{base}/cancel"}
        return answer_json({"status": "IN_QUEUE", "request_id": handle, "queue_position": 0, **urls})

    def _status(self, call: Call) -> Sent:
        call.polls += 1
        if call.polls <= self.polls:
            position = {"queue_position": 0} if call.polls == 1 else {"logs": None}
            return answer_json({"status": "IN_QUEUE" if call.polls == 1 else "IN_PROGRESS", **position}, 202)
        return answer_json({"status": "COMPLETED", "logs": None, "metrics": {}, "error": self.error})

    def _result(self, call: Call, handle: str) -> Sent:
        try:
            arguments = INPUTS[call.app].model_validate(call.arguments)
        except ValidationError as error:
            return answer_json({"detail": json.loads(error.json(include_url=False))}, 422)
        image = {"url": f"{self.url}/files/{handle}.png", "width": 8, "height": 8, "content_type": "image/png"}
        prompt = arguments.model_dump()["prompt"]
        return answer_json(
            {"images": [image, *self.more], "seed": 1, "has_nsfw_concepts": [self.nsfw], "prompt": prompt}
        )
