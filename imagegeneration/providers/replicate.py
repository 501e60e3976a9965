"""Replicate: predictions that complete by themselves, and an image to be fetched from a URL.

It is called by plain HTTP, because the SDK is no longer maintained. By its terms, a prediction that failed or was
canceled may be charged for the time that it ran, so that its charge is always unclear.
"""

from __future__ import annotations

import time
from typing import Any

from imagegeneration.assets.fetch import Fetcher
from imagegeneration.providers.asynchronous import AsynchronousApi, TakenCall, handle_of, in_doubt, not_told
from imagegeneration.providers.check import check_account, key_of
from imagegeneration.providers.endpoint import Endpoint
from imagegeneration.providers.generation import Answer, GenerationRequest
from imagegeneration.providers.health import Checked
from imagegeneration.providers.parameters import lora_scale, prepared, refuse_what_is_not_taken
from imagegeneration.providers.provider import Call, brief
from imagegeneration.providers.refusal import refusal, words_of
from imagegeneration.providers.reply import Reply
from imagegeneration.providers.wire import paid

RATIOS = {
    "1024x1024": "1:1",
    "1344x768": "16:9",
    "1536x640": "21:9",
    "1216x832": "3:2",
    "832x1216": "2:3",
    "896x1088": "4:5",
    "1088x896": "5:4",
    "896x1152": "3:4",
    "1152x896": "4:3",
    "768x1344": "9:16",
    "640x1536": "9:21",
}
"""Sizes of about a megapixel in Replicate's terms, which are aspect ratios."""

_FORMATS = {"png": "png", "jpeg": "jpg", "webp": "webp"}


_AGAINST_THE_RULES = ("nsfw", "flagged", "sensitive", "safety", "content policy")
"""Words of models that refuse a prompt or an image; they have no code for it."""

MODELS = ("black-forest-labs/flux-dev", "black-forest-labs/flux-dev-lora", "black-forest-labs/flux-schnell")
"""The models whose input is known."""


class ReplicateProvider:
    """A client of the predictions API."""

    is_resumable = True

    def __init__(self, endpoint: Endpoint, timeout_seconds: float, fetcher: Fetcher | None = None) -> None:
        self._endpoint = endpoint
        self._timeout = timeout_seconds
        self._api = AsynchronousApi(endpoint, "Bearer", fetcher)

    @paid
    def generate(self, request: GenerationRequest, call: Call) -> Answer:
        """Make one image: the paid call, unless it was submitted before.

        Raises CallFailed, which says what is known about the charge, and CallDetached.
        """
        deadline = time.monotonic() + min(self._timeout, request.timeout_seconds)
        if call.handle is not None:
            return self._answer(TakenCall(call.handle, deadline, call.stopping))
        body = {"input": prepared(replicate_input, request)}
        reply = self._api.submit(f"/models/{request.model}/predictions", body, deadline, headers={})
        if not 200 <= reply.status < 300:
            raise refusal("replicate", reply.status, reply.headers, reply.document)
        taken = TakenCall(handle_of(reply.document.get("id")), deadline, call.stopping)
        call.submitted(taken.handle)  # guard: replicate-handle-first
        return self._answer(taken)

    def check(self) -> Checked:
        """Ask for the account of the key."""
        return check_account(self._endpoint, "/account", {"authorization": f"Bearer {key_of(self._endpoint)}"})

    def close(self) -> None:
        """Close the connections."""
        self._api.close()

    def _answer(self, taken: TakenCall) -> Answer:
        handle = taken.handle

        def ended() -> Reply | None:
            reply = self._api.ask(f"/predictions/{handle}")
            if reply is None or reply.may_pass:
                return None
            if reply.status != 200:
                raise not_told(handle, reply, said(reply))
            return reply if has_ended(reply, handle) else None

        prediction = self._api.patiently(ended, taken, "was not done with it in time")
        url, error = output_url(prediction), words_of(prediction.document.get("error"))
        if url is None and error is not None:
            raise in_doubt(handle, f"ended it without an image: {brief(error)}")
        if url is None:
            return Answer(content=prediction.body, usage=None, provider_request_id=handle)
        content, output = self._api.image(url, taken), prediction.document.get("output")
        others = self._api.others(output[1:]) if isinstance(output, list) else ()
        return Answer(content=content, usage=None, provider_request_id=handle, others=others)


def replicate_input(request: GenerationRequest) -> dict[str, Any]:
    """Return the input of the prediction. Raises ValueError for what the model does not take."""
    if request.model not in MODELS:
        raise ValueError(f"Replicate has no model {request.model} here.")
    refuse_what_is_not_taken(request, frozenset({"seed", "steps", "guidance", "loras"}))
    if len(request.loras) > 1:
        raise ValueError("Replicate is given one LoRA at most.")
    if request.size not in RATIOS:
        raise ValueError(f"Replicate has no word for {request.size}, only for {', '.join(RATIOS)}.")
    wanted = {
        "prompt": request.final_prompt,
        "aspect_ratio": RATIOS[request.size],
        "num_outputs": 1,
        "output_format": _FORMATS[request.output_format],
        "seed": request.seed,
        "num_inference_steps": request.steps,
        "guidance": request.guidance,
        "lora_weights": lora_weights(request.loras[0].path) if request.loras else None,
        "lora_scale": lora_scale(request.loras[0].weight) if request.loras else None,
    }
    return {name: value for name, value in wanted.items() if value is not None}


def lora_weights(path: str) -> str:
    """Return a LoRA's path for Replicate.

    There, `owner/name` alone would be a model of Replicate's, not of Hugging Face.
    """
    return path if path.startswith("https://") else f"huggingface.co/{path}"


def has_ended(reply: Reply, handle: str) -> bool:
    """Return whether a prediction has succeeded, False while it is running. Raises CallFailed if it never will."""
    status, error = reply.document.get("status"), str(reply.document.get("error"))
    if status in ("failed", "canceled", "aborted"):
        what = f"ended it as {status}, perhaps after work that it charges for: {brief(error)}"
        raise in_doubt(handle, what, moderated=any(word in error.lower() for word in _AGAINST_THE_RULES))
    return status == "succeeded"


def output_url(prediction: Reply) -> str | None:
    """Return the image's address, or None if the prediction has none."""
    output = prediction.document.get("output")
    first = output[0] if isinstance(output, list) and output else output
    return first if isinstance(first, str) else None


def said(reply: Reply) -> str | None:
    """Return Replicate's own words in an error, or None if there are none."""
    detail = reply.document.get("detail")
    return detail if isinstance(detail, str) else None
