"""Forge's ImageService: a unary call of the Connect protocol, strict as a server made from a schema is."""

from __future__ import annotations

import base64
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from tests.wire.loopback import OneCall, Received, Sent, answer_json

KEY = "forge-key"


class Image(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    url: str = ""
    b64Json: str = ""  # noqa: N815 - the name on the wire
    mimeType: str = ""  # noqa: N815 - the name on the wire


class GenerateImageRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    prompt: Annotated[str, StringConstraints(min_length=1)]
    original_images: list[Image]


def refusal(status: int, code: str, message: str, **headers: str) -> Sent:
    return answer_json({"code": code, "message": message}, status, **headers)


class Forge(OneCall):
    def __init__(self, image: bytes) -> None:
        super().__init__()
        self.image = image

    def serve(self, request: Received) -> Sent:
        if request.path != "/images.v1.ImageService/GenerateImage":
            return refusal(404, "unimplemented", "no such method")
        if request.headers["connect-protocol-version"] != "1":
            return refusal(400, "invalid_argument", "missing required header: set Connect-Protocol-Version to 1")
        if request.headers["authorization"] != f"Bearer {KEY}":
            return refusal(401, "unauthenticated", "invalid token")
        if request.headers.get_content_type() != "application/json":
            return Sent(415, b"")
        try:
            GenerateImageRequest.model_validate_json(request.body)
        except ValidationError as error:
            return refusal(400, "invalid_argument", str(error))
        image = {"b64Json": base64.b64encode(self.image).decode(), "mimeType": "image/png"}
        return answer_json({"image": image}, x_request_id="req-forge")
