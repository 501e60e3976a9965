"""OpenAI's streamed answers: previews, images and refusals. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from imagegeneration.providers.encoded import EncodedAnswer
from imagegeneration.providers.generation import (
    Answer,
    CallFailed,
    Usage,
)
from imagegeneration.providers.openai_text import count_of
from imagegeneration.providers.provider import (
    MAX_ANSWER_BYTES,
    brief,
)
from imagegeneration.providers.refusal import error_instead, words_of
from imagegeneration.providers.wire import hurry

FURTHER_SECONDS = 5.0


MOST_FURTHER = 4
"""How many seconds further images of a stream are waited for after the first, and how many are kept."""


_ON_THE_WAY = ("image_generation.partial_image", "image_edit.partial_image")


_COMPLETED = ("image_generation.completed", "image_edit.completed")


def parse_step(data: bytes, request_id: str | None, *, some_came: bool = False) -> Answer | bytes | None:
    """Return the content of a stream's event: the answer, a preview, or None for any other event.

    Raises CallFailed for an error event. A last event without a usable image is kept as it came.
    """
    try:
        encoded = EncodedAnswer(data, "b64_json")
    except (ValueError, RecursionError):
        return None
    event = encoded.document
    if not isinstance(event, dict):
        return None
    error = event if event.get("type") == "error" and "error" not in event else event.get("error")
    if isinstance(error, dict):
        raise _stopped({"error": error}, request_id, some_came=some_came)
    if event.get("type") not in (*_ON_THE_WAY, *_COMPLETED):
        return None
    try:
        content = encoded.image(event.get("b64_json"))
    except (ValueError, TypeError):
        content = None
    if event["type"] in _ON_THE_WAY:
        return content
    revised = event.get("revised_prompt")
    return Answer(
        content=data if content is None else content,
        usage=usage_of(event.get("usage")),
        provider_request_id=request_id,
        revised_prompt=revised if isinstance(revised, str) else None,
    )


def with_further(answer: Answer, steps: Iterator[bytes], *, is_image: bool) -> Answer:
    """Return the answer with the further images of its stream, which are paid for too.

    Wait for them at most FURTHER_SECONDS. A failure meanwhile does not lose the answer. If the answer itself could not
    be decoded (not `is_image`), the first further image replaces it.
    """
    hurry(FURTHER_SECONDS)
    others: list[bytes] = []
    with suppress(Exception):
        for data in steps:
            step = parse_step(data, answer.provider_request_id)
            if not isinstance(step, Answer) or step.content is data:
                continue
            if is_image:
                others.append(step.content)
            else:
                answer, is_image = replace(step, usage=step.usage or answer.usage), True
            if len(others) == MOST_FURTHER or sum(map(len, others)) > MAX_ANSWER_BYTES:
                break
    return replace(answer, others=tuple(others))


def _stopped(event: Mapping[str, Any], request_id: str | None, *, some_came: bool) -> CallFailed:
    """Return what an error within a stream says about the charge.

    Only a refusal before the first preview is certainly free.
    """
    # guard: stream-error-after-preview
    failure = None if some_came else error_instead("openai", event, request_id=request_id)
    if failure is not None:
        return failure
    message = f"The provider stopped without saying whether it charged: {brief(words_of(event) or '')}"
    return CallFailed(message, certainty="unknown", provider_request_id=request_id)


def usage_of(usage: object) -> Usage | None:
    """Return what the answer says it used in tokens, or None if it does not say."""
    if not isinstance(usage, dict):
        return None
    details = usage.get("input_tokens_details")
    total = count_of(usage.get("input_tokens"))
    known = details if isinstance(details, dict) else {}
    images, text = count_of(known.get("image_tokens")) or 0, count_of(known.get("text_tokens")) or 0
    output = count_of(usage.get("output_tokens"))
    if total is None or output is None:
        return None
    return Usage(
        input_text_tokens=text,
        input_image_tokens=images,
        undivided_tokens=max(total - text - images, 0),
        output_tokens=output,
    )
