"""A studio with sign-in, and the users and clients of it, signed in without a provider."""

from __future__ import annotations

from typing import Any

from starlette.testclient import TestClient

from imagegeneration.api.app import build_asgi
from imagegeneration.bootstrap import Studio, build_studio
from imagegeneration.core.roles import Role
from imagegeneration.people.person import LOGIN_COOKIE, Identity, Person
from imagegeneration.people.sign_in import SignInProvider
from imagegeneration.settings import Settings

PUBLIC = "http://studio.test"
ISSUER = "http://localhost:9"
BODIES: dict[str, dict[str, Any]] = {
    "/image/enhance-prompt": {"intent": "a card", "prompt": "a kite"},
    "/image/execute-prompt": {"intent": "a card", "rawPrompt": "a kite", "finalPrompt": "a red kite"},
}


def build_company(settings: Settings, public_url: str = PUBLIC) -> Studio:
    """One process of a studio with sign-in."""
    provider = SignInProvider.model_validate(
        {"name": "idp", "label": "Example", "issuer": ISSUER, "clientId": "studio", "roles": {}}
    )
    return build_studio(settings.model_copy(update={"sign_in_providers": (provider,), "public_url": public_url}))


def person(company: Studio, name: str, *roles: Role) -> Person:
    """A person to whom the provider's rules give these roles."""
    identity = Identity(issuer=ISSUER, subject=name, email=f"{name}@example.com", name=name)
    return company.people.signed_in(identity, {role: [f"{name}@example.com"] for role in roles})


def client(company: Studio, **options: Any) -> TestClient:
    """A browser, or a program, that has not said who it is."""
    return TestClient(
        build_asgi(lambda: company),
        base_url=str(company.settings.public_url),
        raise_server_exceptions=False,
        follow_redirects=False,
        **options,
    )


def signed_in(company: Studio, who: Person) -> TestClient:
    """A browser in which this person is signed in."""
    browser = client(company)
    browser.cookies.set(LOGIN_COOKIE, company.logins.create(who, "idp", "idp"))
    return browser


def somebody(company: Studio, name: str, *roles: Role) -> TestClient:
    """A browser in which a person with these roles is signed in."""
    return signed_in(company, person(company, name, *roles))


def make_key(browser: TestClient, *scopes: str, **facts: Any) -> str:
    """A new key of the browser's person."""
    made = browser.post("/image/keys", json={"name": "a script", "scopes": list(scopes)} | facts)
    assert made.status_code == 201, made.text
    key: str = made.json()["key"]
    return key


def with_key(company: Studio, key: str) -> TestClient:
    """A program that shows this key."""
    return client(company, headers={"Authorization": f"Bearer {key}"})


def code(answer: Any) -> tuple[int, str]:
    """The status of a refusal, and its code."""
    return answer.status_code, answer.json()["error"]["code"]


def execute(browser: TestClient, **facts: Any) -> str:
    """Approve a job; its id."""
    made = browser.post("/image/execute-prompt", json=BODIES["/image/execute-prompt"] | facts)
    assert made.status_code == 202, made.text
    job_id: str = made.json()["jobId"]
    return job_id
