"""Clients that take their time: they are closed after a bounded time, and nobody else waits for them."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import anyio
import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from imagegeneration.api import bodies, gate, protocol
from imagegeneration.api.app import build_asgi, gated
from tests.integration.doors.conftest import Server
from tests.support import wait_until

HALF_OPEN = 200
HASTE_SECONDS = 1.0
MARGIN_SECONDS = 5.0
MUCH = b"x" * 20_000_000
"""More than the kernel takes for a client that does not read."""


@pytest.fixture
def half_open(server: Server) -> Iterator[Sequence[socket.socket]]:
    """Connections that have sent nothing, or half a head."""
    with ExitStack() as stack:
        connections = [stack.enter_context(server.connect()) for _ in range(HALF_OPEN)]
        for number, connection in enumerate(connections):
            connection.sendall((b"", b"G", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")[number % 3])
        yield connections


@pytest.fixture
def hasty(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The API in this process, with short limits; its port."""
    monkeypatch.setattr(protocol, "HEAD_SECONDS", HASTE_SECONDS)
    monkeypatch.setattr(protocol, "WRITE_SECONDS", HASTE_SECONDS)
    monkeypatch.setattr(bodies, "SILENT_SECONDS", HASTE_SECONDS)
    monkeypatch.setattr(bodies, "BODY_SECONDS", 2 * HASTE_SECONDS)
    with _serving(build_asgi(lambda: server.studio)) as port:
        yield port


@contextmanager
def _serving(app: Starlette) -> Iterator[int]:
    """Serve an application in this process; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(app, http=protocol.TimedProtocol, log_level="critical", lifespan="off")
        serving = uvicorn.Server(config)
        thread = threading.Thread(target=serving.run, args=([listening],), daemon=True)
        thread.start()
        yield int(listening.getsockname()[1])
        serving.should_exit = True
        thread.join(10)


def test_half_open_connections_keep_nobody_waiting_and_are_closed(
    server: Server, half_open: Sequence[socket.socket]
) -> None:
    with server.client() as good, server.connect() as websocket:
        websocket.sendall(_handshake(server, server.enter("ann", "creator")["Cookie"]))
        assert websocket.recv(65536).startswith(b"HTTP/1.1 101 ")
        began = time.monotonic()
        assert {good.get("/image/health/live").status_code for _ in range(20)} == {200}
        assert time.monotonic() - began < 2
        assert all(connection.recv(1000) == b"" for connection in half_open)
        assert time.monotonic() - began < protocol.HEAD_SECONDS + MARGIN_SECONDS
        websocket.settimeout(0.5)
        assert not _is_closed(websocket), "an open page is no slow client"


@pytest.mark.parametrize("signed_in", [False, True])
def test_a_byte_now_and_then_gains_no_time(server: Server, hasty: int, signed_in: bool) -> None:
    """A head, or the body of a request that was refused already, byte by byte."""
    head = _head(server, server.enter("ann", "creator") if signed_in else {})
    with _connect(hasty) as connection:
        connection.sendall(head[:-2] if signed_in else head)
        assert HASTE_SECONDS / 2 < _seconds_until_closed(connection, every=0.2) < HASTE_SECONDS + MARGIN_SECONDS


@pytest.mark.parametrize("silent", [True, False])
def test_a_body_that_does_not_arrive_in_time_is_refused_in_words(
    server: Server, hasty: int, silent: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "BODY_SECONDS" if silent else "SILENT_SECONDS", 60.0)
    began = time.monotonic()
    with _connect(hasty) as connection:
        connection.sendall(_head(server, server.enter("ann", "creator")) + b'{"intent":')
        connection.settimeout(60 if silent else 0.2)
        answer = _answer(connection)
    assert time.monotonic() - began < 2 * HASTE_SECONDS + MARGIN_SECONDS
    error = json.loads(answer.partition(b"\r\n\r\n")[2])["error"]
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert (error["code"], error["message"]) == ("IMG_009", "The body did not arrive in time.")


def test_a_kept_connection_outlasts_the_limit(server: Server, hasty: int) -> None:
    headers = server.enter("ann", "creator") | {"Host": server.url[7:]}
    with httpx.Client(base_url=f"http://127.0.0.1:{hasty}", headers=headers, trust_env=False) as ann, _connect(hasty):
        first = _connection(ann)
        end = time.monotonic() + HASTE_SECONDS * 1.5
        while time.monotonic() < end:
            assert _connection(ann) == first
            time.sleep(HASTE_SECONDS / 4)  # a person who clicks now and then


def test_a_client_that_does_not_read_is_cut_off(server: Server, hasty: int) -> None:
    cookie = server.enter("ann", "creator")["Cookie"]
    head = f"GET /image/openapi.json HTTP/1.1\r\nHost: {server.url[7:]}\r\nCookie: {cookie}\r\n\r\n".encode()
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", hasty))
        connection.sendall(head * 80)
        wait_until(lambda: _is_cut_off(connection), "the connection is closed", every=0.1)


async def _sends_without_end(page: WebSocket) -> None:
    await page.accept()
    while True:
        await page.send_bytes(b"x" * 100_000)
        await anyio.sleep(0)  # so that the server notices a client that is gone


async def _sends_much_and_closes(page: WebSocket) -> None:
    await page.accept()
    await page.send_bytes(MUCH)


async def _waits(page: WebSocket) -> None:
    await page.accept()
    await page.receive()


@pytest.mark.parametrize(
    ("page", "has_asked"), [(_sends_without_end, False), (_sends_much_and_closes, False), (_waits, True)]
)
def test_a_page_that_does_not_read_is_cut_off_and_its_place_is_free(
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    page: Callable[[WebSocket], Awaitable[None]],
    has_asked: bool,
) -> None:
    """One that is written to, one that the server closes, and one that left an answer unread before it was a page."""
    monkeypatch.setattr(protocol, "WRITE_SECONDS", HASTE_SECONDS)
    monkeypatch.setattr(gate, "PAGES_OF_A_PERSON", 1)
    routes = [Route("/much", lambda _: Response(MUCH)), WebSocketRoute("/_stcore/stream", page)]
    app = Starlette(routes=routes, middleware=gated(lambda: server.studio))
    cookie = server.enter("ann", "creator")["Cookie"]
    asked = f"GET /much HTTP/1.1\r\nHost: {server.url[7:]}\r\nCookie: {cookie}\r\n\r\n".encode()
    with _serving(app) as port, socket.socket() as silent:
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        silent.connect(("127.0.0.1", port))
        silent.sendall((asked if has_asked else b"") + _handshake(server, cookie))
        assert silent.recv(9) == b"HTTP/1.1 "
        if page is not _sends_much_and_closes:
            wait_until(lambda: not _is_let_in(server, port, cookie), "the place is taken")
        wait_until(lambda: _is_cut_off(silent), "the connection is closed", every=0.1)
        assert _is_let_in(server, port, cookie)


def _is_let_in(server: Server, port: int, cookie: str) -> bool:
    with _connect(port) as another:
        another.sendall(_handshake(server, cookie))
        return another.recv(20).startswith(b"HTTP/1.1 101 ")


def _is_cut_off(connection: socket.socket) -> bool:
    try:
        connection.sendall(b"G")
    except OSError:
        return True
    return False


def _connection(client: httpx.Client) -> object:
    """The connection over which the client asks and is answered."""
    answer = client.get("/image/me")
    assert answer.status_code == 200
    return answer.extensions["network_stream"].get_extra_info("client_addr")


def _connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def _answer(connection: socket.socket) -> bytes:
    """What is answered to a body of which a byte is sent whenever nothing was answered for a while."""
    answer = b""
    while True:
        try:
            if not (data := connection.recv(65536)):
                return answer
            answer += data
        except TimeoutError:
            connection.sendall(b" ")


def _is_closed(connection: socket.socket) -> bool:
    try:
        while data := connection.recv(65536):
            if data[:1] == b"\x88":
                return True
    except TimeoutError:
        return False
    return True


def _seconds_until_closed(connection: socket.socket, every: float) -> float:
    began = time.monotonic()
    connection.settimeout(every)
    try:
        while time.monotonic() - began < 60:
            connection.sendall(b"x")
            try:
                if connection.recv(65536) == b"":
                    break
            except TimeoutError:
                continue
    except OSError:
        pass
    return time.monotonic() - began


def _head(server: Server, headers: dict[str, str]) -> bytes:
    more = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    length = "Content-Type: application/json\r\nContent-Length: 10000\r\n"
    return f"POST /image/enhance-prompt HTTP/1.1\r\nHost: {server.url[7:]}\r\n{more}{length}\r\n".encode()


def _handshake(server: Server, cookie: str) -> bytes:
    head = f"GET /_stcore/stream HTTP/1.1\r\nHost: {server.url[7:]}\r\nOrigin: {server.url}\r\nCookie: {cookie}\r\n"
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    return f"{head}Connection: Upgrade\r\nUpgrade: websocket\r\n{key}".encode()
