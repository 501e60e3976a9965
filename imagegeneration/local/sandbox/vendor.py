"""The answers of the sandbox: a checked request and the fault it meets become a reply."""

from __future__ import annotations

import hashlib
import io
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar

from PIL import Image
from pydantic import BaseModel, ValidationError

from imagegeneration.local.sandbox import edits, wire
from imagegeneration.local.sandbox.calls import CallLog
from imagegeneration.local.sandbox.edits import Given
from imagegeneration.local.sandbox.faults import Fault, FaultQueue, Target
from imagegeneration.local.sandbox.multipart import Part
from imagegeneration.local.sandbox.painting import inset, paint, sketch
from imagegeneration.local.sandbox.wire import (
    EditRequest,
    ImageRequest,
    Json,
    ModerationRequest,
    TextRequest,
    WireError,
)

Manner = Literal["whole", "drip", "reset", "hang", "stream"]

HTML = b"<!doctype html><title>Bad gateway</title><h1>Bad gateway</h1>"
ONE_BYTE_PNG = b"\x89"
OVERLONG = 4_500
SUGGESTION_MAX = 4_000

_GOOD = Fault(kind="delay", count=-1)
_STYLES = (
    "Soft natural light, a clear focal point and generous empty space around it.",
    "Warm late-afternoon light, gentle depth of field, a calm and balanced composition.",
    "Clean studio light, crisp edges, a restrained palette with one accent colour.",
    "Diffuse morning light, fine texture, complementary colours and an uncluttered background.",
)
_SAVE_OPTIONS: Mapping[str, Mapping[str, int]] = {
    "png": {"compress_level": 1},
    "jpeg": {"quality": 90},
    "webp": {"quality": 90, "method": 0},
}
_Request = TypeVar("_Request", bound=BaseModel)


@dataclass(frozen=True)
class Reply:
    """An answer on the wire, sent after `delay` seconds in the given manner.

    The drips, and the `parts` of a stream's body, come `pause` seconds apart.
    """

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0
    manner: Manner = "whole"
    pause: float = 0
    parts: Sequence[bytes] = ()


def json_reply(status: int, payload: object, **options: Any) -> Reply:
    """Return a reply with `payload` as JSON."""
    return Reply(status, json.dumps(payload, ensure_ascii=False).encode(), **options)


class Vendor:
    """The source of answers for images and text, each after its usual delay in seconds."""

    def __init__(self, calls: CallLog, faults: FaultQueue, *, image_delay: float, text_delay: float) -> None:
        self._calls = calls
        self._faults = faults
        self._image_delay = image_delay
        self._text_delay = text_delay

    def answer_image(self, body: Json) -> Reply:
        """Return the reply to POST /v1/images/generations. Raises WireError for a request that OpenAI would refuse."""
        return self._make(_parse(ImageRequest, body), [])

    def answer_edit(self, form: Sequence[Part]) -> Reply:
        """Return the reply to POST /v1/images/edits. Raises WireError for a request that OpenAI would refuse."""
        request = _parse(EditRequest, edits.texts(form))
        return self._make(request, edits.images(form))

    def _make(self, request: ImageRequest, given: Sequence[Given]) -> Reply:
        request.check_model(datetime.now(UTC).date())
        fault = self._fault("image", request.prompt)
        if refused := _unbilled(fault):
            return refused
        number = self._calls.bill(
            "image",
            request.prompt,
            request.model,
            _outcome(fault, "image"),
            size=request.size,
            quality=request.quality,
            inputs=tuple(one.sha256 for one in given),
        )
        seed = hashlib.sha256(f"{request.prompt}\0{number}\0{request.size}".encode()).digest()
        read = sum(wire.input_tokens(*one.picture.size) for one in given)
        content, on_the_way = _image_bytes(request, fault, seed, given)
        answer = wire.image_answer(request, content, int(time.time()), read)
        if fault.kind == "empty_data":
            answer["data"] = []
        elif fault.kind == "junk_base64":
            answer["data"][0]["b64_json"] = "!!this is not base64!!"
        # Real providers differ a little from image to image, which also makes a gallery look alive.
        usual = self._image_delay * (0.8 + 0.4 * seed[0] / 255)
        if request.stream:
            return _answered(fault, answer, usual, lambda answer: _event_reply(wire.steps(request, on_the_way, answer)))
        return _answered(fault, answer, usual)

    def answer_text(self, body: Json) -> Reply:
        """Return the reply to POST /v1/responses. Raises WireError for a request that OpenAI would refuse."""
        request = _parse(TextRequest, body)
        request.check_model()
        intent, prompt = request.intent_and_prompt()
        fault = self._fault("text", request.user_text)
        if refused := _unbilled(fault):
            return refused
        self._calls.bill("text", request.user_text, request.model, _outcome(fault, "text"))
        damage: Mapping[str, Callable[[str], str]] = {
            "overlong_text": lambda _: request.structured("word " * (OVERLONG // 5)),
            "empty_text": lambda _: request.structured(""),
            "bad_text_json": lambda text: text[: len(text) // 2],
        }
        text = damage.get(fault.kind, str)(request.structured(suggest(intent, prompt)))
        answer = wire.text_answer(request, text, int(time.time()), declined=fault.kind == "refusal")
        return _answered(fault, answer, self._text_delay)

    def answer_moderation(self, body: Json) -> Reply:
        """Return the reply to POST /v1/moderations: free of charge. Raises WireError for a bad request."""
        request = _parse(ModerationRequest, body)
        fault = self._fault("moderation", request.input)
        if refused := _unbilled(fault):
            return refused
        found = ("violence", "violence/graphic") if fault.kind == "flagged" else ()
        return _answered(fault, wire.moderation_answer(found), 0)

    def _fault(self, target: Target, prompt: str) -> Fault:
        try:
            return self._faults.take(target, prompt) or _GOOD
        except ValidationError:
            raise WireError(400, "The prompt asks for a fault that the sandbox does not know.", code=None) from None


def suggest(intent: str, prompt: str) -> str:
    """Return a plausible better prompt, always the same for the same input; a long prompt is returned as it is."""
    style = _STYLES[hashlib.sha256(f"{intent}\0{prompt}".encode()).digest()[0] % len(_STYLES)]
    subject = prompt.strip().rstrip(".")
    suggestion = f"{subject[:1].upper()}{subject[1:]}. Intended use: {intent.strip()}. {style} No lettering, no logos."
    return suggestion if len(suggestion) <= SUGGESTION_MAX else prompt


def _parse(model: type[_Request], body: Json) -> _Request:
    try:
        return model.model_validate(body)
    except ValidationError as error:
        wrong = error.errors(include_input=False, include_url=False)[0]
        name = ".".join(str(part) for part in wrong["loc"])
        if wrong["type"] == "missing":
            message = f"Missing required parameter: '{name}'."
            raise WireError(400, message, code="missing_required_parameter") from None
        raise WireError(400, f"Invalid value for '{name}': {wrong['msg']}.", code="invalid_value") from None


def _outcome(fault: Fault, good: str) -> str:
    return good if fault.kind == "delay" else fault.kind


def _image_bytes(
    request: ImageRequest, fault: Fault, seed: bytes, given: Sequence[Given]
) -> tuple[bytes, Sequence[bytes]]:
    """Return the image, and the previews that were asked for."""
    if fault.kind == "one_byte_png":
        return ONE_BYTE_PNG, [ONE_BYTE_PNG] * request.partial_images
    if fault.kind == "huge_png":
        return wire.huge_png(), [wire.huge_png()] * request.partial_images
    picture = paint(seed, request.pixels)
    inset(picture, [one.picture for one in given])
    sketches = [sketch(picture, number) for number in range(request.partial_images)]
    content, *on_the_way = [_encoded(each, request.output_format) for each in (picture, *sketches)]
    return content, on_the_way


def _encoded(picture: Image.Image, output_format: str) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, output_format.upper(), **_SAVE_OPTIONS[output_format])
    return buffer.getvalue()


def _event_reply(events: Sequence[Json]) -> Reply:
    """Return a reply of server-sent events."""
    parts = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events]
    return Reply(200, b"".join(parts), "text/event-stream", manner="stream", parts=parts)


def _unbilled(fault: Fault) -> Reply | None:
    """Return the reply to a call that is refused before it costs anything, or None if it is not refused."""
    if fault.kind == "reset":
        return Reply(delay=fault.delay, manner="reset")
    kind = "moderation" if fault.kind == "refusal" and fault.target == "image" else fault.kind
    for known, (status, message, type_, code) in wire.REFUSALS.items():
        if known == kind:
            headers = {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after:g}"}
            if kind == "500_html":
                return Reply(status, HTML, "text/html", headers, fault.delay)
            payload = WireError(status, message, type_=type_, code=code).body
            return json_reply(status, payload, headers=headers, delay=fault.delay)
    return None


def _json_answer(answer: Json) -> Reply:
    return json_reply(200, answer)


def _answered(fault: Fault, answer: Json, usual_delay: float, encode: Callable[[Json], Reply] = _json_answer) -> Reply:
    """Return the reply to an accepted call: `answer`, or what the fault makes of it."""
    delay = usual_delay + (0 if fault.kind == "slow_drip" else fault.delay)
    if fault.kind == "reset_after_billing":
        return Reply(delay=delay, manner="reset")
    if fault.kind == "hang":
        return Reply(delay=delay, manner="hang")
    if fault.kind == "html_200":
        return Reply(200, HTML, "text/html", delay=delay)
    if fault.kind == "no_usage":
        answer.pop("usage", None)
    whole = encode(answer)
    if fault.kind == "truncated":
        return replace(whole, body=whole.body[: len(whole.body) // 2], delay=delay, manner="whole")
    if fault.kind == "slow_drip":
        return replace(whole, delay=delay, manner="drip", pause=fault.delay)
    if whole.manner == "stream":
        return replace(whole, pause=delay / len(whole.parts))
    return replace(whole, delay=delay)
