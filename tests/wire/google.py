"""The Gemini API's generateContent for image models: the JSON of its reference, unknown names refused."""

from __future__ import annotations

import base64
import re
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from tests.wire.loopback import OneCall, Received, Sent, answer_json

KEY = "google-key"
USUAL = ["1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9"]
RATIOS = {
    "gemini-3-pro-image": USUAL,
    "gemini-nano-banana-2.1": [*USUAL, "1:4", "4:1", "1:8", "8:1"],
}


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel, populate_by_name=True)


class Blob(Strict):
    mime_type: Literal["image/png", "image/jpeg", "image/webp"]
    data: Annotated[str, Field(pattern=r"^([A-Za-z0-9+/]+|[A-Za-z0-9_-]+)={0,2}$")]


class Part(Strict):
    text: Annotated[str, Field(min_length=1)] | None = None
    inline_data: Blob | None = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if (self.text is None) == (self.inline_data is None):
            raise ValueError("a part is a text or an image")
        return self


class Content(Strict):
    role: Literal["user"]
    parts: Annotated[list[Part], Field(min_length=1)]


class ImageConfig(Strict):
    aspect_ratio: str = "1:1"
    image_size: Literal["1K", "2K", "4K"] = "1K"


class GenerationConfig(Strict):
    response_modalities: list[Literal["TEXT", "IMAGE"]]
    image_config: ImageConfig
    seed: Annotated[int, Field(ge=-(2**31), lt=2**31)] | None = None


class GenerateContent(Strict):
    contents: Annotated[list[Content], Field(min_length=1)]
    generation_config: GenerationConfig


def refusal(code: int, status: str, message: str, details: list[dict[str, Any]] | None = None) -> Sent:
    error = {"code": code, "message": message, "status": status} | ({"details": details} if details else {})
    return answer_json({"error": error}, code)


def image_part(image: bytes, **more: Any) -> dict[str, Any]:
    return {"inlineData": {"mimeType": "image/jpeg", "data": base64.b64encode(image).decode()}} | more


def answer(parts: list[dict[str, Any]] | None, finish_reason: str = "STOP", **more: Any) -> dict[str, Any]:
    content = {} if parts is None else {"content": {"parts": parts, "role": "model"}}
    candidate = content | {"finishReason": finish_reason, "index": 0}
    return {"candidates": [candidate], "modelVersion": "gemini", "responseId": "resp-google"} | more


def usage(thoughts: int = 0) -> dict[str, Any]:
    return {
        "promptTokenCount": 9,
        "candidatesTokenCount": 1120,
        "totalTokenCount": 1129 + thoughts,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 9}],
        "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1120}],
    } | ({"thoughtsTokenCount": thoughts} if thoughts else {})


class Google(OneCall):
    def __init__(self, image: bytes) -> None:
        super().__init__()
        self.image = image

    def serve(self, request: Received) -> Sent:
        path = re.fullmatch(r"/v1beta/models/([\w.-]+):generateContent", request.path)
        if path is None or path[1] not in RATIOS:
            return refusal(404, "NOT_FOUND", f"{request.path} is not found for API version v1beta.")
        if request.headers["x-goog-api-key"] != KEY:
            reason = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
            return refusal(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", [reason])
        try:
            wanted = GenerateContent.model_validate_json(request.body)
        except ValidationError as error:
            return refusal(400, "INVALID_ARGUMENT", f"Invalid JSON payload received. {error}")
        if wanted.generation_config.image_config.aspect_ratio not in RATIOS[path[1]]:
            return refusal(400, "INVALID_ARGUMENT", "Unsupported aspect ratio.")
        return answer_json(answer([image_part(self.image)], usageMetadata=usage()))
