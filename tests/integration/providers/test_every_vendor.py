"""What holds for every vendor of one synchronous call: the prompt as approved, one call, and the money."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from imagegeneration.providers.endpoint import Endpoint
from tests.integration.providers.conftest import IMAGE, VENDORS, Line, line
from tests.wire.loopback import HANG, RESET, Fault, Sent, dripping, truncated

HOSTILE = (
    '\ufeff \t\'"\\u0041 \r\n--x\r\nname="seed"\r\n\r\n1\r\n{"prompt": 1} \u2028\u202e\U0001f9ff e\u0301 %00 </s> \r'
)


@pytest.fixture(scope="module", params=VENDORS)
def vendor(request: pytest.FixtureRequest) -> Iterator[Line]:
    with line(request.param) as connected:
        yield connected


@pytest.fixture(params=VENDORS)
def impatient(request: pytest.FixtureRequest) -> Iterator[Line]:
    with line(request.param, timeout=0.4) as connected:
        yield connected


@given(st.text(min_size=1))
@example(HOSTILE)
@settings(max_examples=25, deadline=None)
def test_the_prompt_at_the_wire_is_the_approved_one(vendor: Line, prompt: str) -> None:
    answer = vendor.call(vendor.vendor.request.model_copy(update={"final_prompt": prompt}))
    assert vendor.vendor.prompt(vendor.stub.received[-1]) == prompt
    assert (answer.content, answer.revised_prompt) == (IMAGE, None)


OWN = "said by the provider"


@pytest.mark.parametrize(
    ("status", "certainty", "retryable", "credentials"),
    [
        (400, "not_charged", False, False),
        (401, "not_charged", False, True),
        (403, "not_charged", False, True),
        (429, "not_charged", True, False),
        (500, "not_charged", True, False),
        (503, "not_charged", True, False),
    ],
)
def test_a_refusal_in_the_vendors_own_words_is_not_charged(
    vendor: Line, status: int, certainty: str, retryable: bool, credentials: bool
) -> None:
    failure = vendor.failure(fault=vendor.vendor.refusal(status, OWN))
    assert (failure.certainty, failure.retryable, failure.credentials) == (certainty, retryable, credentials)
    assert OWN in failure.message


@pytest.mark.parametrize(
    "fault",
    [
        Sent(500, b"<html>proxy</html>"),
        Sent(503, b""),
        Sent(503, b"\x80\xff junk"),
        Sent(502, b'{"code": 1}'),
        Sent(504, b"[]"),
        Sent(404, b"null"),
        Sent(302, b"", {"location": "http://127.0.0.1:9/"}),
        RESET,
        truncated,
    ],
    ids=["html-500", "empty-503", "junk-503", "json-502", "list-504", "null-404", "redirect", "reset", "truncated"],
)
def test_a_call_that_may_have_been_charged_is_in_doubt(vendor: Line, fault: Fault) -> None:
    failure = vendor.failure(fault=fault)
    assert (failure.certainty, failure.retryable) == ("unknown", False)
    assert len(failure.message) > 20


def test_the_wait_that_a_provider_asks_for_is_kept(vendor: Line) -> None:
    assert vendor.failure(fault=Sent(429, b"slow down", {"retry-after": "7"})).retry_after == 7


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"\x80\xff junk", b"<html></html>", b'{"data": [', b"[" * 9_999])
def test_bytes_that_are_no_image_were_paid_for_and_are_kept(vendor: Line, body: bytes) -> None:
    answer = vendor.call(fault=Sent(200, body))
    assert (answer.content, answer.usage) == (body, None)


@pytest.mark.parametrize("fault", [HANG, dripping])
def test_a_call_without_an_answer_in_time_is_in_doubt(impatient: Line, fault: Fault) -> None:
    failure = impatient.failure(fault=fault)
    assert (failure.certainty, failure.retryable) == ("unknown", False)


def test_an_answer_is_waited_for_as_long_as_the_model_takes(vendor: Line) -> None:
    began = time.monotonic()
    failure = vendor.failure(vendor.vendor.request.model_copy(update={"timeout_seconds": 0.3}), fault=HANG)
    assert failure.certainty == "unknown"
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("name", VENDORS)
def test_a_provider_that_cannot_be_reached_is_not_charged(name: str) -> None:
    with socket.socket() as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        vendor = VENDORS[name]
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        unreachable = vendor.provider(Endpoint(url=url, key=SecretStr("k")), 5)
        with line(name) as connected:
            failure = Line(vendor, connected.stub, unreachable).failure()
        unreachable.close()
    assert (failure.certainty, failure.retryable) == ("not_charged", True)


@pytest.mark.parametrize("name", ["google", "stability", "forge"])
def test_a_wrong_key_is_a_matter_of_the_account(name: str) -> None:
    with line(name, key="wrong") as connected:
        failure = connected.failure()
    assert (failure.certainty, failure.credentials) == ("not_charged", True)


@pytest.mark.parametrize("name", VENDORS)
def test_a_proxy_of_the_environment_is_not_used(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    with line(name) as connected:
        assert connected.call().content == IMAGE


@pytest.mark.parametrize("name", ["google", "stability", "forge"])
@pytest.mark.parametrize(
    "asked",
    [
        {"background": "transparent"},
        {"steps": 28},
        {"guidance": 3.5},
        {"loras": [{"path": "a/b"}]},
        {"quality": "high"},
        {"size": "1000x1000"},
        {"model": "imagen-4.0-generate-001", "size": "1x1"},
    ],
    ids=lambda asked: next(iter(asked)),
)
def test_what_a_vendor_does_not_take_is_refused_before_anything_is_sent(name: str, asked: dict[str, object]) -> None:
    with line(name) as connected:
        request = connected.vendor.request
        if asked.get("loras"):
            asked = {"loras": type(request).model_validate(request.model_dump(by_alias=True) | asked).loras}
        failure = connected.failure(request.model_copy(update=asked))
        assert connected.stub.received == []
    assert (failure.certainty, failure.retryable) == ("not_charged", False)


@pytest.mark.parametrize("name", ["google", "forge"])
def test_a_vendor_without_a_word_for_formats_refuses_another_before_anything_is_sent(name: str) -> None:
    with line(name) as connected:
        failure = connected.failure(connected.vendor.request.model_copy(update={"output_format": "webp"}))
        assert connected.stub.received == []
    assert (failure.certainty, failure.retryable) == ("not_charged", False)
