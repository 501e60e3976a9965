"""An OpenID provider that signs what a test wants: it lets everybody in at once, with good or forged tokens."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

Forgery = Literal["none", "wrong audience", "alg none"]


class Forger:
    """What the provider says of the person who comes; `forgery` is what is wrong with it."""

    def __init__(self, port: int) -> None:
        self.issuer = f"http://127.0.0.1:{port}"
        self.forgery: Forgery = "none"
        self.nonce = ""
        self._key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})

    def metadata(self) -> dict[str, Any]:
        """The discovery document."""
        endpoints = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        return {"issuer": self.issuer, **{name: f"{self.issuer}/{path}" for name, path in endpoints.items()}}

    def keys(self) -> dict[str, Any]:
        """The key set."""
        return {"keys": [self._key.as_dict(private=False)]}

    def token(self) -> dict[str, Any]:
        """The answer to a code."""
        return {"access_token": "secret", "token_type": "Bearer", "id_token": self._id_token()}

    def _id_token(self) -> str:
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": "ann",
            "aud": "another" if self.forgery == "wrong audience" else "studio",
            "email": "ann@example.com",
            "email_verified": True,
            "name": "Ann",
            "nonce": self.nonce,
            "iat": now,
            "exp": now + 600,
        }
        if self.forgery == "alg none":
            return f"{_part({'alg': 'none'})}.{_part(claims)}."
        return jwt.encode({"alg": "RS256", "kid": "one"}, claims, self._key)


def _part(facts: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(facts).encode()).decode().rstrip("=")


@contextmanager
def running_forger(port: int) -> Iterator[Forger]:
    """Serve until the end of the block."""
    forger = Forger(port)

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            address = urlsplit(self.path)
            if address.path == "/authorize":
                asked = {name: values[0] for name, values in parse_qs(address.query).items()}
                forger.nonce = asked["nonce"]
                self.send_response(302)
                back = urlencode({"code": "a-code", "state": asked["state"]})
                self.send_header("Location", f"{asked['redirect_uri']}?{back}")
                self.end_headers()
            else:
                self._send(forger.keys() if address.path == "/keys" else forger.metadata())

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self._send(forger.token())

        def _send(self, document: dict[str, Any]) -> None:
            body = json.dumps(document).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield forger
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
