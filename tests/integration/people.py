"""Users of a company, signed in without a provider."""

from __future__ import annotations

from typing import Any

from starlette.testclient import TestClient

from imagegeneration.api.app import build_asgi
from imagegeneration.bootstrap import Studio, build_studio
from imagegeneration.core.actor import LOCAL, Actor
from imagegeneration.core.roles import PlanName, Role
from imagegeneration.people.person import Identity
from imagegeneration.people.sign_in import SignInProvider
from imagegeneration.settings import Settings

PUBLIC = "http://studio.test"


def build_company(settings: Settings, **changes: Any) -> Studio:
    """A studio with sign-in."""
    provider = SignInProvider.model_validate(
        {"name": "idp", "label": "Example", "issuer": "http://localhost:9", "clientId": "studio", "roles": {}}
    )
    signed = settings.model_copy(update={"sign_in_providers": (provider,), "public_url": PUBLIC} | changes)
    return build_studio(signed)


def enter(company: Studio, name: str, *roles: Role, plan: PlanName | None = None) -> Actor:
    """A person who has signed in, with these roles (none: a creator) and this plan (none: the default)."""
    identity = Identity(issuer="http://localhost:9", subject=name, email=f"{name}@example.com", name=name)
    rules = {role: [f"{name}@example.com"] for role in roles or ("creator",)}
    person = company.people.signed_in(identity, rules)
    if plan is not None:
        person = company.people.change(
            LOCAL,
            person.person_id,
            version=person.version,
            roles=None,
            is_disabled=False,
            reason="",
            plan=plan,
        )
    return person.actor()


def browser_of(company: Studio, actor: Actor) -> TestClient:
    """A browser in which the person is signed in."""
    browser = stranger(company)
    browser.cookies.set("studio_login", company.logins.create(company.people.get(actor.user_id), "idp", "idp"))
    return browser


def program_of(company: Studio, actor: Actor, name: str = "a script") -> TestClient:
    """A program with a key of the person's."""
    key, _ = company.keys.make(actor, name, sorted(actor.permissions), None)
    return stranger(company, {"Authorization": f"Bearer {key}"})


def stranger(company: Studio, headers: dict[str, str] | None = None) -> TestClient:
    """A browser in which nobody is signed in."""
    app = build_asgi(lambda: company)
    return TestClient(app, base_url=PUBLIC, headers=headers, follow_redirects=False, raise_server_exceptions=False)
