"""OpenAI, and every server that speaks its wire format: images, the text of the enhancer, and moderation.

The SDK's retries are off, because it would send a paid call again whose answer was lost. The body is read here, piece
by piece, so that a deadline covers the whole answer and a bad one is kept as it came.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

import httpx2
import openai
from openai import APIConnectionError, APIResponse, APIStatusError, DefaultHttpxClient, OpenAI

from imagegeneration.providers.check import check_account, key_of
from imagegeneration.providers.document import parse_json
from imagegeneration.providers.encoded import EncodedAnswer, index_of_image
from imagegeneration.providers.endpoint import DROPPED_BY_OPENAI, Endpoint, ImageField
from imagegeneration.providers.generation import (
    Answer,
    CallFailed,
    EnhanceBody,
    Enhancement,
    Finding,
    GenerationRequest,
)
from imagegeneration.providers.health import Checked
from imagegeneration.providers.openai_stream import parse_step, usage_of, with_further
from imagegeneration.providers.openai_text import (
    enhance_payload,
    moderation_payload,
    parse_enhancement,
    parse_moderation,
)
from imagegeneration.providers.parameters import prepared
from imagegeneration.providers.provider import (
    Call,
    read_whole,
    unreachable,
)
from imagegeneration.providers.refusal import error_instead, refusal
from imagegeneration.providers.streamed import events
from imagegeneration.providers.wire import CONNECT_SECONDS, ONE_CALL_A_CONNECTION, Wire, at_latest, paid


class OpenAIProvider:
    """A client for paid calls, without retries, redirects or keep-alive, and one for text and moderation."""

    is_resumable = False

    def __init__(self, endpoint: Endpoint, timeout_seconds: float) -> None:
        self._endpoint = endpoint
        self._timeout = timeout_seconds
        self._left_out = endpoint.left_out
        self._paid = _client(endpoint, timeout_seconds, ONE_CALL_A_CONNECTION)
        self._text = _client(endpoint, timeout_seconds, httpx2.Limits())

    @paid
    def generate(self, request: GenerationRequest, call: Call) -> Answer:
        """Make one image: the paid call, as a stream if previews are requested.

        Raises CallFailed, which says what is known about the charge.
        """
        if request.partial_images:
            return self._stream(request, call)
        with self._asked(request) as (response, _):
            return parse_image(read_whole(response.iter_bytes()), response.headers.get("x-request-id"))

    def _stream(self, request: GenerationRequest, call: Call) -> Answer:
        """Make one image with previews. A server without streams answers without previews. Raises CallFailed."""
        with self._asked(request, stream=True, partial_images=request.partial_images) as (response, deadline):
            request_id = response.headers.get("x-request-id")
            if not response.headers.get("content-type", "").startswith("text/event-stream"):
                return parse_image(read_whole(response.iter_bytes()), request_id)
            some_came = False
            steps = events(response.iter_bytes(), deadline)
            for data in steps:
                step = parse_step(data, request_id, some_came=some_came)
                is_image = isinstance(step, Answer) and step.content is not data
                del data
                if isinstance(step, Answer):
                    return with_further(step, steps, is_image=is_image)
                if step is not None:
                    some_came = True  # guard: stream-preview-remembered
                    call.preview(step)
                del step  # each holds an image: free it before the next one comes
            raise CallFailed(
                "The provider's answer ended before the image came.",
                certainty="unknown",  # guard: stream-ended-early
            )

    @contextmanager
    def _asked(self, request: GenerationRequest, **more: Any) -> Iterator[tuple[APIResponse[Any], float]]:
        """Make the paid call. Yield its answer and the time by which that must be complete (see `Wire`)."""
        seconds = min(self._timeout, request.timeout_seconds)
        deadline = at_latest(seconds)
        images = self._paid.images.with_streaming_response
        payload = prepared(self._payload, request) | more
        timeout = httpx2.Timeout(seconds, connect=CONNECT_SECONDS)
        with _answered((images.edit if request.is_edit else images.generate)(**payload, timeout=timeout)) as response:
            yield response, deadline

    def _payload(self, request: GenerationRequest) -> dict[str, Any]:
        return (edit_payload if request.is_edit else image_payload)(request, self._left_out)

    def enhance(self, model: str, body: EnhanceBody, timeout_seconds: float) -> Enhancement:
        """Ask the text model for a better prompt within `timeout_seconds`. Raises CallFailed."""
        call = self._text.responses.with_streaming_response.create(
            **enhance_payload(model, body), timeout=httpx2.Timeout(timeout_seconds)
        )
        with _answered(call) as response:
            return parse_enhancement(read_whole(response.iter_bytes()))

    def moderate(self, text: str, timeout_seconds: float) -> Finding:
        """Ask what the moderation service finds in the text, which is free. Raises CallFailed."""
        call = self._text.moderations.with_streaming_response.create(
            **moderation_payload(text), timeout=httpx2.Timeout(timeout_seconds)
        )
        with _answered(call) as response:
            return parse_moderation(read_whole(response.iter_bytes()))

    def check(self) -> Checked:
        """List the models: free, and refused for a wrong key. Some servers of this kind have no such list."""
        return check_account(self._endpoint, "/models", {"authorization": f"Bearer {key_of(self._endpoint)}"})

    def close(self) -> None:
        """Close the connections."""
        self._paid.close()
        self._text.close()


def image_payload(request: GenerationRequest, left_out: Collection[ImageField] = DROPPED_BY_OPENAI) -> dict[str, Any]:
    """Return the body of the paid call: the approved prompt as it is, and the approved parameters.

    Fields that the server does not know are left out. Its rows of the catalog say what it does instead.
    """
    payload = {
        "prompt": request.final_prompt,
        "model": request.model,
        "size": request.size,
        "quality": request.quality,
        "output_format": request.output_format,
        "n": 1,
        "background": request.background,
        "response_format": "b64_json",
    }
    return {name: value for name, value in payload.items() if value is not None and name not in left_out}


def edit_payload(request: GenerationRequest, left_out: Collection[ImageField] = DROPPED_BY_OPENAI) -> dict[str, Any]:
    """Return the fields of a paid call that edits: those of any call, and each image as a file. Raises ValueError."""
    files = [
        (f"image-{number}.{given.mime_type.removeprefix('image/')}", given.content, given.mime_type)
        for number, given in enumerate(request.images_to_edit(), 1)
    ]
    return image_payload(request, left_out) | {"image": files}


def parse_image(body: bytes, request_id: str | None) -> Answer:
    """Return the image of a paid call's answer: the first that can be decoded, and the others beside it.

    A body that is neither image nor error is paid for, and is kept as it came. Raises CallFailed for an error.
    """
    answer: Any = None
    try:
        encoded = EncodedAnswer(body, "b64_json")
        answer = encoded.document
        pictures = list(_pictures(encoded, answer["data"]))
        content, first = pictures.pop(index_of_image([content for content, _ in pictures]))
        revised = first.get("revised_prompt")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        failure = error_instead("openai", answer, request_id=request_id)
        if failure is not None:
            raise failure from None
        usage = usage_of(answer.get("usage")) if isinstance(answer, dict) else None
        return Answer(content=body, usage=usage, provider_request_id=request_id)
    return Answer(
        content=content,
        usage=usage_of(answer.get("usage")),
        provider_request_id=request_id,
        revised_prompt=revised if isinstance(revised, str) else None,
        others=tuple(content for content, _ in pictures),
    )


def _pictures(encoded: EncodedAnswer, pictures: Sequence[Any]) -> Iterator[tuple[bytes, Mapping[str, Any]]]:
    """Yield each picture of an answer that can be decoded, with what the answer says about it."""
    for picture in pictures:
        with suppress(ValueError, LookupError, TypeError, AttributeError):
            yield encoded.image(_text_of(picture)), picture


def _text_of(picture: Mapping[str, Any]) -> object:
    """Return the text that holds a picture: some servers put it into a `data:` address."""
    url = picture.get("url")
    holds = picture.get("b64_json") is None and isinstance(url, str) and url[:5].lower() == "data:"
    return url if holds else picture["b64_json"]


def _client(endpoint: Endpoint, timeout_seconds: float, limits: httpx2.Limits) -> OpenAI:
    key = endpoint.key.get_secret_value() if endpoint.key else "none"  # some servers with this API need no key
    timeout = httpx2.Timeout(timeout_seconds, connect=CONNECT_SECONDS)
    http = DefaultHttpxClient(transport=Wire(limits), follow_redirects=False, timeout=timeout, trust_env=False)
    return OpenAI(base_url=endpoint.url, api_key=key, max_retries=0, timeout=timeout, http_client=http)


@contextmanager
def _answered(call: AbstractContextManager[APIResponse[Any]]) -> Iterator[APIResponse[Any]]:
    """Enter a call, and turn every failure of it into CallFailed."""
    try:
        with call as response:
            yield response
    except APIStatusError as error:
        raise status_failure(error) from error
    except APIConnectionError as error:
        raise unreachable(error.__cause__ or error) from error
    except httpx2.HTTPError as error:
        raise unreachable(error) from error
    except openai.OpenAIError as error:
        raise CallFailed("The provider's answer could not be read.", certainty="unknown") from error


def status_failure(error: APIStatusError) -> CallFailed:
    """Return what an error status of OpenAI, or of a compatible server, says about the charge."""
    try:
        document = parse_json(error.response.content)
    except (ValueError, RecursionError):
        document = None
    said = document if isinstance(document, dict) else {}
    return refusal("openai", error.status_code, error.response.headers, said, request_id=error.request_id)
