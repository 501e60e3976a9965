"""Forge's ImageService (PRD "Image Generation System"): one unary call of the Connect protocol in JSON.

It takes only a prompt: the size and the format of the image are fixed.
"""

from __future__ import annotations

from typing import Any

from imagegeneration.providers.check import ask
from imagegeneration.providers.encoded import EncodedAnswer
from imagegeneration.providers.endpoint import Endpoint
from imagegeneration.providers.generation import Answer, CallFailed, GenerationRequest
from imagegeneration.providers.health import Checked
from imagegeneration.providers.parameters import prepared, refuse_what_is_not_taken
from imagegeneration.providers.post import PaidPost
from imagegeneration.providers.provider import Call
from imagegeneration.providers.refusal import error_instead, refusal
from imagegeneration.providers.reply import Reply
from imagegeneration.providers.wire import paid

SIZE = "1024x1024"
FORMAT = "png"


class ForgeProvider:
    """A client of the service."""

    is_resumable = False

    def __init__(self, endpoint: Endpoint, timeout_seconds: float) -> None:
        self._endpoint = endpoint
        self._timeout = timeout_seconds
        self._post = PaidPost(endpoint, {"connect-protocol-version": "1"})

    @paid
    def generate(self, request: GenerationRequest, _call: Call) -> Answer:
        """Make one image: the paid call. Raises CallFailed, which says what is known about the charge."""
        payload = prepared(forge_payload, request)
        seconds = min(self._timeout, request.timeout_seconds)
        headers = {"connect-timeout-ms": str(round(seconds * 1000))}
        return forge_answer(self._post.send_json("/images.v1.ImageService/GenerateImage", payload, seconds, headers))

    def check(self) -> Checked:
        """Check that the server answers: no free question about the account is documented. The key is not sent."""
        try:
            ask(self._endpoint, "/", {})
        except CallFailed as failure:
            return Checked(status="unreachable", problem=failure.message)
        return Checked(status="reached", problem="It has no question that would tell whether it accepts the account.")

    def close(self) -> None:
        """Close the connections."""
        self._post.close()


def forge_payload(request: GenerationRequest) -> dict[str, Any]:
    """Return the body of the paid call. Raises ValueError for what the service does not take."""
    refuse_what_is_not_taken(request, frozenset())
    if (request.size, request.output_format) != (SIZE, FORMAT):
        raise ValueError(f"{request.model} makes {FORMAT} of {SIZE} only.")
    return {"prompt": request.final_prompt, "original_images": []}


def forge_answer(reply: Reply) -> Answer:
    """Return the image. Raises CallFailed for a refusal. Bytes that are no image are paid for and are kept."""
    request_id = reply.headers.get("x-request-id")
    if reply.status != 200:
        raise refusal("forge", reply.status, reply.headers, reply.document, request_id=request_id)
    try:
        answer = EncodedAnswer(reply.body, "b64Json")
        content = answer.image(answer.document["image"]["b64Json"])
    except (LookupError, TypeError, ValueError, RecursionError):
        failure = error_instead("forge", reply.document, request_id=request_id)
        if failure is not None:
            raise failure from None
        content = reply.body
    return Answer(content=content, usage=None, provider_request_id=request_id)
