"""Secrets are hidden by their value where it is known, else by their shape, and nothing else is."""

from __future__ import annotations

import pytest

from imagegeneration.core import redaction
from imagegeneration.core.redaction import HIDDEN, hide, redact

KEY = "isk_AAAQEAYEAUDAOCAJBIFQYDIOB4IBCEQT3d67edb5"


@pytest.fixture(autouse=True)
def _nothing_is_known_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_values", set())


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("GET /auth/callback/idp?code=c4n4ry&state=s4me HTTP/1.1", "c4n4ry"),
        ("GET /auth/callback/idp?code=c4n4ry&state=s4me HTTP/1.1", "s4me"),
        ("http://studio.test/x?state=c4n4ry", "c4n4ry"),
        ("code=c4n4ryc4n4ryc4n4ry&grant_type=authorization_code", "c4n4ry"),
        ("mongodb://user:c4n@ry/x@localhost:27017/?replicaSet=rs", "c4n"),
        ("mongodb://user:c4n@ry/x@localhost:27017/?replicaSet=rs", "ry/x"),
        ("mongodb+srv://user:c4n4ry@cluster.example.com", "c4n4ry"),
        ("https://user:c4n4ry@proxy.example.com:3128/", "c4n4ry"),
        (f"the key {KEY} was refused", KEY),
        ("Incorrect API key provided: sk-proj-c4n4ryc4n4ry.", "c4n4ry"),
        ("{'Authorization': 'Bearer c4n4ryc4n4ryc4n4ry'}", "c4n4ry"),
        ("authorization: basic YzRuNHJ5YzRuNHJ5", "YzRuNHJ5"),
        ("id eyJhbGciOiJub25lIn0.eyJzdWIiOiJjNG40cnkifQ. came", "eyJzdWIi"),
        ("Cookie: a=b; theme=c4n4ry", "c4n4ry"),
        ("(b'cookie', b'studio_login=c4n4ry; x=y')", "c4n4ry"),
        ("studio_login=c4n4ry; Path=/", "c4n4ry"),
        ('{"access_token": "c4n4ry", "token_type": "Bearer"}', "c4n4ry"),
        ("client_secret=c4n4ry&x=1", "c4n4ry"),
        ("?tlsCertificateKeyFilePassword=c4n4ry&x=1", "c4n4ry"),
    ],
)
def test_what_looks_like_a_secret_is_hidden(text: str, secret: str) -> None:
    assert secret in text
    shown = redact(text)
    assert secret not in shown
    assert HIDDEN in shown


@pytest.mark.parametrize(
    "text",
    [
        'GET /image/job-list?limit=20&cursor=1.imgjob_01M7 HTTP/1.1" 200',
        "imgjob_01M7YH0KETBJZ6TSJS67KTY7PX image 0: The provider is overloaded",
        "the state is code=11000, state=GENERATED, a risk-averse task-list on a desk-top",
        "MongoDB: AutoReconnect: 127.0.0.1:27017: connection closed",
        "a bearer of basic news, a cookie jar, mail ann@example.com",
        "http://127.0.0.1:9000/images/generated/local/2026/11/imgjob_1-0-0123456789abcdef.png",
    ],
)
def test_what_does_not_is_left_alone(text: str) -> None:
    assert redact(text) == text


def test_what_is_known_is_hidden_in_every_form_that_urls_have() -> None:
    hide(["pa ss/wörd", "short"])
    for form in ("pa ss/wörd", "pa+ss%2Fw%C3%B6rd", "pa%20ss%2Fw%C3%B6rd"):
        assert redact(f"before {form} after") == f"before {HIDDEN} after"
    assert redact("too short to be one") == "too short to be one"


def test_a_secret_that_contains_another_is_hidden_as_a_whole() -> None:
    hide(["canary", "canary-and-more"])
    assert redact("canary-and-more") == HIDDEN
