"""Stability's v2beta generate services, from the reference of the API: what it refuses is refused here."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from tests.wire.loopback import OneCall, Received, Sent, answer_json

KEY = "sk-stability"
Text = Annotated[str, StringConstraints(min_length=1, max_length=10_000)]


class Core(BaseModel):
    """The form of core and ultra, as far as it concerns text to image. Every field comes as text."""

    model_config = ConfigDict(extra="forbid")

    prompt: Text
    negative_prompt: Annotated[str, StringConstraints(max_length=10_000)] = ""
    aspect_ratio: Literal["16:9", "1:1", "21:9", "2:3", "3:2", "4:5", "5:4", "9:16", "9:21"] = "1:1"
    seed: int = Field(default=0, ge=0, le=4_294_967_294)
    output_format: Literal["jpeg", "png", "webp"] = "png"


class Sd3(Core):
    output_format: Literal["jpeg", "png"] = "png"
    model: Literal["sd3.5-large", "sd3.5-large-turbo", "sd3.5-medium"] = "sd3.5-large"


FORMS: dict[str, type[Core]] = {"core": Core, "ultra": Core, "sd3": Sd3}


def refusal(status: int, name: str, *errors: str, **headers: str) -> Sent:
    return answer_json({"id": "4212a4b6", "name": name, "errors": list(errors)}, status, **headers)


class Stability(OneCall):
    def __init__(self, image: bytes) -> None:
        super().__init__()
        self.image = image
        self.finish_reason = "SUCCESS"

    def serve(self, request: Received) -> Sent:
        path = re.fullmatch(r"/v2beta/stable-image/generate/(core|ultra|sd3)", request.path)
        if path is None:
            return refusal(404, "not_found", "The resource does not exist")
        if request.headers["authorization"] != f"Bearer {KEY}":
            return refusal(401, "unauthorized", "authorization: is missing or invalid")
        if request.headers["accept"] not in ("image/*", "application/json"):
            return refusal(400, "bad_request", "accept: must be image/* or application/json")
        try:
            form = FORMS[path[1]].model_validate(fields(request))
        except (ValidationError, ValueError) as error:
            return refusal(400, "bad_request", str(error))
        headers = {
            "content-type": f"image/{form.output_format}",
            "finish-reason": self.finish_reason,
            "seed": str(form.seed or 7),
            "x-request-id": "req-stability",
        }
        return Sent(200, self.image, headers)


def fields(request: Received) -> dict[str, str]:
    """The texts of a multipart form, byte for byte. Raises ValueError for any other body."""
    if request.headers.get_content_type() != "multipart/form-data":
        raise ValueError("content-type: must be multipart/form-data")
    boundary = request.headers.get_boundary("").encode()
    found = {}
    for part in request.body.split(b"--" + boundary)[1:-1]:
        head, _, content = part.removeprefix(b"\r\n").removesuffix(b"\r\n").partition(b"\r\n\r\n")
        name = re.search(rb'name="([^"]+)"', head)
        if name is None or b"filename" in head:
            raise ValueError("a part is no field")
        found[name[1].decode()] = content.decode()
    return found
