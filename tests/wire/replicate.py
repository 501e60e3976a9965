"""Replicate's predictions API, as its documentation has it: what it takes and refuses, and how a prediction goes on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tests.wire.loopback import Loopback, Received, Sent, answer_json

KEY = "r8_key"


class FluxSchnell(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    prompt: str
    aspect_ratio: Literal["1:1", "16:9", "21:9", "3:2", "2:3", "4:5", "5:4", "3:4", "4:3", "9:16", "9:21"] = "1:1"
    num_outputs: int = Field(default=1, ge=1, le=4)
    num_inference_steps: int = Field(default=4, ge=1, le=4)
    seed: int | None = None
    output_format: Literal["webp", "jpg", "png"] = "webp"


class FluxDev(FluxSchnell):
    num_inference_steps: int = Field(default=28, ge=1, le=50)
    guidance: float = Field(default=3, ge=0, le=10)


class FluxDevLora(FluxDev):
    lora_weights: str | None = None
    lora_scale: float = Field(default=1, ge=-1, le=3)


INPUTS: dict[str, type[FluxSchnell]] = {
    "black-forest-labs/flux-dev": FluxDev,
    "black-forest-labs/flux-dev-lora": FluxDevLora,
    "black-forest-labs/flux-schnell": FluxSchnell,
}


@dataclass
class Prediction:
    input: dict[str, object]
    polls: int = 0


class ReplicateStub(Loopback):
    """Stages: submit, status, file. `ended` is laid over what a prediction that is over says of itself."""

    def __init__(self, image: bytes = b"image", polls: int = 1) -> None:
        super().__init__()
        self.image = image
        self.polls = polls
        self.predictions: dict[str, Prediction] = {}
        self.ended: dict[str, Any] = {}

    @property
    def endpoint(self) -> str:
        return f"{self.url}/v1"

    def stage(self, received: Received) -> str:
        if received.path.startswith("/files/"):
            return "file"
        return "submit" if received.method == "POST" else "status"

    def serve(self, received: Received) -> Sent:
        if self.stage(received) == "file":
            return Sent(200, self.image, {"content-type": "image/png"})
        if received.headers.get("authorization") != f"Bearer {KEY}":
            return problem("Unauthenticated", "You did not pass a valid authentication token", 401)
        if self.stage(received) == "submit":
            return self._submit(received)
        handle = received.path.removeprefix("/v1/predictions/")
        if handle not in self.predictions:
            return problem("Not found", "The requested resource could not be found.", 404)
        return self._status(handle)

    def _submit(self, received: Received) -> Sent:
        model = received.path.removeprefix("/v1/models/").removesuffix("/predictions")
        body = json.loads(received.body)
        if model not in INPUTS or set(body) != {"input"}:
            return problem("Not found", "The requested resource could not be found.", 404)
        try:
            INPUTS[model].model_validate(body["input"])
        except ValidationError as error:
            return problem("Input validation failed", str(error), 422)
        handle = f"rrr4z55ocneqzikepnug{len(self.predictions):06d}"
        self.predictions[handle] = Prediction(body["input"])
        return answer_json(self._document(handle, "starting"), 201)

    def _status(self, handle: str) -> Sent:
        prediction = self.predictions[handle]
        prediction.polls += 1
        if prediction.polls <= self.polls:
            return answer_json(self._document(handle, "processing"))
        output = [f"{self.url}/files/{handle}.png"]
        return answer_json(self._document(handle, "succeeded") | {"output": output} | self.ended)

    def _document(self, handle: str, status: str) -> dict[str, Any]:
        given = self.predictions[handle].input
        get = f"https://api.replicate.com/v1/predictions/{handle}"
        urls = {"get": get, "cancel": f"{get}/cancel"}
        return {"id": handle, "status": status, "input": given, "output": None, "error": None, "urls": urls}


def problem(title: str, detail: str, status: int) -> Sent:
    """An error as the API words it."""
    return answer_json({"title": title, "detail": detail, "status": status}, status)
