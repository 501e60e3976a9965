"""Server-sent events: the same in whatever pieces they come."""

from __future__ import annotations

import base64
import json
import time
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegeneration.providers import streamed
from imagegeneration.providers.generation import Answer, CallFailed
from imagegeneration.providers.openai_stream import parse_step
from imagegeneration.providers.streamed import events

LATER = time.monotonic() + 3600


def cut(body: bytes, sizes: list[int]) -> list[bytes]:
    pieces, at = [], 0
    for size in sizes:
        pieces.append(body[at : at + size])
        at += size
    return [*pieces, body[at:]]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@given(sizes=st.lists(st.integers(0, 9)))
def test_events_do_not_depend_on_how_the_answer_is_cut(end: bytes, sizes: list[int]) -> None:
    lines = (b"event: one", b'data: {"a": 1}', b"", b": still there", b"", b"data:x", b"data: y", b"", b"data: last")
    found = list(events(cut(end.join(lines), sizes), LATER))
    assert found == [b'{"a": 1}', b"", b"x\ny", b"last"]


def test_a_stream_that_takes_too_long_is_given_up() -> None:
    with pytest.raises(CallFailed, match="took too long") as late:
        list(events([b"data: x\n\n"], time.monotonic() - 1))
    assert late.value.certainty == "unknown"


def test_an_answer_that_is_there_when_the_time_is_over_is_not_thrown_away() -> None:
    late = events([b"data: x\n\n", b"data: y\n\n"], time.monotonic() - 1)
    assert next(late) == b"x"
    with pytest.raises(CallFailed):
        next(late)


def test_a_stream_larger_than_any_image_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streamed, "MAX_ANSWER_BYTES", 1_000)
    with pytest.raises(CallFailed) as large:
        list(events([b"data: x"] * 200, LATER))
    assert large.value.certainty == "unknown"


def test_each_image_of_a_stream_may_be_as_large_as_any(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streamed, "MAX_ANSWER_BYTES", 1_000)
    images = [b"data: " + b"x" * 900 + b"\n\n"] * 4
    assert len(list(events(images, LATER))) == 4


def test_an_image_of_2_mb_costs_less_than_8_mb_of_memory() -> None:
    body = b"data: " + step("image_generation.completed", bytes(2 * 1024**2)) + b"\n\n"
    tracemalloc.start()
    try:
        pieces = (body[at : at + 65_536] for at in range(0, len(body), 65_536))
        (answer,) = (parse_step(data, None) for data in events(pieces, LATER))
        highest = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(answer, Answer)
    assert (len(answer.content), highest < 8 * 1024**2) == (2 * 1024**2, True)


def step(kind: str, content: bytes | None = b"image", **more: Any) -> bytes:
    encoded = None if content is None else base64.b64encode(content).decode()
    return json.dumps({"type": kind, "b64_json": encoded} | more).encode()


USAGE = {
    "input_tokens": 12,
    "output_tokens": 540,
    "total_tokens": 552,
    "input_tokens_details": {"text_tokens": 10, "image_tokens": 2},
}


@pytest.mark.parametrize("call", ["image_generation", "image_edit"])
def test_a_step_is_an_image_on_the_way_or_the_answer(call: str) -> None:
    assert parse_step(step(f"{call}.partial_image"), "req_7") == b"image"
    answer = parse_step(step(f"{call}.completed", usage=USAGE, revised_prompt="a kite, red"), "req_7")
    assert isinstance(answer, Answer)
    assert (answer.content, answer.provider_request_id, answer.revised_prompt) == (b"image", "req_7", "a kite, red")
    assert answer.usage is not None
    assert answer.usage.output_tokens == 540


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_an_answer_without_an_image_is_kept_as_it_came(content: bytes | None) -> None:
    data = step("image_generation.completed", content).replace(b"//4", b"!!!")
    answer = parse_step(data, None)
    assert isinstance(answer, Answer)
    assert answer.content == data


def test_a_broken_image_on_the_way_is_passed_over() -> None:
    assert parse_step(step("image_generation.partial_image", None), None) is None
    assert parse_step(step("something.new"), None) is None


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_a_step_of_any_other_form_says_nothing(event: object) -> None:
    assert parse_step(json.dumps(event).encode(), None) is None


@given(st.binary())
def test_what_is_no_json_says_nothing(data: bytes) -> None:
    assert parse_step(data, None) is None or data.strip().startswith(b"{")


BLOCKED = {"code": "moderation_blocked", "message": "Your request was rejected.", "type": "image_generation_user_error"}


@pytest.mark.parametrize(
    ("error", "some_came", "certainty", "moderated"),
    [
        (BLOCKED, False, "not_charged", True),
        (BLOCKED, True, "unknown", False),
        ({"code": "server_error", "message": "Sorry."}, False, "unknown", False),
        ({"message": None}, False, "unknown", False),
    ],
)
@pytest.mark.parametrize("nested", [True, False])
def test_an_error_in_a_stream_is_free_only_if_it_refuses_before_the_first_image(
    error: dict[str, Any], some_came: bool, certainty: str, moderated: bool, nested: bool
) -> None:
    event = {"type": "error", "error": error} if nested else error | {"type": "error"}
    with pytest.raises(CallFailed) as failed:
        parse_step(json.dumps(event).encode(), "req_7", some_came=some_came)
    found = failed.value
    assert (found.certainty, found.moderated, found.retryable) == (certainty, moderated, False)
    assert found.provider_request_id == "req_7"


@pytest.mark.parametrize("line", [b"data: x\n", b"\n", b"data:\r", b": \r\n", b"x" * 6 + b"\n", b"data: x\n\n"])
def test_a_stream_of_many_short_lines_takes_no_longer_than_its_length(line: bytes) -> None:
    body = line * 400_000
    began = time.thread_time()
    for _ in events((body[at : at + 65_536] for at in range(0, len(body), 65_536)), LATER):
        pass
    assert time.thread_time() - began < 3
