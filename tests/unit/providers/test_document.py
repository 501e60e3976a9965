"""JSON of a provider is read as ever, and refused where more would be made of it than of any answer."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegeneration.providers.document import MAX_STRUCTURE_BYTES, MAX_TEXT_BYTES, parse_json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_an_answer_is_read_as_ever(document: object) -> None:
    assert parse_json(json.dumps(document).encode()) == document


def test_long_texts_are_no_parts() -> None:
    document = {"revised_prompt": 'a, {kite} \\" [' * 200_000, "n": [1]}
    assert parse_json(json.dumps(document).encode()) == document


@pytest.mark.parametrize("unit", ["[],", "{},", "0,", '"",', '{"a":[]},'])
def test_many_parts_are_refused(unit: str) -> None:
    body = ("[" + unit * (MAX_STRUCTURE_BYTES // len(unit) + 100) * 3 + "0]").encode()
    with pytest.raises(ValueError, match="too many parts"):
        parse_json(body)


def test_too_long_a_text_is_refused() -> None:
    with pytest.raises(ValueError, match="too long"):
        parse_json(b'"' + b"x" * MAX_TEXT_BYTES + b'"')


@pytest.mark.parametrize("unit", [b'"', b'\\"', b'"\\', b"\\", b'""', b'{"'])
def test_the_worst_of_texts_takes_no_time(unit: bytes) -> None:
    began = time.thread_time()
    with pytest.raises(ValueError, match=r"."):
        parse_json(b'["' + unit * 500_000)
    assert time.thread_time() - began < 2
