"""An OpenID provider of which a test changes what it says: the options that the standards leave to providers."""

from __future__ import annotations

import hashlib
import io
import json
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

from joserfc import jwt
from joserfc.jwk import ECKey
from joserfc.jws import JWSRegistry

CLIENT, NONCE, ACCESS = "studio", "the-nonce", "the-access-token"


@dataclass
class Asked:
    """A request that the provider got."""

    path: str
    headers: dict[str, str]
    form: dict[str, str]


@dataclass
class Provider:
    """What it says; each part may be changed before it is asked. A value None leaves a member out."""

    url: str = ""
    issuer: str = ""
    key: Any = field(default_factory=lambda: ECKey.generate_key("P-256", {"kid": "one"}))
    alg: str = "ES256"
    header: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    keys: list[Any] | None = None
    claims: dict[str, Any] = field(default_factory=dict)
    token: dict[str, Any] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    userinfo: dict[str, Any] | str = field(default_factory=dict)
    bodies: dict[str, bytes] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    hold: threading.Event | None = None
    drip: float | None = None
    drips_head: bool = False

    def signed(self, claims: dict[str, Any]) -> str:
        """A token of these claims, signed as the provider signs."""
        header = {"alg": self.alg, "kid": "one", **self.header}
        registry = JWSRegistry(algorithms=[self.alg], strict_check_header=False)
        return jwt.encode(_without_none(header), _without_none(claims), self.key, registry=registry)

    def id_token(self) -> str:
        """What it says of Ann."""
        now = int(time.time())
        claims = {"iss": self.issuer, "sub": "ann", "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": NONCE}
        about = {"email": "ann@example.com", "email_verified": True, "name": "Ann", "groups": ["design"]}
        return self.signed({**claims, **about, **self.claims})

    def paths(self) -> list[str]:
        """The addresses that were asked for."""
        return [one.path for one in self.asked]

    def answer(self, path: str) -> tuple[int, str, bytes]:
        """Status, content type and body."""
        name = path.rpartition("/")[2]
        documents: dict[str, Any] = {
            "openid-configuration": {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "userinfo_endpoint": f"{self.url}/userinfo",
                "jwks_uri": f"{self.url}/keys",
                **self.metadata,
            },
            "keys": {"keys": [self.key.as_dict(private=False)] if self.keys is None else self.keys},
            "userinfo": self.userinfo,
        }
        status = self.statuses.get(name, 200)
        if name in self.bodies:
            return status, "application/json", self.bodies[name]
        if name == "token":
            said = {"access_token": ACCESS, "token_type": "Bearer", "expires_in": 300, "id_token": self.id_token()}
            documents["token"] = {**said, **self.token}
        document = documents.get(name, {"error": "not_found"})
        if isinstance(document, str):
            return status, "application/jwt", document.encode()
        return status, "application/json", json.dumps(_without_none(document)).encode()


def _without_none(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if value is not None}


def half_hash(text: str, digest: str) -> str:
    """What `at_hash` is for an access token."""
    whole = hashlib.new(digest, text.encode()).digest()
    return urlsafe_b64encode(whole[: len(whole) // 2]).decode().rstrip("=")


@contextmanager
def running_provider() -> Iterator[Provider]:
    """Serve a provider until the end of the block."""
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            self._do({})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            self._do(dict(parse_qsl(body)))

        def _do(self, form: dict[str, str]) -> None:
            provider.asked.append(Asked(self.path, dict(self.headers.items()), form))
            if provider.hold is not None:
                provider.hold.wait(20)
            status, kind, body = provider.answer(self.path.partition("?")[0])
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            if status == 302:
                self.send_header("Location", f"{provider.url}/elsewhere")
            connection, self.wfile = self.wfile, io.BytesIO()
            self.end_headers()
            head, self.wfile = self.wfile.getvalue(), connection
            dripped = b"" if provider.drip is None else head + body if provider.drips_head else body
            try:
                self.wfile.write((head + body).removesuffix(dripped))
                for byte in dripped:
                    self.wfile.write(bytes([byte]))
                    time.sleep(provider.drip or 0)
            except OSError:
                self.close_connection = True  # the client has had enough

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    provider.url = provider.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        if provider.hold is not None:
            provider.hold.set()
        server.shutdown()
        server.server_close()
        thread.join()
