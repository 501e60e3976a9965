"""A real HTTP server on loopback that a stub of a provider fills with answers, and with faults."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal, Self


@dataclass(frozen=True)
class Received:
    """A request as it came."""

    method: str
    path: str
    headers: Message
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Sent:
    """An answer. `declared` is the length that it claims to have.

    `drip` sends the answer byte by byte, that many seconds apart; with `head_at_once` its body.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    declared: int | None = None
    drip: float = 0
    head_at_once: bool = False
    end: Literal["orderly", "reset", "hang"] = "orderly"


Fault = Sent | Callable[[Sent], Sent]
"""What a request gets instead of its answer; or what becomes of its answer, after it was served."""

RESET = Sent(end="reset")
HANG = Sent(end="hang")


def truncated(sent: Sent) -> Sent:
    """The first half of the answer."""
    return replace(sent, body=sent.body[: len(sent.body) // 2], declared=len(sent.body))


def dripping(sent: Sent) -> Sent:
    """The answer, its body byte by byte."""
    return replace(sent, drip=0.05, head_at_once=True)


def answer_json(document: object, status: int = 200, **headers: str) -> Sent:
    """An answer in JSON; a name of a header has _ for -."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Sent(status, json.dumps(document).encode(), {"content-type": "application/json", **named})


class Loopback:
    """The server. Faults are those of a stage, each used up by one request of it."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.received: list[Received] = []
        self.faults: dict[str, list[Fault]] = defaultdict(list)
        self.always: dict[str, Fault] = {}
        self.stopped = threading.Event()
        self._lock = threading.Lock()
        self._serving: AbstractContextManager[object] = threading.Lock()
        self._server = _Server(host, self)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://{self._server.server_address[0]!s}:{self.port}"

    def stage(self, received: Received) -> str:
        """The name under which faults for such a request are kept."""
        return received.path

    def serve(self, received: Received) -> Sent:
        """What a request gets."""
        return Sent(404)

    def answer(self, received: Received) -> Sent:
        with self._lock:
            self.received.append(received)
            stage = self.stage(received)
            fault = self.faults[stage].pop(0) if self.faults[stage] else self.always.get(stage)
        if isinstance(fault, Sent):
            return fault
        with self._serving:
            sent = self.serve(received)
        return sent if fault is None else fault(sent)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class OneCall(Loopback):
    """The server of a vendor whose answer is an image, in one call; it serves many at once."""

    def __init__(self) -> None:
        super().__init__()
        self._serving = nullcontext()

    def stage(self, _received: Received) -> str:
        return CALL


CALL = "call"


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, host: str, owner: Loopback) -> None:
        super().__init__((host, 0), _Handler)
        self.owner = owner


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self._send(self.server.owner.answer(Received(self.command, self.path, self.headers, body)))

    def do_POST(self) -> None:
        self.do_GET()

    def _send(self, sent: Sent) -> None:
        if sent.end == "hang":
            self.server.owner.stopped.wait()
        if sent.end != "orderly":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            return
        length = len(sent.body) if sent.declared is None else sent.declared
        headers = {"content-length": str(length), **sent.headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head_bytes = f"HTTP/1.0 {sent.status} -\r\n{head}\r\n".encode("latin-1")
        at_once = head_bytes if sent.head_at_once or not sent.drip else b""
        self._write(at_once, (head_bytes + sent.body)[len(at_once) :], sent.drip)

    def _write(self, at_once: bytes, rest: bytes, drip: float) -> None:
        pieces = [at_once, *(rest[i : i + 1] for i in range(len(rest)))] if drip else [at_once + rest]
        try:
            for piece in pieces:
                self.wfile.write(piece)
                if drip and self.server.owner.stopped.wait(drip):
                    return
        except ConnectionError:
            return  # the client has heard enough

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that the base class gives it
        pass
