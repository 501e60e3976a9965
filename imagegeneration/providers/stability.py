"""Stability's Stable Image services (REST v2beta): the request is a form, and the answer is the image.

It is called by plain HTTP, because the SDK is for the earlier API. Stability says that a failed generation and a
refused prompt (403) are free, and that a blurred image (CONTENT_FILTERED) is a successful one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from imagegeneration.providers.check import ask, judged, key_of, refused_account
from imagegeneration.providers.endpoint import Endpoint
from imagegeneration.providers.generation import Answer, CallFailed, GenerationRequest
from imagegeneration.providers.health import Checked
from imagegeneration.providers.parameters import prepared, refuse_what_is_not_taken
from imagegeneration.providers.post import PaidPost
from imagegeneration.providers.provider import Call
from imagegeneration.providers.refusal import error_instead, refusal
from imagegeneration.providers.reply import Reply
from imagegeneration.providers.wire import paid


@dataclass(frozen=True)
class Service:
    """A service that makes images, and the model that it is told to use, if any."""

    path: str
    model: str | None = None


SERVICES = {
    "stable-image-core": Service("core"),
    "stable-image-ultra": Service("ultra"),
    "sd3.5-large": Service("sd3", model="sd3.5-large"),
}

ASPECT_RATIOS = {
    "1024x1024": "1:1",
    "1344x768": "16:9",
    "768x1344": "9:16",
    "1536x640": "21:9",
    "640x1536": "9:21",
    "1216x832": "3:2",
    "832x1216": "2:3",
    "1088x896": "5:4",
    "896x1088": "4:5",
}
"""Sizes of about a megapixel in Stability's terms, which are aspect ratios."""


class StabilityProvider:
    """A client of the services."""

    is_resumable = False

    def __init__(self, endpoint: Endpoint, timeout_seconds: float) -> None:
        self._endpoint = endpoint
        self._timeout = timeout_seconds
        self._post = PaidPost(endpoint, {"accept": "image/*"})

    @paid
    def generate(self, request: GenerationRequest, _call: Call) -> Answer:
        """Make one image: the paid call. Raises CallFailed, which says what is known about the charge."""
        form = prepared(stability_payload, request)
        path = f"/v2beta/stable-image/generate/{SERVICES[request.model].path}"
        return stability_answer(self._post.send_form(path, form, min(self._timeout, request.timeout_seconds)))

    def check(self) -> Checked:
        """Ask for the balance: without credits every call is refused."""
        try:
            told = ask(self._endpoint, "/v1/user/balance", {"authorization": f"Bearer {key_of(self._endpoint)}"})
        except CallFailed as failure:
            return Checked(status="unreachable", problem=failure.message)
        credits_left = told.document.get("credits")
        if told.status == 200 and isinstance(credits_left, int | float) and credits_left <= 0:
            return refused_account("it has no credits left.")
        return judged(told)

    def close(self) -> None:
        """Close the connections."""
        self._post.close()


def stability_payload(request: GenerationRequest) -> dict[str, Any]:
    """Return the fields of the form. Raises ValueError for what the service does not take."""
    service = SERVICES.get(request.model)
    if service is None:
        raise ValueError(f"Stability has no service {request.model}.")
    refuse_what_is_not_taken(request, frozenset({"seed", "negative_prompt"}))
    if request.size not in ASPECT_RATIOS:
        raise ValueError(f"Stability has no word for {request.size}.")
    fields = {
        "prompt": request.final_prompt,
        "negative_prompt": request.negative_prompt,
        "aspect_ratio": ASPECT_RATIOS[request.size],
        "seed": None if request.seed is None else str(request.seed),
        "output_format": request.output_format,
        "model": service.model,
    }
    return {name: value for name, value in fields.items() if value is not None}


def stability_answer(reply: Reply) -> Answer:
    """Return the image. Raises CallFailed for a refusal, a blurred image or an error.

    Other bytes are paid for and are kept.
    """
    request_id = reply.headers.get("x-request-id")
    if reply.status != 200:
        raise refusal("stability", reply.status, reply.headers, reply.document, request_id=request_id)
    if reply.headers.get("finish-reason") == "CONTENT_FILTERED":
        raise CallFailed(
            "The provider made the image and blurred it, because it breaks its rules on content. It charges for that.",
            certainty="charged",
            moderated=True,
            provider_request_id=request_id,
        )
    said = reply.document if reply.body.startswith(b"{") else None
    failure = error_instead("stability", said, request_id=request_id)
    if failure is not None:
        raise failure
    return Answer(content=reply.body, usage=None, provider_request_id=request_id)
