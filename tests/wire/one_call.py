"""A vendor's API on loopback: a real HTTP server whose wire can be made to fail in the ways of real ones."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
from collections import deque
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self

LINGER_NOT = struct.pack("ii", 1, 0)
"""SO_LINGER with a time of zero: close() resets the connection instead of ending it."""

DRIP_SECONDS = 0.05


@dataclass(frozen=True)
class Received:
    """A request as it came over the wire."""

    path: str
    headers: Message
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


Fault = Reply | Literal["reset", "hang", "truncated", "drip"]


def json_reply(status: int, document: object, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, json.dumps(document).encode(), {"content-type": "application/json; charset=UTF-8"} | named)


class Loopback:
    """Serves on a thread while entered. A vendor's stub overrides `respond`."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.faults: deque[Fault] = deque()
        self.stopping = threading.Event()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def respond(self, request: Received) -> Reply:
        raise NotImplementedError

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, api: Loopback) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.api = api


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_POST(self) -> None:
        api = self.server.api
        request = Received(self.path, self.headers, self.rfile.read(int(self.headers["content-length"])))
        api.received.append(request)
        fault = api.faults.popleft() if api.faults else None
        self.close_connection = True
        if fault == "hang":
            api.stopping.wait()
        elif fault == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
        else:
            with contextlib.suppress(ConnectionError):
                self._send(fault if isinstance(fault, Reply) else api.respond(request), fault)

    def _send(self, reply: Reply, fault: Fault | None) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(reply.body)))
        self.end_headers()
        if fault == "drip":
            for index in range(len(reply.body)):
                self.wfile.write(reply.body[index : index + 1])
                self.wfile.flush()
                if self.server.api.stopping.wait(DRIP_SECONDS):
                    return
        half = len(reply.body) // 2
        self.wfile.write(reply.body[:half] if fault == "truncated" else reply.body)
        self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        pass
