"""Signing in with a real OpenID provider: who comes in, as what, and what is refused."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pymongo.database import Database
from starlette.testclient import TestClient

from imagegeneration.api.app import build_asgi
from imagegeneration.bootstrap import Studio, build_studio
from imagegeneration.local.datadir import DataDir
from imagegeneration.local.part import Part
from imagegeneration.people import rates
from imagegeneration.people.person import LOGIN_COOKIE
from imagegeneration.people.rate import Rate
from imagegeneration.people.sign_in import SignInProvider
from imagegeneration.settings import Settings
from tests.support import serving

PUBLIC = "http://studio.test"
PEOPLE: list[dict[str, Any]] = [
    {"sub": "ann", "email": "ann@example.com", "email_verified": True, "name": "Ann"},
    {"sub": "bob", "email": "bob@example.com", "email_verified": True, "name": "Bob"},
    {"sub": "eve", "email": "eve@elsewhere.com", "email_verified": True, "name": "Eve"},
    {"sub": "mal", "email": "mal@example.com", "email_verified": False, "name": "Mal"},
]


@pytest.fixture(scope="module")
def issuer(servers_dir: DataDir) -> Iterator[str]:
    """A real OpenID provider, in a process of its own; the people above have accounts there."""
    port = servers_dir.port("identity-provider")
    claims = [part for person in PEOPLE for part in ("--user-claims", json.dumps(person))]
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), "--require-nonce", "true", *claims]
    part = Part("identity-provider", command, port, provides={}, prepare=lambda _: None)
    with serving(part, servers_dir.path):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def company(settings: Settings, issuer: str) -> Iterator[Studio]:
    """A studio that people of example.com sign in to; Ann is an admin."""
    provider = SignInProvider.model_validate(
        {
            "name": "idp",
            "label": "Example",
            "issuer": issuer,
            "clientId": "studio",
            "clientSecret": "secret",
            "scope": "openid email profile",
            "roles": {"admin": ["ann@example.com"], "creator": ["@example.com"]},
        }
    )
    built = build_studio(settings.model_copy(update={"sign_in_providers": (provider,), "public_url": PUBLIC}))
    yield built
    built.close()


@pytest.fixture
def browser(company: Studio) -> Iterator[TestClient]:
    with new_browser(company) as opened:
        yield opened


def new_browser(company: Studio) -> TestClient:
    return TestClient(
        build_asgi(lambda: company), base_url=PUBLIC, follow_redirects=False, raise_server_exceptions=False
    )


def to_provider(browser: TestClient, wanted: str = "/") -> str:
    """Begin; the address at the provider that the browser is sent to."""
    sent = browser.post("/auth/begin/idp", data={"next": wanted}, headers={"Origin": PUBLIC})
    assert sent.status_code == 303, sent.text
    return str(sent.headers["location"])


def from_provider(address: str, sub: str) -> str:
    """What the person does at the provider's page; the address that the browser is sent back to."""
    answered = httpx.post(address, data={"sub": sub}, trust_env=False)
    assert answered.status_code == 302, answered.text
    return str(answered.headers["location"])


def sign_in(browser: TestClient, sub: str, wanted: str = "/") -> Any:
    back = from_provider(to_provider(browser, wanted), sub)
    return browser.get(back)


def test_a_person_signs_in_and_is_known(browser: TestClient) -> None:
    assert browser.get("/image/me").status_code == 401
    back = sign_in(browser, "bob", "/jobs?status=Done")
    assert (back.status_code, back.headers["location"]) == (303, "/jobs?status=Done")
    me = browser.get("/image/me").raise_for_status().json()
    assert (me["name"], me["roles"], me["key"]) == ("Bob", ["creator"], None)
    assert me["userId"].startswith("usr_")
    assert "@" not in me["userId"]


def test_roles_follow_from_the_configuration(browser: TestClient) -> None:
    sign_in(browser, "ann")
    assert browser.get("/image/me").json()["roles"] == ["admin", "creator"]


def test_a_cookie_that_was_there_before_the_sign_in_is_replaced(browser: TestClient, company: Studio) -> None:
    planted = "a-cookie-that-somebody-else-knows"
    browser.cookies.set("studio_login", planted, domain="studio.test", path="/")
    sign_in(browser, "bob")
    assert browser.cookies["studio_login"] != planted
    with new_browser(company) as thief:
        thief.cookies.set("studio_login", planted)
        assert thief.get("/image/me").status_code == 401


def test_every_sign_in_gives_another_cookie(browser: TestClient) -> None:
    cookies = []
    for _ in range(2):
        sign_in(browser, "bob")
        cookies.append(browser.cookies["studio_login"])
    assert len(set(cookies)) == 2
    assert min(map(len, cookies)) >= 43, "256 random bits"


@pytest.mark.parametrize("stranger", ["eve", "mal"])
def test_who_gets_no_role_is_not_let_in(browser: TestClient, stranger: str) -> None:
    refused = sign_in(browser, stranger)
    assert refused.status_code == 403
    assert "not allowed" in refused.text
    assert browser.get("/image/me").status_code == 401


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(browser: TestClient) -> None:
    cookie = sign_in(browser, "bob").headers["set-cookie"].lower()
    assert "studio_login=" in cookie
    assert "httponly" in cookie
    assert "samesite=lax" in cookie


def test_the_database_has_only_the_hash_of_the_cookie(browser: TestClient, database: Database[dict[str, Any]]) -> None:
    sign_in(browser, "bob")
    token = browser.cookies["studio_login"]
    stored = json.dumps(list(database.logins.find({}, {"_id": False})), default=str)
    assert token not in stored


def test_a_state_serves_once(browser: TestClient, company: Studio, database: Database[dict[str, Any]]) -> None:
    back = from_provider(to_provider(browser), "bob")
    assert browser.get(back).status_code == 303
    browser.cookies.delete(LOGIN_COOKIE)
    again = browser.get(back)
    assert LOGIN_COOKIE not in browser.cookies, "the code is not taken a second time"
    assert urlsplit(again.headers["location"]).path == "/oauth2/authorize", "the browser begins once more"
    assert database.logins.count_documents({}) == 1
    with new_browser(company) as other:
        assert other.get(back).status_code == 403


def test_a_callback_that_is_loaded_again_leads_to_the_page_that_was_wanted(
    browser: TestClient, database: Database[dict[str, Any]]
) -> None:
    back = from_provider(to_provider(browser, "/jobs?status=Done"), "bob")
    for _ in range(2):
        answer = browser.get(back)
        assert (answer.status_code, answer.headers["location"]) == (303, "/jobs?status=Done")
    assert database.logins.count_documents({}) == 1
    database.sign_ins.delete_many({})  # as after ten minutes: from the history of the browser
    assert browser.get(back).headers["location"] == "/"


def test_a_callback_whose_first_answer_was_lost_lets_in_by_a_second_round(browser: TestClient) -> None:
    back = from_provider(to_provider(browser, "/jobs"), "bob")
    browser.get(back)
    browser.cookies.delete(LOGIN_COOKIE)  # the browser has gone on to load it again before the answer came
    second = from_provider(browser.get(back).headers["location"], "bob")
    assert browser.get(second).headers["location"] == "/jobs"
    assert browser.get("/image/me").json()["name"] == "Bob"


@pytest.mark.parametrize("first", [0, 1])
def test_two_tabs_sign_in_at_once(browser: TestClient, first: int) -> None:
    browser.get("/auth/sign-in")
    sent = [to_provider(browser, "/jobs"), to_provider(browser, "/keys")]
    back = [from_provider(address, "bob") for address in sent]
    wanted = [browser.get(back[tab]).headers["location"] for tab in (first, 1 - first)]
    assert wanted == (["/jobs", "/keys"] if first == 0 else ["/keys", "/jobs"])
    assert browser.get("/image/me").json()["name"] == "Bob"


def test_a_failed_sign_in_is_logged_and_on_record_with_its_reason(
    browser: TestClient, company: Studio, caplog: pytest.LogCaptureFixture
) -> None:
    refused = sign_in(browser, "eve")
    assert "no role" not in refused.text, "the page does not tell strangers about the rules"
    back = from_provider(to_provider(browser), "bob")
    code = parse_qs(urlsplit(back).query)["code"][0]
    browser.get(back.replace(code, "another-code"))
    state = parse_qs(urlsplit(to_provider(browser)).query)["state"][0]
    browser.get(f"/auth/callback/idp?error=access_denied&state={state}")
    failed = company.audit.find(actions=["sign-in.failed"], limit=10)
    assert [entry.reason for entry in failed] == [
        "Example: Example did not let you in. (access_denied)",
        "Example: Example answered with an error. (HTTP 400, invalid_grant)",
        "Example: You are not allowed into this studio. (no role)",
    ]
    (eve,) = company.people.page(None, 10)
    assert (failed[2].actor, failed[2].subject) == (eve.person_id, eve.person_id)
    for entry in failed:
        assert entry.reason.removeprefix("Example: ") in caplog.text


def test_strangers_cannot_fill_the_record(
    browser: TestClient, company: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert browser.get("/auth/callback/idp?error=x&state=guessed").status_code == 403
    monkeypatch.setattr(rates, "FAILED_SIGN_INS", Rate(what="failed sign-ins on record", amount=2, seconds=60))
    for _ in range(4):
        state = parse_qs(urlsplit(to_provider(browser)).query)["state"][0]
        assert browser.get(f"/auth/callback/idp?error=x&state={state}").status_code == 403
    assert len(company.audit.find(actions=["sign-in.failed"], limit=10)) == 2


def test_a_sign_in_that_was_begun_elsewhere_is_refused(browser: TestClient, company: Studio) -> None:
    back = from_provider(to_provider(browser), "bob")
    with new_browser(company) as victim:
        assert victim.get(back).status_code == 403
        assert victim.get("/image/me").status_code == 401


def test_a_code_is_worthless_without_the_verifier_of_its_sign_in(browser: TestClient, company: Studio) -> None:
    stolen = parse_qs(urlsplit(from_provider(to_provider(browser), "ann")).query)["code"][0]
    with new_browser(company) as thief:
        own = from_provider(to_provider(thief), "bob")
        query = parse_qs(urlsplit(own).query)
        swapped = own.replace(query["code"][0], stolen)
        assert thief.get(swapped).status_code == 403
        assert thief.get("/image/me").status_code == 401


def test_signing_out_ends_the_login_for_copies_of_the_cookie_too(browser: TestClient, company: Studio) -> None:
    sign_in(browser, "bob")
    copied = browser.cookies["studio_login"]
    assert browser.post("/auth/sign-out", headers={"Origin": PUBLIC}).status_code == 303
    with new_browser(company) as other:
        other.cookies.set("studio_login", copied)
        assert other.get("/image/me").status_code == 401


def test_a_disabled_person_is_out_at_once(browser: TestClient, company: Studio) -> None:
    sign_in(browser, "bob")
    bob = browser.get("/image/me").json()["userId"]
    with new_browser(company) as boss:
        sign_in(boss, "ann")
        body = {"version": 0, "roles": None, "isDisabled": True, "reason": "left the company"}
        assert boss.put(f"/image/people/{bob}", json=body).status_code == 200
    company.logins._known.invalidate()
    assert browser.get("/image/me").status_code == 401
    assert sign_in(browser, "bob").status_code == 403


def test_a_role_that_an_admin_sets_counts_instead(browser: TestClient, company: Studio) -> None:
    sign_in(browser, "bob")
    bob = browser.get("/image/me").json()["userId"]
    with new_browser(company) as boss:
        sign_in(boss, "ann")
        body = {"version": 0, "roles": ["reviewer"], "isDisabled": False, "reason": "reviews now"}
        assert boss.put(f"/image/people/{bob}", json=body).status_code == 200
        assert boss.put(f"/image/people/{bob}", json=body).status_code == 409
    company.logins._known.invalidate()
    assert browser.get("/image/me").json()["roles"] == ["reviewer"]
    assert browser.post("/image/enhance-prompt", json={"intent": "x", "prompt": "y"}).status_code == 403


@pytest.mark.parametrize(
    "wanted", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_nobody_is_sent_to_another_site(browser: TestClient, wanted: str) -> None:
    assert sign_in(browser, "bob", wanted).headers["location"] == "/"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Host": "evil.example"},
        {"X-Forwarded-Host": "studio.test", "Host": "evil.example"},
        {"Origin": "null"},
    ],
)
def test_other_sites_and_other_names_are_refused(browser: TestClient, headers: dict[str, str]) -> None:
    sign_in(browser, "bob")
    assert browser.get("/image/me", headers=headers).status_code == 403


@pytest.mark.parametrize("header", ["X-Forwarded-User", "X-Remote-User", "Remote-User", "X-Studio-Actor"])
def test_a_bare_header_names_nobody(browser: TestClient, header: str) -> None:
    assert browser.get("/image/me", headers={header: "ann"}).status_code == 401


def test_strangers_are_led_to_the_sign_in(browser: TestClient) -> None:
    led = browser.get("/jobs?job=1", headers={"Accept": "text/html"})
    assert (led.status_code, led.headers["location"]) == (303, "/auth/sign-in?next=%2Fjobs%3Fjob%3D1")
    page = browser.get("/auth/sign-in")
    assert "Continue with Example" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
