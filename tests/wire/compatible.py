"""A self-hosted server that speaks OpenAI's images API its own way: it knows fewer fields, or answers a URL."""

from __future__ import annotations

import base64
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from tests.wire.loopback import OneCall, Received, Sent, answer_json


class Lenient(BaseModel):
    """What every server of the kind reads."""

    model_config = ConfigDict(extra="ignore", strict=True)

    model: str
    prompt: Annotated[str, StringConstraints(min_length=1)]
    n: Literal[1] = 1
    size: Annotated[str, StringConstraints(pattern=r"^\d+x\d+$")] = "1024x1024"
    response_format: Literal["url", "b64_json"] | None = None


class Strict(Lenient):
    """A server that refuses fields that it does not know, `quality` and `output_format` among them."""

    model_config = ConfigDict(extra="forbid", strict=True)


def refusal(status: int, message: str, **headers: str) -> Sent:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    return answer_json({"error": error}, status, **headers)


class Compatible(OneCall):
    def __init__(self, image: bytes, *, form: type[Lenient] = Lenient, answers: Literal["url", "b64_json"]) -> None:
        super().__init__()
        self.image = image
        self._form = form
        self._answers = answers

    def serve(self, request: Received) -> Sent:
        if request.path != "/images/generations":
            return refusal(404, "not found")
        try:
            wanted = self._form.model_validate_json(request.body)
        except ValidationError as error:
            return refusal(400, str(error))
        image: dict[str, Any] = {"url": f"{self.url}/generated/b64.png"}
        if (wanted.response_format or self._answers) == "b64_json":
            image = {"b64_json": base64.b64encode(self.image).decode()}
        return answer_json({"created": 1, "data": [image]})
