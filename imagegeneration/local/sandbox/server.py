"""The sandbox on HTTP: a small server on loopback, in a process of its own or inside a test."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import struct
import sys
import threading
import uuid
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError

from imagegeneration.local.sandbox.calls import Call, CallLog
from imagegeneration.local.sandbox.faults import Fault, FaultKind, FaultQueue
from imagegeneration.local.sandbox.multipart import Part, read_form
from imagegeneration.local.sandbox.vendor import Reply, Vendor, json_reply
from imagegeneration.local.sandbox.wire import WireError, model_list
from imagegeneration.settings import is_loopback

BODY_MAX = 1_000_000
FORM_MAX = 40 * 1024**2
DRIPS = 64
LINGER_NOT = struct.pack("ii", 1, 0)
"""SO_LINGER with a time of zero: close() resets the connection instead of ending it."""


class Sandbox:
    """A sandbox provider that listens on loopback while started; `port` 0 takes a free one.

    `calls` is the list of billable calls; delays are in seconds. Usable as a context manager.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        log: Path | None = None,
        image_delay: float = 0,
        text_delay: float = 0,
    ) -> None:
        self._log = CallLog(log)
        self._faults = FaultQueue()
        vendor = Vendor(self._log, self._faults, image_delay=image_delay, text_delay=text_delay)
        self._server = _Server((host, port), vendor, self._log, self._faults)
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Return the base URL for an OpenAI client."""
        return f"http://{self._server.server_address[0]!s}:{self._server.server_address[1]}/v1"

    @property
    def calls(self) -> list[Call]:
        """Return the billable calls so far, oldest first."""
        return self._log.all()

    def set_fault(self, kind: FaultKind, **options: Any) -> None:
        """Queue a fault; the options are those of `Fault`: count, delay, retry_after, target."""
        self._faults.add(Fault(kind=kind, **options))

    def reset(self) -> None:
        """Clear all calls and faults, as if just started."""
        self._faults.clear()
        self._log.clear()

    def start(self) -> Self:
        """Serve on a thread until `stop()`."""
        self._thread = threading.Thread(target=self.serve, name="sandbox", daemon=True)
        self._thread.start()
        return self

    def serve(self) -> None:
        """Serve on this thread until `stop()` is called on another."""
        self._server.serve_forever(poll_interval=0.05)

    def stop(self) -> None:
        """Stop serving; waiting calls are dropped."""
        self._server.stopping.set()
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        self._log.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], vendor: Vendor, calls: CallLog, faults: FaultQueue) -> None:
        super().__init__(address, _Handler)
        self.vendor = vendor
        self.calls = calls
        self.faults = faults
        self.stopping = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a client that hung up; report any other error."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Connection(BaseHTTPRequestHandler):
    """The sending side: replies as a provider would send them, or as a fault demands."""

    server: _Server
    protocol_version = "HTTP/1.1"
    # One segment for head and body, sent at once: the second of two small writes waits for an acknowledgement.
    wbufsize = -1
    disable_nagle_algorithm = True

    def _deliver(self, reply: Reply) -> None:
        if self.server.stopping.wait(reply.delay):
            self.close_connection = True
        elif reply.manner == "reset":
            self._reset()
        elif reply.manner == "hang":
            self._await_hang_up()
        else:
            self._send(reply)

    def _send_error(self, error: WireError) -> None:
        self._send(json_reply(error.status, error.body))

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.body)))
        self.send_header("x-request-id", f"req_sandbox_{uuid.uuid4().hex}")
        if self.close_connection:
            self.send_header("Connection", "close")
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if reply.manner == "drip":
            self._drip(reply)
        elif reply.manner == "stream":
            self._stream(reply)
        else:
            self.wfile.write(reply.body)

    def _drip(self, reply: Reply) -> None:
        step = max(1, len(reply.body) // DRIPS)
        for start in range(0, len(reply.body), step):
            self.wfile.write(reply.body[start : start + step])
            self.wfile.flush()
            if self.server.stopping.wait(reply.pause):
                self.close_connection = True
                return

    def _stream(self, reply: Reply) -> None:
        self.wfile.flush()
        for part in reply.parts:
            if self.server.stopping.wait(reply.pause):
                self.close_connection = True
                return
            self.wfile.write(part)
            self.wfile.flush()

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
        # The server would shut the connection down first. Without the socket it cannot, and close() resets.
        socket.close(self.connection.detach())

    def _await_hang_up(self) -> None:
        self.close_connection = True
        while not self.server.stopping.is_set():
            readable, _, _ = select.select([self.connection], [], [], 0.1)
            with contextlib.suppress(ConnectionError):
                if readable and self.connection.recv(1024):
                    continue
            if readable:
                return


class _Handler(_Connection):
    """The receiving side: the routes."""

    def parse_request(self) -> bool:
        """Read the head; refuse a request from a web page, even if the page's own name leads to this machine."""
        if not super().parse_request():
            return False
        if self._is_from_a_client():
            return True
        self.close_connection = True  # the body is not read
        self._send_error(WireError(403, "The sandbox answers programs on this machine, not web pages.", code=None))
        return False

    def _is_from_a_client(self) -> bool:
        """Return whether a program sent it, not a page: it names this machine, no origin, and no relation to a page."""
        host, _, _ = self.headers.get("Host", "").lower().partition(":")
        is_typed = self.headers.get("Sec-Fetch-Site", "none") == "none"
        return is_loopback(host) and is_typed and "Origin" not in self.headers

    def do_GET(self) -> None:
        """Send the calls so far, or the models."""
        if self.path == "/sandbox/calls":
            self._send(json_reply(200, [asdict(call) for call in self.server.calls.all()]))
        elif self.path == "/v1/models":
            self._send(json_reply(200, model_list()))
        else:
            self._send_error(_unknown(self.path))

    def do_DELETE(self) -> None:
        """Clear all faults."""
        if self.path == "/sandbox/faults":
            self.server.faults.clear()
            self._send(json_reply(200, {}))
        else:
            self._send_error(_unknown(self.path))

    def do_POST(self) -> None:
        """Answer a call to the provider, or add a fault."""
        try:
            if self.path == "/v1/images/edits":
                self._deliver(self.server.vendor.answer_edit(self._form()))
                return
            body = self._body()
            if self.path == "/v1/images/generations":
                reply = self.server.vendor.answer_image(body)
            elif self.path == "/v1/responses":
                reply = self.server.vendor.answer_text(body)
            elif self.path == "/v1/moderations":
                reply = self.server.vendor.answer_moderation(body)
            elif self.path == "/sandbox/faults":
                self.server.faults.add(Fault.model_validate(body))
                reply = json_reply(200, {})
            else:
                raise _unknown(self.path)
        except ValidationError as error:
            wrong = error.errors(include_url=False)[0]
            self._send_error(WireError(400, f"{wrong['loc']}: {wrong['msg']}", code="invalid_value"))
        except WireError as error:
            self._send_error(error)
        else:
            self._deliver(reply)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
        """Log nothing: the record of calls says more than an access log."""

    def _form(self) -> list[Part]:
        return read_form(self.headers.get("Content-Type", ""), self._bytes(FORM_MAX))

    def _bytes(self, most: int) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > most:
            self.close_connection = True
            raise WireError(400, f"A body with a Content-Length of at most {most} is needed.", code=None)
        return self.rfile.read(int(length))

    def _body(self) -> dict[str, Any]:
        try:
            body = json.loads(self._bytes(BODY_MAX))
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise WireError(400, "We could not parse the JSON body of your request.", code=None)
        return body


def _unknown(path: str) -> WireError:
    return WireError(404, f"Invalid URL ({path})", code="unknown_url")
