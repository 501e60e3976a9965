"""Google's Gemini image models, by the official SDK's `generate_content`.

The SDK can send a paid call more than once by itself: retries, continuations and function calls are switched off. It
writes the request and reads refusals. An answer is withheld from it, so that a bad one is kept as it came.

A block is an HTTP 200 without an image. Google says that a blocked prompt does not reach the model, but counts its
tokens and nowhere says that it is free. The charge of a blocked call is unclear.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import httpx2
from google import genai
from google.genai import errors, types

from imagegeneration.providers.check import ask, judged, key_of, refused_account
from imagegeneration.providers.encoded import EncodedAnswer, index_of_image
from imagegeneration.providers.endpoint import Endpoint
from imagegeneration.providers.generation import Answer, CallFailed, GenerationRequest, Usage
from imagegeneration.providers.health import Checked
from imagegeneration.providers.parameters import prepared, refuse_what_is_not_taken
from imagegeneration.providers.provider import Call, brief, read_whole, unreachable
from imagegeneration.providers.refusal import error_instead, refusal
from imagegeneration.providers.wire import CONNECT_SECONDS, Wire, paid

_PIXELS_1K = {
    "1:1": (1024, 1024),
    "2:3": (848, 1264),
    "3:2": (1264, 848),
    "3:4": (896, 1200),
    "4:3": (1200, 896),
    "4:5": (928, 1152),
    "5:4": (1152, 928),
    "9:16": (768, 1376),
    "16:9": (1376, 768),
    "21:9": (1584, 672),
}
_PIXELS_1K_LONG = {"1:4": (512, 2064), "4:1": (2064, 512), "1:8": (352, 2928), "8:1": (2928, 352)}


def _sizes(pixels_1k: Mapping[str, tuple[int, int]]) -> dict[str, tuple[str, str]]:
    scales = {"1K": 1, "2K": 2, "4K": 4}
    return {
        f"{width * scale}x{height * scale}": (ratio, image_size)
        for ratio, (width, height) in pixels_1k.items()
        for image_size, scale in scales.items()
    }


SIZES = {
    "gemini-nano-banana-2.1": _sizes(_PIXELS_1K | _PIXELS_1K_LONG),
    "gemini-3-pro-image": _sizes(_PIXELS_1K),
}
"""The sizes of each model in Google's terms: an aspect ratio and an image size."""

FORMAT = "jpeg"
"""The only format of the models. The API has no parameter for it."""

NO_IMAGE = {
    "SAFETY": "it is against the provider's rules on safety",
    "IMAGE_SAFETY": "the image is against the provider's rules on safety",
    "PROHIBITED_CONTENT": "the provider forbids such content",
    "IMAGE_PROHIBITED_CONTENT": "the provider forbids such images",
    "BLOCKLIST": "it has words that the provider forbids",
    "SPII": "it has personal data",
    "RECITATION": "it repeats a protected work",
    "IMAGE_RECITATION": "the image repeats a protected work",
    "JAILBREAK": "the provider takes it for an attempt to get round its rules",
    "MODEL_ARMOR": "the account's own filter stopped it",
    "NO_IMAGE": "the model made no image from it",
    "IMAGE_OTHER": "the image failed for a reason that the provider does not tell",
    "OTHER": "the provider does not tell the reason",
    "STOP": "the model answered without one",
    "MAX_TOKENS": "the answer became too long",
}
"""Why an answer has no image, in words, by finish reason or block reason."""

_NOT_MODERATED = ("NO_IMAGE", "IMAGE_OTHER", "OTHER", "STOP", "MAX_TOKENS")


class GoogleProvider:
    """A client for paid calls, without retries, redirects or keep-alive."""

    is_resumable = False

    def __init__(self, endpoint: Endpoint, timeout_seconds: float) -> None:
        self._endpoint = endpoint
        self._timeout = timeout_seconds
        self._wire = _Wire()
        self._http = httpx2.Client(transport=self._wire, trust_env=False)
        self._client = genai.Client(
            enterprise=False,
            api_key=endpoint.key.get_secret_value() if endpoint.key else "none",
            http_options=types.HttpOptions(
                base_url=endpoint.url,
                api_version="v1beta",
                httpx_client=self._http,
            ),
        )

    @paid
    def generate(self, request: GenerationRequest, _call: Call) -> Answer:
        """Make one image: the paid call. Raises CallFailed, which says what is known about the charge."""
        payload = prepared(google_payload, request)
        milliseconds = round(min(self._timeout, request.timeout_seconds) * 1000)
        payload["config"].http_options = types.HttpOptions(timeout=milliseconds)
        with _failures():
            self._client.models.generate_content(**payload)
        return google_answer(self._wire.take_answer())

    def check(self) -> Checked:
        """List a model, which is free. A wrong key is a 400, recognized by its reason."""
        try:
            told = ask(self._endpoint, "/v1beta/models?pageSize=1", {"x-goog-api-key": key_of(self._endpoint)})
        except CallFailed as failure:
            return Checked(status="unreachable", problem=failure.message)
        error = told.document.get("error")
        details = error.get("details") if isinstance(error, dict) else None
        reasons = [detail.get("reason") for detail in details or [] if isinstance(detail, dict)]
        return refused_account(told.words) if "API_KEY_INVALID" in reasons else judged(told)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
        self._http.close()


def google_payload(request: GenerationRequest) -> dict[str, Any]:
    """Return the arguments of the paid call. Raises ValueError for what the model does not take."""
    sizes = SIZES.get(request.model)
    if sizes is None:
        raise ValueError(f"Google has no living model {request.model}.")
    refuse_what_is_not_taken(request, frozenset({"seed", "references"}))
    if request.size not in sizes:
        raise ValueError(f"Google has no word for {request.size} of {request.model}.")
    if request.output_format != FORMAT:
        raise ValueError(f"{request.model} makes {FORMAT} only.")
    aspect_ratio, image_size = sizes[request.size]
    config = types.GenerateContentConfig(
        response_modalities=["IMAGE"],
        image_config=types.ImageConfig(aspect_ratio=aspect_ratio, image_size=image_size),
        seed=request.seed,
        automatic_continuation=False,
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        should_return_http_response=True,
    )
    given = [types.Part.from_bytes(data=one.content, mime_type=one.mime_type) for one in request.images_to_edit()]
    contents = [types.Part.from_text(text=request.final_prompt), *given] if given else request.final_prompt
    return {"model": request.model, "contents": contents, "config": config}


def google_answer(body: bytes) -> Answer:
    """Return the image: the last that can be decoded, and the others beside it.

    A body that is no answer of Google's is paid for and is kept. Raises CallFailed if the answer has no image.
    """
    answer: Any = None
    try:
        encoded = EncodedAnswer(body, "data")
        answer = encoded.document
        sent = _sent_images(answer)
        pictures = list(_images(encoded, sent))
        request_id = answer.get("responseId")
        known_id = request_id if isinstance(request_id, str) else None
        if not sent:
            stopped = _finish_reason(answer)
            blocked = (answer.get("promptFeedback") or {}).get("blockReason")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        usage = _usage(answer.get("usageMetadata")) if isinstance(answer, dict) else None
        return Answer(content=body, usage=usage, provider_request_id=None)
    usage = _usage(answer.get("usageMetadata"))
    if pictures:
        content = pictures.pop(index_of_image(pictures, is_last=True))
        return Answer(content=content, usage=usage, provider_request_id=known_id, others=tuple(pictures))
    if sent:
        return Answer(content=body, usage=usage, provider_request_id=known_id)
    failure = error_instead("google", answer, request_id=known_id)
    if failure is not None:
        raise failure
    if isinstance(blocked, str):
        raise _no_image(blocked, known_id, moderated=True)
    if isinstance(stopped, str):
        raise _no_image(stopped, known_id, moderated=stopped in NO_IMAGE and stopped not in _NOT_MODERATED)
    return Answer(content=body, usage=usage, provider_request_id=known_id)


def _sent_images(answer: Any) -> list[Any]:
    """Return the images as they came, without those that are marked as the model's thoughts."""
    parts = [part for found in answer.get("candidates") or [] for part in (found.get("content") or {}).get("parts", [])]
    of_images = [part for part in parts if isinstance(part, dict) and "inlineData" in part]
    return [part["inlineData"] for part in of_images if not part.get("thought")]


def _images(answer: EncodedAnswer, sent: Iterable[Any]) -> Iterator[bytes]:
    """Yield each image that can be decoded. A broken one does not lose the others."""
    for image in sent:
        with suppress(ValueError, LookupError, TypeError):
            yield answer.image(image["data"])


def _finish_reason(answer: Any) -> object:
    return next((found.get("finishReason") for found in answer.get("candidates") or []), None)


def _no_image(reason: str, request_id: str | None, *, moderated: bool) -> CallFailed:
    words = NO_IMAGE.get(reason, NO_IMAGE["OTHER"])
    return CallFailed(
        f"The provider returned no image: {words} ({brief(reason)}). Whether it charges for that is not known.",
        certainty="unknown",
        moderated=moderated,
        provider_request_id=request_id,
    )


def _usage(metadata: Any) -> Usage | None:
    """Return the tokens of the image, and of the words and thoughts, which have another price, or None if unclear."""
    try:
        made = {detail["modality"]: detail["tokenCount"] for detail in metadata["candidatesTokensDetails"]}
        read = {detail["modality"]: detail["tokenCount"] for detail in metadata["promptTokensDetails"]}
        if not {"IMAGE"} <= set(made) <= {"IMAGE", "TEXT"}:
            return None
        return Usage(
            input_text_tokens=read["TEXT"],
            input_image_tokens=read.get("IMAGE", 0),
            output_tokens=made["IMAGE"],
            output_text_tokens=made.get("TEXT", 0) + metadata.get("thoughtsTokenCount", 0),
        )
    except (LookupError, TypeError, AttributeError, ValueError):
        return None


@contextmanager
def _failures() -> Iterator[None]:
    """Turn every failure of a call into CallFailed."""
    try:
        yield
    except errors.APIError as error:
        raise google_refusal(error) from error
    except httpx2.HTTPError as error:
        raise unreachable(error) from error
    except (UnicodeError, RecursionError) as error:
        raise CallFailed("The provider's answer could not be read.", certainty="unknown") from error


def google_refusal(error: errors.APIError) -> CallFailed:
    """Return what an error status says about the charge."""
    said = error.details if isinstance(error.details, dict) else {}
    return refusal("google", error.code, getattr(error.response, "headers", {}), said)


class _Wire(Wire):
    """A transport that withholds the body of a success from the SDK, which sees only the status."""

    def __init__(self) -> None:
        super().__init__()
        self._answers = threading.local()  # the SDK sends on the thread of its caller

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        seconds = request.extensions["timeout"]["read"]
        request.extensions["timeout"] = httpx2.Timeout(seconds, connect=CONNECT_SECONDS).as_dict()
        response = super().handle_request(request)
        if response.status_code != 200:
            return response
        try:
            self._answers.body = read_whole(response.iter_bytes())
        finally:
            response.close()
        return httpx2.Response(200)

    def take_answer(self) -> bytes:
        """Return the answer to this thread's last call, once."""
        body: bytes = self._answers.__dict__.pop("body")
        return body
