"""Streamlit's own doors, which it leaves open: nobody gets through them without a login."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.integration.doors.conftest import Server

ROOT = Path(__file__).parents[3]
CLOSED, SIGN_IN, TABLE, HANDSHAKE = 404, 0, 1, 403
"""`SIGN_IN` and `TABLE`: the sign-in's routes, and the API's, are tested where they belong."""

DOORS: Mapping[str, int] = {
    "/image": TABLE,
    "/auth": SIGN_IN,
    "/_stcore/health": 401,
    "/_stcore/metrics": CLOSED,
    "/_stcore/host-config": 401,
    "/media/{file_id:path}": 401,
    "/_stcore/upload_file/{session_id}/{file_id}": CLOSED,
    "/component/{path:path}": 401,
    "/_stcore/bidi-components/{path:path}": 401,
    "/_stcore/stream": HANDSHAKE,
    "/auth/login": SIGN_IN,
    "/auth/logout": SIGN_IN,
    "/oauth2callback": CLOSED,
    "/_stcore/agent/interact": CLOSED,
    "/_stcore/agent/openapi.json": CLOSED,
    "/_stcore/agent/mcp": CLOSED,
    "/app/static/{path:path}": 401,
    "": 401,
}
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
MEGABYTES = 50
BODY = b"x" * 1024 * 1024
_ROUTES = """
import json
from app import app
print(json.dumps([route.path for route in app._build_starlette_app().routes]))
"""


def test_every_route_of_the_application_is_declared_here() -> None:
    listed = subprocess.run(
        [sys.executable, "-c", _ROUTES], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert set(json.loads(listed.stdout.splitlines()[-1])) == set(DOORS)


@pytest.mark.parametrize(
    ("door", "expected"), [(door, status) for door, status in DOORS.items() if status in (401, CLOSED)]
)
def test_a_door_is_shut_for_strangers(server: Server, door: str, expected: int) -> None:
    path = door.replace("{session_id}/{file_id}", "a/b").replace("{file_id:path}", "a").replace("{path:path}", "a")
    with server.client() as stranger:
        statuses = {method: stranger.request(method, path or "/").status_code for method in METHODS}
        led = stranger.get(path or "/", headers={"Accept": "text/html"})
    assert statuses == dict.fromkeys(METHODS, expected)
    assert led.status_code == (303 if expected == 401 else expected)


@pytest.mark.parametrize("path", ["/auth/login", "/auth/logout", "/auth/../media/a", "/auth/%2e%2e/media/a", "/auth/"])
def test_nothing_but_the_sign_in_is_under_its_address(server: Server, path: str) -> None:
    assert b" 404 " in server.answer(_get(server, path)).splitlines()[0]


def test_closed_doors_are_closed_for_admins_too(server: Server) -> None:
    with server.client(**server.enter("ann", "admin")) as admin:
        statuses = {door: admin.get(door).status_code for door, status in DOORS.items() if status == CLOSED}
    assert set(statuses.values()) == {404}


def test_the_websocket_shakes_no_strangers_hand(server: Server) -> None:
    assert b" 403 " in server.answer(_handshake(server, "/_stcore/stream", "")).splitlines()[0]
    cookie = server.enter("ann", "creator")["Cookie"]
    accepted = server.answer(_handshake(server, "/_stcore/stream", f"Cookie: {cookie}\r\n"))
    assert b" 101 " in accepted.splitlines()[0]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/_stcore/upload_file/a/b", b" 404 "),
        ("/image/execute-prompt", b" 401 "),
        ("/auth/begin/idp", b" 413 "),
        ("/media/a", b" 401 "),
    ],
)
@pytest.mark.parametrize("chunked", [False, True])
def test_uploads_of_strangers_are_refused_unread_and_cost_no_memory(
    server: Server, path: str, status: bytes, chunked: bool
) -> None:
    before = server.megabytes
    uploads = [Upload(server, path, chunked) for _ in range(6)]
    for upload in uploads:
        upload.start()
    for upload in uploads:
        upload.join(60)
    assert [upload.answered(status) for upload in uploads] == [True] * 6
    assert max(upload.sent for upload in uploads) < MEGABYTES / 2
    assert server.megabytes - before < 20


class Upload(threading.Thread):
    """Sends 50 megabytes, for as long as anybody takes them."""

    def __init__(self, server: Server, path: str, chunked: bool) -> None:
        super().__init__(daemon=True)
        self._server, self._path, self._chunked = server, path, chunked
        self.sent = 0
        self.answer = b""

    def run(self) -> None:
        length = "Transfer-Encoding: chunked" if self._chunked else f"Content-Length: {MEGABYTES * len(BODY)}"
        head = f"PUT {self._path} HTTP/1.1\r\nHost: {self._server.url[7:]}\r\n{length}\r\n\r\n"
        part = b"%x\r\n%s\r\n" % (len(BODY), BODY) if self._chunked else BODY
        if self._path.startswith(("/auth", "/image")):
            head = head.replace("PUT", "POST", 1).replace("\r\n\r\n", "\r\nContent-Type: application/json\r\n\r\n")
        with self._server.connect() as connection:
            with contextlib.suppress(OSError):
                connection.sendall(head.encode())
                for _ in range(MEGABYTES):
                    connection.sendall(part)
                    self.sent += 1
            with contextlib.suppress(OSError):
                self.answer = connection.recv(65536)

    def answered(self, status: bytes) -> bool:
        """Refused in words, or by a connection that was closed before they could be read."""
        return self.answer == b"" or status in self.answer.splitlines()[0]


def _get(server: Server, path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: {server.url[7:]}\r\nConnection: close\r\n\r\n".encode()


def _handshake(server: Server, path: str, more: str) -> bytes:
    head = f"GET {path} HTTP/1.1\r\nHost: {server.url[7:]}\r\nOrigin: {server.url}\r\n{more}"
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    return f"{head}Connection: Upgrade\r\nUpgrade: websocket\r\n{key}".encode()
