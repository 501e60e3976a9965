"""A provider that answers with one fixed picture, and says when: `python -m benchmarks.stub PORT MEGABYTES SECONDS`."""

from __future__ import annotations

import base64
import io
import json
import random
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

from PIL import Image


def picture(megabytes: float) -> bytes:
    """Return a 1024 x 1024 PNG of about `megabytes`: flat, with as many rows of noise as that takes."""
    image = Image.new("RGB", (1024, 1024), "steelblue")
    rows = min(1024, int(megabytes * 1_000_000 / (1024 * 3)))
    if rows:
        noise = random.Random(7).randbytes(1024 * rows * 3)
        image.paste(Image.frombytes("RGB", (1024, rows), noise))
    target = io.BytesIO()
    image.save(target, "PNG", compress_level=1)
    return target.getvalue()


class Handler(BaseHTTPRequestHandler):
    """The HTTP handler. POST: the answer of OpenAI's Images API. GET: when calls came and answers were sent."""

    protocol_version = "HTTP/1.1"
    answer = b""
    seconds = 0.0
    moments: ClassVar[list[tuple[float, float]]] = []
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        """Answer with the picture."""
        came = time.time()
        self.rfile.read(int(self.headers["content-length"]))
        time.sleep(self.seconds)
        self._send(self.answer)
        self.moments.append((came, time.time()))

    def do_GET(self) -> None:
        """Answer with the moments, in seconds since the epoch."""
        self._send(json.dumps(self.moments).encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class calls it so
        """Log nothing."""

    def _send(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    """An HTTP server that takes hundreds of connections at once."""

    request_queue_size = 512


def main() -> None:
    """Serve on loopback until ended."""
    port, megabytes, Handler.seconds = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
    usage = {"input_tokens": 10, "output_tokens": 440, "input_tokens_details": {"text_tokens": 10, "image_tokens": 0}}
    image = {"b64_json": base64.b64encode(picture(megabytes)).decode()}
    Handler.answer = json.dumps({"created": 1, "data": [image], "usage": usage}).encode()
    Server(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main()
