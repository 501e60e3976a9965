"""A provider says whom it has signed out (OpenID Connect Back-Channel Logout 1.0), and has to prove it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc.jwk import ECKey
from starlette.testclient import TestClient

from imagegeneration.bootstrap import Studio, build_studio
from imagegeneration.people.sign_in import SignInProvider
from imagegeneration.settings import Settings
from tests.integration.company import PUBLIC, client, make_key, with_key
from tests.wire.openid import CLIENT, Provider, running_provider

EVENT = "http://schemas.openid.net/event/backchannel-logout"


@pytest.fixture
def provider() -> Iterator[Provider]:
    with running_provider() as running:
        yield running


@pytest.fixture
def company(settings: Settings, provider: Provider) -> Iterator[Studio]:
    facts = {"name": "idp", "label": "Example", "issuer": provider.issuer, "clientId": CLIENT}
    roles = {"creator": ["@example.com"]}
    configured = SignInProvider.model_validate(facts | {"roles": roles})
    built = build_studio(settings.model_copy(update={"sign_in_providers": (configured,), "public_url": PUBLIC}))
    yield built
    built.close()


def browser_of(company: Studio, provider: Provider, name: str, sid: str | None) -> TestClient:
    """A browser in which a person has signed in, in a session of the provider's."""
    browser = client(company)
    sent = browser.post("/auth/begin/idp", data={"next": "/"}).headers["location"]
    asked = {key: values[0] for key, values in parse_qs(urlsplit(sent).query).items()}
    provider.claims = {"sub": name, "email": f"{name}@example.com", "sid": sid, "nonce": asked["nonce"]}
    assert browser.get(f"/auth/callback/idp?code=c&state={asked['state']}").status_code == 303
    return browser


def is_in(browser: TestClient) -> bool:
    return browser.get("/image/me").status_code == 200


def logout(company: Studio, provider: Provider, **changes: Any) -> int:
    """The provider's call; the status that it is answered."""
    now = int(time.time())
    claims = {"iss": provider.issuer, "aud": CLIENT, "iat": now, "exp": now + 120, "jti": "1", "events": {EVENT: {}}}
    return sent(company, provider.signed(claims | changes))


def sent(company: Studio, token: str, name: str = "idp") -> int:
    answer = client(company).post(f"/auth/logout/{name}", data={"logout_token": token})
    assert answer.headers["cache-control"] == "no-store"
    return answer.status_code


def test_a_person_is_signed_out_everywhere(company: Studio, provider: Provider) -> None:
    office, home = (browser_of(company, provider, "ann", sid) for sid in ("one", None))
    bob = browser_of(company, provider, "bob", "two")
    program = with_key(company, make_key(office, "look"))
    assert all(map(is_in, (office, home, bob, program)))
    assert logout(company, provider, sub="ann") == 200
    assert list(map(is_in, (office, home, bob, program))) == [False, False, True, True]
    (entry,) = company.audit.find(actions=["signed-out"], limit=10)
    assert entry.reason == "Example has ended the session"
    assert logout(company, provider, sub="ann") == 200, "there is nothing left to end"
    assert len(company.audit.find(actions=["signed-out"], limit=10)) == 1


def test_one_session_of_the_provider_ends(company: Studio, provider: Provider) -> None:
    office, home = (browser_of(company, provider, "ann", sid) for sid in ("one", "two"))
    assert logout(company, provider, sub="ann", sid="one") == 200
    assert list(map(is_in, (office, home))) == [False, True]
    assert logout(company, provider, sid="two") == 200
    assert not is_in(home)


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "another"},
        {"iss": "https://elsewhere.example"},
        {"exp": 1_700_000_000},
        {"exp": None},
        {"iat": None},
        {"jti": None},
        {"events": None},
        {"events": {"http://schemas.openid.net/event/other": {}}},
        {"events": [EVENT]},
        {"nonce": "n"},
        {"sub": None},
        {"sub": ["ann"]},
    ],
    ids=str,
)
def test_a_token_that_is_no_logout_token_ends_nothing(
    company: Studio, provider: Provider, changes: dict[str, Any]
) -> None:
    ann = browser_of(company, provider, "ann", "one")
    assert logout(company, provider, **{"sub": "ann", **changes}) == 400
    assert is_in(ann)


def test_a_token_that_the_provider_has_not_signed_ends_nothing(company: Studio, provider: Provider) -> None:
    ann = browser_of(company, provider, "ann", "one")
    honest, provider.key = provider.key, ECKey.generate_key("P-256", {"kid": "one"})
    assert logout(company, provider, sub="ann") == 400
    provider.key = honest
    for token in ("", "a.b.c", "x" * 100_000, provider.id_token()):
        assert sent(company, token) == 400
    assert client(company).post("/auth/logout/another", data={"logout_token": "a"}).status_code == 404
    assert is_in(ann)
