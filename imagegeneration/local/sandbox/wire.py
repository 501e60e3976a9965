"""OpenAI's Images, Responses and Moderations as the sandbox speaks them: strict requests, well-formed answers."""

from __future__ import annotations

import base64
import json
import re
import struct
import zlib
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from imagegeneration.core.errors import ModelUnavailable
from imagegeneration.local.sandbox.faults import RefusalKind
from imagegeneration.models.catalog import Catalog

Json = dict[str, Any]

_CATALOG = Catalog.read()

UNPRICED_IMAGE_MICROS = 13_200
"""The price of an image for which the catalog has none, in micro-dollars."""

REFUSALS: Mapping[RefusalKind, tuple[int, str, str, str | None]] = {
    "429": (429, "Rate limit reached for images. Please try again later.", "requests", "rate_limit_exceeded"),
    "429_quota": (429, "You exceeded your current quota.", "insufficient_quota", "insufficient_quota"),
    "500": (500, "The server had an error while processing your request.", "server_error", None),
    "500_html": (500, "", "", None),
    "503": (503, "The engine is currently overloaded.", "server_error", "server_overloaded"),
    "401": (401, "Incorrect API key provided.", "invalid_request_error", "invalid_api_key"),
    "403": (403, "Your organization must be verified.", "invalid_request_error", "organization_not_verified"),
    "400": (400, "Invalid value for the request.", "invalid_request_error", "invalid_value"),
    "402": (402, "Payment required.", "invalid_request_error", None),
    "400_billing": (400, "Billing hard limit has been reached.", "invalid_request_error", "billing_hard_limit_reached"),
    "400_unknown": (400, "This cannot be done.", "invalid_request_error", None),
    "content_policy": (
        400,
        "Your prompt may contain text that is not allowed.",
        "invalid_request_error",
        "content_policy_violation",
    ),
    "moderation": (
        400,
        "Your request was rejected by the safety system.",
        "image_generation_user_error",
        "moderation_blocked",
    ),
}
"""The status, message, type and code of each refusal."""


MODERATION_CATEGORIES = (
    *("harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent"),
    *("self-harm", "self-harm/instructions", "self-harm/intent", "sexual", "sexual/minors"),
    *("violence", "violence/graphic"),
)


def model_list() -> Json:
    """Return the answer of GET /v1/models: the models that a request may name."""
    names = [*(model.name for model in _CATALOG.image_models), *(model.name for model in _CATALOG.text_models)]
    return {"object": "list", "data": [{"id": name, "object": "model", "owned_by": "sandbox"} for name in names]}


class WireError(Exception):
    """An answer of status `status` with OpenAI's error object."""

    def __init__(self, status: int, message: str, *, type_: str = "invalid_request_error", code: str | None) -> None:
        super().__init__(message)
        self.status = status
        self.body: Json = {"error": {"message": message, "type": type_, "param": None, "code": code}}


class ImageRequest(BaseModel):
    """The body of POST /v1/images/generations, as far as the sandbox reads it."""

    model: str
    prompt: str = Field(min_length=1, max_length=32_000)
    n: Literal[1] = 1
    size: str = "1024x1024"
    quality: Literal["low", "medium", "high", "xhigh", "max"] = "medium"
    output_format: Literal["png", "jpeg", "webp"] = "png"
    stream: bool = False
    partial_images: int = Field(default=0, ge=0, le=3)

    @model_validator(mode="after")
    def _is_streamed(self) -> Self:
        if self.partial_images and not self.stream:
            raise ValueError("partial_images is only for stream")
        return self

    @field_validator("size")
    @classmethod
    def _is_possible(cls, size: str) -> str:
        if not re.fullmatch(r"\d{2,4}x\d{2,4}", size):
            raise ValueError("must be WIDTHxHEIGHT")
        width, height = map(int, size.split("x"))
        if width % 16 or height % 16 or not 1 / 3 <= width / height <= 3 or max(width, height) > 3840:
            raise ValueError("must be divisible by 16, from 1:3 to 3:1 and at most 3840 long")
        return size

    @property
    def pixels(self) -> tuple[int, int]:
        """Return width and height."""
        width, height = map(int, self.size.split("x"))
        return width, height

    def check_model(self, today: date) -> None:
        """Raise WireError 404 unless the model is alive."""
        try:
            _CATALOG.model(self.model, today)
        except ModelUnavailable:
            raise _no_model(self.model) from None

    def usage(self, read_images: int = 0) -> Json:
        """Return the tokens of one image, and `read_images` of those that it is made from.

        They never cost more than the catalog's prices, so that no bill exceeds its hold.
        """
        model = _CATALOG.model(self.model, date.min)
        price = next(
            (price.micros for price in model.prices.image if (price.size, price.quality) == (self.size, self.quality)),
            UNPRICED_IMAGE_MICROS,
        )
        made = price * 1_000_000 // model.prices.image_out + self.partial_images * model.prices.partial_tokens
        read = -(-len(self.prompt.encode()) // 4)
        return {
            "input_tokens": read + read_images,
            "input_tokens_details": {"text_tokens": read, "image_tokens": read_images},
            "output_tokens": made,
            "output_tokens_details": {"image_tokens": made, "text_tokens": 0},
            "total_tokens": read + read_images + made,
        }


class EditRequest(ImageRequest):
    """The text fields of POST /v1/images/edits; the files are beside it."""

    model_config = ConfigDict(extra="forbid")

    background: Literal["auto", "opaque", "transparent"] = "auto"

    @field_validator("n", mode="before")
    @classmethod
    def _is_text(cls, n: str) -> object:
        return {"1": 1}.get(n, n)


def input_tokens(width: int, height: int) -> int:
    """Return the tokens of an image that is read: patches of 32 pixels, at most 1,536 of them."""
    return min(-(-width // 32) * -(-height // 32), 1_536)


class ModerationRequest(BaseModel):
    """The body of POST /v1/moderations, as far as the sandbox reads it."""

    model: Literal["omni-moderation-latest"]
    input: str


class TextRequest(BaseModel):
    """The body of POST /v1/responses, as far as the sandbox reads it."""

    model: str
    input: str | list[Json]
    text: Json = Field(default_factory=dict)

    def check_model(self) -> None:
        """Raise WireError 404 unless the catalog knows the model."""
        if self.model not in {model.name for model in _CATALOG.text_models}:
            raise _no_model(self.model)

    @property
    def user_text(self) -> str:
        """Return the text of the last message."""
        content = self.input if isinstance(self.input, str) else self.input[-1].get("content", "")
        return content if isinstance(content, str) else "".join(str(part.get("text", "")) for part in content)

    def intent_and_prompt(self) -> tuple[str, str]:
        """Return the two parts of the text. Raises WireError 400 unless it is a JSON object that has them."""
        try:
            parts = json.loads(self.user_text)
            return str(parts["intent"]), str(parts["prompt"])
        except (ValueError, KeyError, TypeError):
            raise WireError(400, "The sandbox wants {intent, prompt} as input.", code="invalid_value") from None

    def structured(self, text: str) -> str:
        """Return `text` in the one field of the JSON schema that was asked for, or as it is without a schema."""
        properties = self.text.get("format", {}).get("schema", {}).get("properties", {})
        return json.dumps({next(iter(properties)): text}, ensure_ascii=False) if properties else text


def _no_model(name: str) -> WireError:
    return WireError(404, f"The model '{name}' does not exist or you do not have access to it.", code="model_not_found")


def image_answer(request: ImageRequest, content: bytes, created: int, read_images: int = 0) -> Json:
    """Return the answer to an image request that had `read_images` tokens of images to edit."""
    return {
        "created": created,
        "background": "opaque",
        "data": [{"b64_json": base64.b64encode(content).decode()}],
        "output_format": request.output_format,
        "quality": request.quality,
        "size": request.size,
        "usage": request.usage(read_images),
    }


def steps(request: ImageRequest, partial: Sequence[bytes], answer: Json) -> list[Json]:
    """Return the events of a stream: each preview, and the answer."""
    kind = "image_edit" if isinstance(request, EditRequest) else "image_generation"
    facts = {
        "created_at": answer["created"],
        **{name: answer[name] for name in ("background", "output_format", "quality", "size")},
    }
    shown = [
        {"type": f"{kind}.partial_image", "b64_json": base64.b64encode(content).decode(), "partial_image_index": number}
        for number, content in enumerate(partial)
    ]
    made = {"type": f"{kind}.completed", "b64_json": answer["data"][0]["b64_json"] if answer["data"] else None}
    return [event | facts for event in shown] + [made | facts | {"usage": answer.get("usage")}]


def text_answer(request: TextRequest, text: str, created: int, *, declined: bool = False) -> Json:
    """Return the answer to a text request; `declined` makes it the refusal that structured outputs know."""
    read, wrote = -(-len(request.user_text.encode()) // 4), -(-len(text.encode()) // 4)
    content = {"type": "output_text", "annotations": [], "text": text}
    if declined:
        content = {"type": "refusal", "refusal": "I can't help with that."}
    return {
        "id": "resp_sandbox",
        "object": "response",
        "created_at": created,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": request.model,
        "output": [
            {"id": "msg_sandbox", "type": "message", "role": "assistant", "status": "completed", "content": [content]}
        ],
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": {
            "input_tokens": read,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": wrote,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": read + wrote,
        },
    }


def moderation_answer(found: Collection[str]) -> Json:
    """Return the answer to a moderation request; no text is read, and the name of the model says so."""
    return {
        "id": "modr_sandbox",
        "model": "sandbox-moderation (no text is looked at)",
        "results": [
            {
                "flagged": bool(found),
                "categories": {name: name in found for name in MODERATION_CATEGORIES},
                "category_scores": {name: float(name in found) for name in MODERATION_CATEGORIES},
                "category_applied_input_types": {name: ["text"] for name in MODERATION_CATEGORIES},
            }
        ],
    }


def huge_png(width: int = 20_000, height: int = 10_000) -> bytes:
    """Return a small PNG whose header claims `width` x `height` pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(4096))), (b"IEND", b""))
    parts = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)
