"""A proxy in front of the bucket, or of the provider, that can be told to misbehave."""

from __future__ import annotations

import http.client
import socket
import struct
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import urlsplit

Trouble = Callable[["Request"], bool]
"""Deals with a request in its own way; False lets it through."""

_RESET = struct.pack("ii", 1, 0)


class HttpProxy:
    """Forwards to `upstream`; `trouble` says what happens to a request instead."""

    def __init__(self, upstream: str) -> None:
        self.trouble: Trouble | None = None
        self.troubled = 0
        self._server = _Server(self, upstream)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.trouble = None
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, proxy: HttpProxy, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.proxy = proxy
        self.upstream = urlsplit(upstream).netloc

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is no error; anything else is."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class Request(BaseHTTPRequestHandler):
    """One request on its way."""

    server: _Server
    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        self._handle()

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def do_HEAD(self) -> None:
        self._handle()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
        """Nothing."""

    def _handle(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        trouble = self.server.proxy.trouble
        if trouble is not None and trouble(self):
            self.server.proxy.troubled += 1
        else:
            self.forward()

    def forward(self, *, answer: bool = True, cut: bool = False) -> None:
        """Pass the request on; the answer too, unless it is to be lost, and all of it, unless it is to be cut."""
        upstream = http.client.HTTPConnection(self.server.upstream, timeout=30)
        try:
            upstream.request(self.command, self.path, self.body, dict(self.headers))
            reply = upstream.getresponse()
            content = reply.read()
        finally:
            upstream.close()
        if not answer:
            self.reset()
            return
        self.send_response(reply.status)
        for name, value in reply.getheaders():
            if name.lower() not in ("transfer-encoding", "connection", "date", "server"):
                self.send_header(name, value)
        self.end_headers()
        if cut:
            self.wfile.write(content[: len(content) // 2])
            self.reset()
        elif self.command != "HEAD":
            self.wfile.write(content)

    def refuse(self, status: int, code: str) -> None:
        """Answer with an error of S3."""
        content = f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(0 if self.command == "HEAD" else len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def reset(self) -> None:
        """End the connection without a word."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        socket.close(self.connection.detach())
