"""Requests that are not as they say they are, over bare connections."""

from __future__ import annotations

import json
import re
import time

import httpx
import pytest
from starlette.testclient import TestClient

from imagegeneration.api.app import build_asgi
from imagegeneration.api.bodies import MAX_DEPTH
from imagegeneration.bootstrap import Studio
from tests.integration.doors.conftest import Server

ENHANCE = b'{"intent": "a card", "prompt": "a kite"}'


def post(server: Server, *lines: str, body: bytes = b"", version: str = "1.1") -> bytes:
    """The answer to a request of somebody who may make it; `lines` are headers."""
    cookie = server.enter("ann", "creator")["Cookie"]
    head = [f"POST /image/enhance-prompt HTTP/{version}", f"Host: {server.url[7:]}", f"Cookie: {cookie}"]
    head += ["Content-Type: application/json", "Connection: close", *lines]
    return server.answer("\r\n".join([*head, "", ""]).encode("latin-1") + body)


def code(answer: bytes) -> tuple[int, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head[9:12]), json.loads(body)["error"]["code"]


@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Length: -1",),
        ("Content-Length: 1e3",),
        ("Content-Length: 40, 41",),
        ("Content-Length: 40", "Content-Length: 41"),
        ("Transfer-Encoding: gzip",),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked, identity",),
        ("Host: evil.example",),
        ("X-Bad\x00: 1",),
        ("X-Big: " + "x" * 300_000,),
    ],
)
def test_a_head_that_can_be_read_in_two_ways_is_refused(server: Server, lines: tuple[str, ...]) -> None:
    answer = post(server, *lines, body=ENHANCE)
    assert re.match(rb"HTTP/1.1 (400|413|501) ", answer), answer[:200]
    assert b"Traceback" not in answer


def test_both_kinds_of_length_are_refused(server: Server) -> None:
    smuggled = b"0\r\n\r\nGET /image/me HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = post(server, "Content-Length: 4", "Transfer-Encoding: chunked", body=smuggled)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert code(answer) == (400, "IMG_009")
    assert b"connection: close" in answer.lower()


@pytest.mark.parametrize("own_first", [True, False])
def test_two_origins_are_refused(server: Server, own_first: bool) -> None:
    lines = [f"Origin: {server.url}", "Origin: https://evil.example"]
    answer = post(server, f"Content-Length: {len(ENHANCE)}", *lines[:: 1 if own_first else -1], body=ENHANCE)
    assert code(answer) == (400, "IMG_009")


@pytest.mark.parametrize("own_first", [True, False])
def test_two_origins_are_refused_without_sign_in(studio: Studio, own_first: bool) -> None:
    own = "http://127.0.0.1:8501"
    origins = [("Origin", own), ("Origin", "https://evil.example")]
    with TestClient(build_asgi(lambda: studio), base_url=own) as browser:
        assert browser.get("/image/me", headers=origins[:1]).status_code == 200
        assert browser.get("/image/me", headers=origins[1:]).status_code == 403
        answer = browser.get("/image/me", headers=origins[:: 1 if own_first else -1])
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "IMG_009")


def test_a_head_of_one_piece_is_bounded_too(server: Server) -> None:
    for address in ("/" + "a." * 30_000, "/?" + "eyJ-" * 15_000):
        head = f"GET {address} HTTP/1.1\r\nHost: {server.url[7:]}\r\n\r\n"
        began = time.monotonic()
        assert server.answer(head.encode()).startswith(b"HTTP/1.1 400 ")
        assert time.monotonic() - began < 3


def test_a_quoted_cookie_of_backslashes_costs_nothing(server: Server) -> None:
    """The largest that is let in; Starlette reads it for each dependency of a route."""
    ann = server.enter("ann", "creator")
    with server.client(Cookie=f'{ann["Cookie"]}; x="{chr(92) * 14_000}"') as client:
        began = time.monotonic()
        assert {client.get("/image/me").status_code for _ in range(10)} == {200}
        assert time.monotonic() - began < 2


def test_uploads_are_closed(server: Server) -> None:
    with server.client(**server.enter("ann", "admin")) as ann:
        assert ann.put("/_stcore/upload_file/a/b", content=b"x").status_code == 404


def test_more_than_was_announced_is_not_read(server: Server) -> None:
    answer = post(server, "Content-Length: 2", body=b"{}" + ENHANCE)
    assert code(answer) == (422, "IMG_009")


def test_a_body_that_is_cut_off_is_not_acted_on(server: Server) -> None:
    """The client has said that more follows: what came may be half of what was meant."""
    ann = server.enter("cut", "creator")
    body = b'{"intent": "a", "rawPrompt": "b", "finalPrompt": "c"}'
    head = f"POST /image/execute-prompt HTTP/1.1\r\nHost: {server.url[7:]}\r\nCookie: {ann['Cookie']}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body) + 10}\r\nExpect: 100-continue\r\n\r\n"
    with server.client(**ann) as client:
        with server.connect() as connection:
            connection.sendall(head.encode())
            assert connection.recv(1000).startswith(b"HTTP/1.1 100 "), "the body is waited for"
            connection.sendall(body)
            client.get("/image/health/live").raise_for_status()  # by now the server has read it
        for _ in range(20):
            assert client.get("/image/job-list").json() == []
        assert client.post("/image/execute-prompt", json=json.loads(body)).status_code == 202


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"intent":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1), "nested too deeply"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"intent": "a", "prompt": "b", "prompt": "c"}', "the same key twice"),
        (b'{"intent": NaN, "prompt": "c"}', "NaN"),
        (json.dumps({f"{number}": 1 for number in range(20_000)}).encode(), "too many keys"),
        ('{"intent": "a", "prompt": "b"}'.encode("utf-16"), "UTF-8"),
    ],
)
@pytest.mark.parametrize("chunked", [False, True])
def test_json_that_parsers_take_differently_is_refused(
    server: Server, body: bytes, message: str, chunked: bool
) -> None:
    with server.client(**server.enter("ann", "creator"), **{"Content-Type": "application/json"}) as ann:
        parts = (body[start : start + 5000] for start in range(0, len(body), 5000))
        answer = ann.post("/image/enhance-prompt", content=parts if chunked else body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "IMG_009")
    assert message in answer.json()["error"]["message"]


def test_a_body_in_chunks_is_a_body(server: Server) -> None:
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in ENHANCE) + b"0\r\n\r\n"
    answer = post(server, "Transfer-Encoding: chunked", body=chunks)
    assert answer.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
def test_a_body_that_is_compressed_is_not_expanded(server: Server, encoding: str) -> None:
    with server.client(**server.enter("ann", "creator")) as ann:
        answer = ann.post(
            "/image/enhance-prompt",
            content=b"\x1f\x8b" + b"\x00" * 1000,
            headers={"Content-Type": "application/json", "Content-Encoding": encoding},
        )
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "IMG_009")


@pytest.mark.parametrize("query", ["limit=" + "9" * 10_000, "cursor=" + "x" * 10_000, "&".join(["a=1"] * 3000)])
def test_a_long_query_is_answered_in_words(server: Server, query: str) -> None:
    with server.client(**server.enter("ann", "creator")) as ann:
        answer = ann.get(f"/image/job-list?{query}")
    assert answer.status_code in (200, 422)
    assert answer.headers["content-type"] == "application/json"


def test_a_query_beyond_all_bounds_is_refused_by_the_server(server: Server) -> None:
    assert server.answer(f"GET /image/job-list?{'x' * 100_000}".encode()).startswith(b"HTTP/1.1 400 ")


def test_large_bodies_are_refused_everywhere(server: Server) -> None:
    with server.client(**server.enter("ann", "admin")) as ann:
        for path in ("/image/execute-prompt", "/auth/sign-out", "/", "/media/x"):
            try:
                answer = ann.post(path, content=b"x" * 300_000)
            except httpx.TransportError:
                continue  # closed before the answer could be read
            assert (answer.status_code, answer.json()["error"]["code"]) == (413, "IMG_007"), path
