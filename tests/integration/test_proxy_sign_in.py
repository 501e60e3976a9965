"""A reverse proxy signs people in: believed is what it has signed, and nothing else."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from unittest import mock

import anyio
import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey
from joserfc.jws import JWSRegistry
from starlette.testclient import TestClient

from imagegeneration.api import lookups
from imagegeneration.api.app import build_asgi
from imagegeneration.bootstrap import Studio, build_studio
from imagegeneration.people.logins import KNOWN_SECONDS
from imagegeneration.people.oidc import keys as oidc_keys
from imagegeneration.people.sign_in import TrustedProxy
from imagegeneration.settings import Settings
from tests.integration.test_slow_sign_in import browser_of
from tests.support import Clock, run_async

PUBLIC = "http://studio.test"
HEADER = "Cf-Access-Jwt-Assertion"
ISSUER, AUDIENCE = "https://company.proxy.example", "studio-audience"


class KeyServer:
    """Where the proxy publishes its keys; counts how often they are fetched."""

    def __init__(self) -> None:
        self.key = ECKey.generate_key("P-256", {"kid": "first"})
        self.fetched = 0
        self.hold: threading.Event | None = None
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                owner.fetched += 1
                if owner.hold is not None:
                    owner.hold.wait(10)
                body = json.dumps(KeySet([owner.key]).as_dict(private=False)).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/keys"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def token(self, key: Any = None, alg: str = "ES256", **changes: Any) -> str:
        """What the proxy sends about Ann; a claim that is changed to None is left out."""
        now = int(time.time())
        claims: dict[str, Any] = {"iss": ISSUER, "aud": [AUDIENCE], "iat": now, "exp": now + 300}
        claims |= {"sub": "ann", "email": "ann@example.com", "name": "Ann", **changes}
        said = {name: value for name, value in claims.items() if value is not None}
        signing = self.key if key is None else key
        header = {"alg": alg, "kid": signing.kid or "first"}
        return jwt.encode(header, said, signing, registry=JWSRegistry(algorithms=[alg]))


@pytest.fixture
def proxy() -> Iterator[KeyServer]:
    server = KeyServer()
    yield server
    server.close()


@pytest.fixture
def company(settings: Settings, proxy: KeyServer) -> Iterator[Studio]:
    trusted = TrustedProxy.model_validate(
        {
            "label": "the company's proxy",
            "header": HEADER,
            "issuer": ISSUER,
            "audience": AUDIENCE,
            "jwksUrl": proxy.url,
            "roles": {"creator": ["@example.com"], "operator": ["group:ops"]},
        }
    )
    built = build_studio(settings.model_copy(update={"sign_in_proxy": trusted, "public_url": PUBLIC}))
    yield built
    built.close()


@pytest.fixture
def client(company: Studio) -> Iterator[TestClient]:
    application = build_asgi(lambda: company)
    with TestClient(application, base_url=PUBLIC, follow_redirects=False, raise_server_exceptions=False) as opened:
        yield opened


def test_whom_the_proxy_vouches_for_is_in(client: TestClient, proxy: KeyServer, company: Studio) -> None:
    me = client.get("/image/me", headers={HEADER: proxy.token()}).raise_for_status().json()
    assert (me["name"], me["roles"]) == ("Ann", ["creator"])
    again = client.get("/image/me", headers={HEADER: proxy.token(exp=int(time.time()) + 600)}).json()
    assert again["userId"] == me["userId"]
    signed_in = [entry for entry in company.audit.find(limit=10) if entry.action == "signed-in"]
    assert [entry.reason for entry in signed_in] == ["by the company's proxy"]


def test_groups_that_change_change_the_roles_at_once(client: TestClient, proxy: KeyServer) -> None:
    client.get("/image/me", headers={HEADER: proxy.token()}).raise_for_status()
    now_in_ops = client.get("/image/me", headers={HEADER: proxy.token(groups=["ops"])}).json()
    assert now_in_ops["roles"] == ["creator", "operator"]


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": ["another-application"]},
        {"iss": "https://elsewhere.example"},
        {"exp": int(time.time()) - 3600},
        {"exp": None},
        {"sub": None},
        {"nbf": int(time.time()) + 3600},
        {"email": "ann@elsewhere.com"},
        {"email_verified": False},
        {"exp": "tomorrow"},
        {"aud": {"$ne": 1}},
    ],
)
def test_a_token_that_is_not_for_us_and_now_is_none(
    client: TestClient, proxy: KeyServer, changes: dict[str, Any]
) -> None:
    assert client.get("/image/me", headers={HEADER: proxy.token(**changes)}).status_code == 401


def test_a_token_that_the_proxy_has_not_signed_is_none(client: TestClient, proxy: KeyServer) -> None:
    forged = [
        proxy.token(ECKey.generate_key("P-256", {"kid": "first"})),
        proxy.token(ECKey.generate_key("P-256", {"kid": "another"})),
        proxy.token(OctKey.import_key(json.dumps(proxy.key.as_dict(private=False)), {"kid": "first"}), alg="HS256"),
        "eyJhbGciOiJub25lIiwia2lkIjoiZmlyc3QifQ." + proxy.token().split(".")[1] + ".",
        proxy.token()[:-4] + "AAAA",
        "a.b.c",
        "ann@example.com",
        ".." * 5000,
    ]
    for token in forged:
        assert client.get("/image/me", headers={HEADER: token}).status_code == 401, token[:60]


@pytest.mark.parametrize("header", ["X-Forwarded-User", "X-Forwarded-Email", "Remote-User", "X-Auth-Request-Email"])
def test_a_bare_header_says_nothing(client: TestClient, header: str) -> None:
    assert client.get("/image/me", headers={header: "ann@example.com"}).status_code == 401


def test_new_keys_of_the_proxy_are_found_and_strangers_cannot_make_us_ask_for_them(
    client: TestClient, proxy: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.get("/image/me", headers={HEADER: proxy.token()}).raise_for_status()
    for number in range(20):
        unknown = proxy.token(ECKey.generate_key("P-256", {"kid": f"stranger-{number}"}))
        assert client.get("/image/me", headers={HEADER: unknown}).status_code == 401
    assert proxy.fetched == 1
    proxy.key = ECKey.generate_key("P-256", {"kid": "second"})
    monkeypatch.setattr(oidc_keys, "KEYS_SECONDS", 0.0)
    assert client.get("/image/me", headers={HEADER: proxy.token()}).status_code == 200


def test_who_is_disabled_is_out_although_the_proxy_vouches(
    client: TestClient, proxy: KeyServer, company: Studio, clock: Clock
) -> None:
    token = proxy.token()
    me = client.get("/image/me", headers={HEADER: token}).raise_for_status().json()
    person = company.people.get(me["userId"])
    admin = person.actor().model_copy(update={"user_id": "usr_admin", "roles": ("admin",)})
    company.people.change(
        admin, person.person_id, version=person.version, roles=person.roles, is_disabled=True, reason="left"
    )
    clock.now += KNOWN_SECONDS
    assert client.get("/image/me", headers={HEADER: token}).status_code == 401


def strange(proxy: KeyServer, number: int) -> str:
    """A token of a key that nobody knows, so that the key set is looked up anew."""
    return proxy.token(STRANGE, kid=number)


STRANGE = ECKey.generate_key("P-256", {"kid": "strange"})


def test_an_address_with_many_unknown_tokens_holds_up_no_other(
    client: TestClient, company: Studio, proxy: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.get("/image/keys", headers={HEADER: proxy.token()}).status_code == 200
    monkeypatch.setattr(oidc_keys, "KEYS_SECONDS", -1.0)
    proxy.hold = threading.Event()
    try:
        found = run_async(_others_while_the_key_set_hangs, company, proxy)
    finally:
        proxy.hold.set()
    assert found == (200, 2, 429, 2)


async def _others_while_the_key_set_hangs(company: Studio, proxy: KeyServer) -> tuple[int, int, int, int]:
    """What another address is answered, how many looks the strangers' has at once, what one too many gets, and how
    often the key set was fetched.
    """
    app, looking = build_asgi(lambda: company), 0
    find = company.proxy_sign_in.actor

    def vouched(token: str) -> Any:
        nonlocal looking
        looking += 1
        return find(token)

    with mock.patch.object(company.proxy_sign_in, "actor", vouched):
        async with browser_of(app, 1) as stranger, browser_of(app, 2) as other, anyio.create_task_group() as strangers:
            for number in range(lookups.WAITING_OF_ONE):
                strangers.start_soon(_ask, stranger, strange(proxy, number))
            while proxy.fetched < 2 or looking < 2:
                await anyio.sleep(0.005)
            with anyio.fail_after(2):
                at_once = looking
                one_more = await _ask(stranger, strange(proxy, 999))
                known = await _ask(other, proxy.token(name="Ann Other"))
            fetched = proxy.fetched
            assert proxy.hold is not None
            proxy.hold.set()
    return known, at_once, one_more, fetched


async def _ask(browser: httpx.AsyncClient, token: str) -> int:
    return (await browser.get("/image/keys", headers={HEADER: token})).status_code
