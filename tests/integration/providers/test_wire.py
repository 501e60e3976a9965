"""How calls go out, at every vendor: deadlines, what is not sent, and answers that are more than they look."""

from __future__ import annotations

import contextlib
import gzip
import json
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr

from imagegeneration.providers import wire
from imagegeneration.providers.endpoint import Endpoint
from imagegeneration.providers.fal import FalProvider
from imagegeneration.providers.generation import CallFailed
from imagegeneration.providers.provider import Call
from imagegeneration.providers.replicate import ReplicateProvider
from tests.integration.providers.conftest import IMAGE, VENDORS, Line, Vendor, line, request
from tests.wire import fal, replicate
from tests.wire.loopback import CALL, Fault, Sent

ALL = {
    **VENDORS,
    "fal": Vendor(
        FalProvider,
        lambda _: fal.FalStub(),
        fal.KEY,
        request("fal", "fal-ai/flux/dev"),
        lambda received: str(received.document["prompt"]),
        lambda status, said: Sent(status, json.dumps({"detail": said}).encode()),
    ),
    "replicate": Vendor(
        ReplicateProvider,
        lambda _: replicate.ReplicateStub(),
        replicate.KEY,
        request("replicate", "black-forest-labs/flux-dev"),
        lambda received: str(received.document["input"]["prompt"]),
        lambda status, said: Sent(status, json.dumps({"detail": said}).encode()),
    ),
}


def dripping_head(sent: Sent) -> Sent:
    """The answer, its head byte by byte."""
    return replace(sent, drip=0.05)


def late(sent: Sent) -> Sent:
    """The answer, its body in pieces that take a little longer than the call may."""
    return replace(sent, body=sent.body.ljust(120), drip=0.003, head_at_once=True)


@contextlib.contextmanager
def on_the_line(name: str, *, timeout: float = 10) -> Iterator[Line]:
    vendor = ALL[name]
    with vendor.stub(IMAGE) as stub:
        provider = vendor.provider(
            Endpoint(url=getattr(stub, "endpoint", stub.url), key=SecretStr(vendor.key)), timeout
        )
        with contextlib.closing(provider):
            yield Line(vendor, stub, provider)


def failure_of(connected: Line, fault: Fault) -> CallFailed:
    connected.stub.always[CALL] = connected.stub.always["submit"] = fault
    with pytest.raises(CallFailed) as failed:
        connected.provider.generate(connected.vendor.request, Call())
    return failed.value


@pytest.mark.parametrize("name", ALL)
def test_a_server_that_drips_the_head_of_its_answer_holds_no_call_past_its_deadline(name: str) -> None:
    with on_the_line(name, timeout=0.3) as connected:
        began = time.monotonic()
        assert failure_of(connected, dripping_head).certainty == "unknown"
        assert time.monotonic() - began < 1.5


@pytest.mark.parametrize("name", VENDORS)
def test_an_answer_that_has_begun_to_come_is_used_though_it_is_late(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "ARRIVAL_SHARE", 20.0)
    with on_the_line(name, timeout=0.2) as connected:
        assert connected.call(fault=late).content.startswith(IMAGE)


def slow(sent: Sent) -> Sent:
    """The answer, its head at once and its body in pieces that take 1.4 seconds."""
    body = sent.body.ljust(200)
    return replace(sent, body=body, drip=1.4 / len(body), head_at_once=True)


@pytest.mark.parametrize("name", VENDORS)
def test_an_answer_whose_head_came_early_has_the_same_time_for_its_body(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "ARRIVAL_SHARE", 20.0)  # on a busy machine the pieces take longer
    with on_the_line(name, timeout=1.0) as connected:
        assert connected.call(fault=slow).content.startswith(IMAGE)


def test_an_answer_that_goes_on_and_on_is_given_up_at_the_end_of_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "ARRIVAL_SHARE", 1.0)
    with on_the_line("stability", timeout=0.5) as connected:
        began = time.monotonic()
        assert failure_of(connected, lambda sent: replace(slow(sent), drip=0.05)).certainty == "unknown"
        assert 0.9 < time.monotonic() - began < 3, "byte by byte it takes 10 seconds"


def _bad_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """A header that cannot be sent: found only where the bytes of the head are made."""
    make = httpx2.Client.build_request

    def build(self: httpx2.Client, *args: Any, **kwargs: Any) -> httpx2.Request:
        made = make(self, *args, **kwargs)
        made.headers["x-key"] = "a\nb"
        return made

    monkeypatch.setattr(httpx2.Client, "build_request", build)


def _bug(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of ours or of the SDK while the request is built."""

    def build(self: httpx2.Client, *_: Any, **__: Any) -> httpx2.Request:
        raise RuntimeError("a fault of the SDK")

    monkeypatch.setattr(httpx2.Client, "build_request", build)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("breaks", [_bad_key, _bug])
def test_what_fails_before_the_first_byte_is_sent_is_not_charged(
    name: str, breaks: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with on_the_line(name) as connected:
        breaks(monkeypatch)
        with pytest.raises(CallFailed) as failed:
            connected.provider.generate(connected.vendor.request, Call())
        assert connected.stub.received == []
    assert (failed.value.certainty, failed.value.stops) == ("not_charged", False)


def test_a_refusal_is_read_no_further_than_its_words_go() -> None:
    with line("compatible") as connected, httpx2.Client(transport=wire.Wire()) as client:
        connected.stub.faults[CALL].append(Sent(400, b"x" * 3_000_000))
        assert len(client.post(connected.stub.url).content) == wire.MAX_REFUSAL_BYTES


@pytest.mark.parametrize("unit", [b"[],", b"{},", b'{"a":0},'])
def test_a_little_gzip_does_not_become_much_memory(unit: bytes) -> None:
    packed = gzip.compress(b'{"x":[' + unit * (20_000_000 // len(unit)) + b"0]}")
    assert len(packed) < 100_000
    with line("forge") as connected:
        tracemalloc.start()
        try:
            connected.call(fault=Sent(200, packed, {"content-encoding": "gzip"}))
            highest = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert highest < 120 * 1024**2


def revised(sent: Sent) -> Sent:
    """The answer with a revised prompt of 17 MB that no database takes."""
    answer = json.loads(sent.body)
    answer["data"][0]["revised_prompt"] = "a, kite\x00\ud800" * 900_000
    return replace(sent, body=json.dumps(answer).encode())


def test_a_revised_prompt_that_cannot_be_stored_costs_no_image() -> None:
    with line("compatible") as connected:
        answer = connected.call(fault=revised)
    assert (answer.content, len(answer.revised_prompt or "")) == (IMAGE, 32_000)
    assert str(answer.revised_prompt).startswith("a, kite\ufffd\ufffda, kite")
