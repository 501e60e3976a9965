"""What a body may look like before anything parses it."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegeneration.api.bodies import MAX_BODY_BYTES, MAX_DEPTH, MAX_KEYS, check_json
from imagegeneration.core.errors import InvalidRequest

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
)


@given(JSON)
def test_json_of_any_form_passes(value: object) -> None:
    check_json(json.dumps(value).encode())
    check_json(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"]}":'])
def test_depth_is_capped(opening: bytes) -> None:
    levels = len(opening.replace(b'"]}"', b"").replace(b'"a"', b"").rstrip(b":"))
    closing = {b"[": b"]", b'{"a":': b"}", b'[{"]}":': b"}]"}[opening]
    times = MAX_DEPTH // levels
    check_json(opening * times + b"1" + closing * times)
    for closed in (closing * (times + 1), b""):
        with pytest.raises(InvalidRequest, match="nested too deeply"):
            check_json(opening * (times + 1) + b"1" + closed)


def test_brackets_in_texts_are_no_levels() -> None:
    check_json(json.dumps({"prompt": '["\\' * 5000}).encode())


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"imageCount": 1, "imageCount": 5}', "the same key twice"),
        (b'[{"a": {"b": 1, "\\u0062": 2}}]', "the same key twice"),
        (json.dumps({str(number): 1 for number in range(MAX_KEYS + 1)}).encode(), "too many keys"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": -Infinity}', "NaN"),
        ('{"a": 1}'.encode("utf-16"), "UTF-8"),
        ('{"a": 1}'.encode("utf-16-le"), "UTF-8"),
        (b'\xef\xbb\xbf{"a": 1}', "UTF-8"),
    ],
)
def test_what_parsers_take_differently_is_refused(body: bytes, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        check_json(body)


@pytest.mark.parametrize("body", [b"", b"{", b'"\\', b"nonsense", b"{'a': 1}", b'{"a": 1}}', b"\xff", b"1" * 5000])
def test_what_is_no_json_is_left_to_the_parser(body: bytes) -> None:
    check_json(body)


@pytest.mark.parametrize("part", [b"[]", b"[", b'"', b'\\"', b'"\\', b'["",', b"{}}", b"]", b'"[', b"1,"])
def test_the_largest_body_takes_no_time(part: bytes) -> None:
    body = part * (MAX_BODY_BYTES // len(part))
    began = time.thread_time()
    for prefix in (b"", b'"', b"["):
        try:
            check_json(prefix + body)
        except InvalidRequest:
            continue
    assert time.thread_time() - began < 1
