"""Fal: a queue that accepts a call, and an image to be fetched from a URL.

It is called by plain HTTP, because the SDK sends a submit up to ten times. Fal says that it never charges for a status
of 500 and above, that it may charge for a 422, and that it bills by the image (fal.ai/docs, FAQ and pricing).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from imagegeneration.assets.fetch import Fetcher
from imagegeneration.providers.asynchronous import AsynchronousApi, TakenCall, handle_of, in_doubt, not_told
from imagegeneration.providers.check import check_account, key_of
from imagegeneration.providers.endpoint import Endpoint
from imagegeneration.providers.generation import Answer, CallFailed, GenerationRequest
from imagegeneration.providers.health import Checked
from imagegeneration.providers.parameters import lora_scale, prepared, refuse_what_is_not_taken
from imagegeneration.providers.provider import Call, brief
from imagegeneration.providers.refusal import refusal, words_of
from imagegeneration.providers.reply import Reply
from imagegeneration.providers.wire import paid

_EXPAND_NOTHING = {"enable_prompt_expansion": False}

APPS: Mapping[str, Mapping[str, object]] = {
    "fal-ai/flux/dev": {},
    "fal-ai/flux-lora": {},
    "rundiffusion-fal/juggernaut-flux-lora": {},
    "fal-ai/flux-2": _EXPAND_NOTHING,
    "fal-ai/flux-2/lora": _EXPAND_NOTHING,
}
"""The apps whose form is known, and their extra fields, above all to leave the prompt unchanged."""


QUEUE, PLATFORM = "https://queue.fal.run", "https://api.fal.ai/v1"


class FalProvider:
    """A client of the queue."""

    is_resumable = True

    def __init__(self, endpoint: Endpoint, timeout_seconds: float, fetcher: Fetcher | None = None) -> None:
        self._endpoint = endpoint
        self._timeout = timeout_seconds
        self._api = AsynchronousApi(endpoint, "Key", fetcher)

    @paid
    def generate(self, request: GenerationRequest, call: Call) -> Answer:
        """Make one image: the paid call, unless it was submitted before.

        Raises CallFailed, which says what is known about the charge, and CallDetached.
        """
        seconds = min(self._timeout, request.timeout_seconds)
        deadline = time.monotonic() + seconds
        if call.handle is not None:
            return self._answer(request, TakenCall(call.handle, deadline, call.stopping))
        # The server must neither submit the call again, nor start it so late that this client no longer waits for it.
        headers = {
            "x-fal-no-retry": "1",  # guard: fal-no-retry
            "x-fal-request-start-timeout": f"{seconds / 2:g}",
        }
        reply = self._api.submit(f"/{request.model}", prepared(fal_payload, request), deadline, headers)
        if not 200 <= reply.status < 300:
            raise refusal("fal", reply.status, reply.headers, reply.document)
        taken = TakenCall(handle_of(reply.document.get("request_id")), deadline, call.stopping)
        call.submitted(taken.handle)  # guard: fal-handle-first
        return self._answer(request, taken)

    def check(self) -> Checked:
        """Ask what a model costs: free, and answered to accepted keys only (fal.ai/docs, Platform APIs)."""
        asked = self._endpoint.model_copy(update={"url": platform_url(self._endpoint.url)})
        headers = {"authorization": f"Key {key_of(self._endpoint)}"}
        return check_account(asked, "/models/pricing?endpoint_id=fal-ai/flux/dev", headers)

    def close(self) -> None:
        """Close the connections."""
        self._api.close()

    def _answer(self, request: GenerationRequest, taken: TakenCall) -> Answer:
        handle = taken.handle
        result = self._result(f"{queue_path(request.model)}/requests/{handle}", taken)
        if result.status != 200:
            raise failure(result, handle)
        url = image_url(result, handle)
        if url is None and (words := said(result)) is not None:
            raise in_doubt(handle, f"answered with an error instead of an image: {brief(words)}")
        if url is None:
            return Answer(content=result.body, usage=None, provider_request_id=handle)
        content = self._api.image(url, taken)
        others = self._api.others(other_urls(result))
        return Answer(content=content, usage=None, provider_request_id=handle, others=others)

    def _result(self, path: str, taken: TakenCall) -> Reply:
        def completed() -> Reply | None:
            reply = self._api.ask(f"{path}/status")
            if reply is None or reply.may_pass:
                return None
            if reply.status not in (200, 202):
                raise not_told(taken.handle, reply, said(reply))
            return reply if reply.document.get("status") == "COMPLETED" else None

        status = self._api.patiently(completed, taken, "was not done with it in time")
        failed = bool(status.document.get("error"))

        def result() -> Reply | None:
            reply = self._api.ask(path)
            if reply is None or (reply.may_pass and not (said(reply) and (failed or "error_type" in reply.document))):
                return None  # an error of the queue or a proxy is no result of the call
            return reply

        return self._api.patiently(result, taken, "was done with it, but did not hand out the result in time")


def fal_payload(request: GenerationRequest) -> dict[str, Any]:
    """Return the body of the paid call. Raises ValueError for what the app does not take."""
    extra = APPS.get(request.model)
    if extra is None:
        raise ValueError(f"Fal has no app {request.model}.")
    refuse_what_is_not_taken(request, frozenset({"seed", "steps", "guidance", "loras"}))
    width, height = request.pixels
    wanted = {
        "prompt": request.final_prompt,
        "image_size": {"width": width, "height": height},
        "num_images": 1,
        "output_format": request.output_format,
        "enable_safety_checker": True,
        "seed": request.seed,
        "num_inference_steps": request.steps,
        "guidance_scale": request.guidance,
        "loras": [{"path": lora.path, "scale": lora_scale(lora.weight)} for lora in request.loras] or None,
    }
    return {name: value for name, value in wanted.items() if value is not None} | dict(extra)


def platform_url(queue_url: str) -> str:
    """Return the address of questions about the account.

    A server that replaces Fal's queue is asked itself, because its key must not go elsewhere.
    """
    return PLATFORM if queue_url == QUEUE else queue_url


def queue_path(model: str) -> str:
    """Return the path of an app's calls: its owner and name, without what follows."""
    return "/" + "/".join(model.split("/")[:2])


def image_url(result: Reply, handle: str) -> str | None:
    """Return the image's address, or None if there is none. Raises CallFailed if the image was blacked out."""
    try:
        flags = result.document.get("has_nsfw_concepts") or [False]
        url = result.document["images"][0]["url"]
        blacked_out = flags[0] is True
    except (LookupError, TypeError):
        return None
    if blacked_out:
        raise CallFailed(
            "The provider made the image and blacked it out, because its safety checker objects. It charges for that.",
            certainty="charged",  # guard: fal-blackout-charged
            moderated=True,
            provider_request_id=handle,
        )
    return url if isinstance(url, str) else None


def other_urls(result: Reply) -> list[object]:
    """Return the addresses of further images of a result. One was requested; the others are paid for too."""
    images = result.document.get("images")
    return [one.get("url") for one in images[1:] if isinstance(one, dict)] if isinstance(images, list) else []


def failure(result: Reply, handle: str) -> CallFailed:
    """Return what the error of an ended call says about the charge."""
    words = brief(said(result) or f"HTTP {result.status}")
    moderated = "content_policy_violation" in error_types(result)
    if result.status >= 500:
        return CallFailed(
            f"The provider could not make the image: {words}",
            certainty="not_charged",
            moderated=moderated,
            retryable=not moderated,
            provider_request_id=handle,
        )
    # guard: fal-refusal-unknown
    return in_doubt(handle, f"refused it, perhaps after work that it charges for: {words}", moderated=moderated)


def said(reply: Reply) -> str | None:
    """Return Fal's own words in an error, one text or one for each wrong field, or None if there are none."""
    return words_of(reply.document.get("detail"))


def error_types(reply: Reply) -> set[str]:
    """Return the kinds of the errors in a refusal, as Fal names them for machines."""
    detail = reply.document.get("detail")
    errors = detail if isinstance(detail, list) else []
    types = {str(error.get("type")) for error in errors if isinstance(error, dict)}
    return types | {str(reply.document.get("error_type"))}
