"""A studio with sign-in as a browser meets it: its dashboard in a process of its own, and its people's providers."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from playwright.sync_api import BrowserContext, Page, expect

from imagegeneration.assets.bucket import Storage
from imagegeneration.bootstrap import Studio, build_studio
from imagegeneration.configuration import bucket_of
from imagegeneration.core.actor import Actor
from imagegeneration.core.roles import Role
from imagegeneration.local.datadir import DataDir
from imagegeneration.local.part import Part
from imagegeneration.people.person import LOGIN_COOKIE, Identity, Person
from imagegeneration.settings import Settings
from tests.browser.forger import Forger, running_forger
from tests.integration.conftest import body, one_round
from tests.support import APPROVAL_KEY, serving

DATABASE = "test-company"
STYLE_HOST = "cdn.jsdelivr.net"
"""Where the provider's own page asks for its style. There is no network, so that it goes without."""

ANOTHER = Actor(user_id="usr_another", name="Another admin", roles=("admin",))
PEOPLE: Sequence[dict[str, Any]] = [
    {"sub": name, "email": f"{name}@example.com", "email_verified": True, "name": name.capitalize()}
    for name in ("ann", "bob", "cyd", "dan", "eve", "fay")
]


class Company:
    """The studio's address, its services in this process, and the provider that forges."""

    def __init__(self, url: str, studio: Studio, forger: Forger, issuer: str) -> None:
        self.url = url
        self.studio = studio
        self.forger = forger
        self.issuer = issuer

    def person(self, name: str, *roles: Role, called: str | None = None) -> Person:
        """Somebody who has signed in before, and has these roles (none: those of the configuration)."""
        address = f"{name}@example.com"
        identity = Identity(issuer=self.issuer, subject=name, email=address, name=called or name.capitalize())
        person = self.studio.people.signed_in(identity, {"creator": [address]})
        return self.change(person, *roles) if roles else person

    def change(self, person: Person, *roles: Role, is_disabled: bool = False) -> Person:
        """Change what somebody may do, as another admin would."""
        return self.studio.people.change(
            ANOTHER,
            person.person_id,
            version=person.version,
            roles=roles or None,
            is_disabled=is_disabled,
            reason="the test wants it",
        )

    def let_in(self, context: BrowserContext, person: Person) -> None:
        """Sign somebody in without the provider's page."""
        token = self.studio.logins.create(person, "idp", "idp")
        context.add_cookies([{"name": LOGIN_COOKIE, "value": token, "url": self.url}])

    def done_job(self, owner: Person, intent: str) -> str:
        """A finished job of somebody's; its id."""
        approved = body(intent=intent)
        job = self.studio.approvals.approve(owner.actor(), approved, source="api", idempotency_key=None)
        one_round(self.studio)
        assert self.studio.queries.get(owner.actor(), job.job_id).status == "DONE"
        return job.job_id


@contextmanager
def running_company(mongod: Part, bucket: Part, sandbox_url: str, folder: DataDir) -> Iterator[Company]:
    """Start the dashboard and its providers, and stop them at the end of the block."""
    ports = {name: folder.port(name) for name in ("company", "company-identity", "forger")}
    urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    configuration = _configuration(mongod, bucket, sandbox_url, folder, urls)
    settings = Settings.model_validate(configuration)
    Storage(bucket_of(settings)).ensure_bucket()
    with ExitStack() as stack:
        forger = stack.enter_context(running_forger(ports["forger"]))
        stack.enter_context(serving(_identity_provider(ports["company-identity"]), folder.path))
        studio = build_studio(settings)
        stack.callback(studio.close)
        environment = variables(configuration)
        stack.enter_context(serving(_dashboard(ports["company"]), folder.path, environment, seconds=90))
        yield Company(urls["company"], studio, forger, urls["company-identity"])


def sign_in(context: BrowserContext, name: str, wanted: str = "/") -> Page:
    """Open a page of the studio and sign in on the provider's, as a person does."""
    page = context.new_page()
    page.goto(wanted)
    page.get_by_role("button", name="Continue with Example").click()
    page.locator("input[name=sub]").fill(name)
    page.get_by_role("button", name="Authorize").click()
    return page


def menu(page: Page) -> list[str]:
    """The pages in the menu."""
    links = page.get_by_test_id("stSidebarNavLink")
    expect(links.first).to_be_visible()
    return [text.split("\n")[-1] for text in links.all_inner_texts()]


def _identity_provider(port: int) -> Part:
    claims = [part for person in PEOPLE for part in ("--user-claims", json.dumps(person))]
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), "--require-nonce", "true", *claims]
    return Part("company-identity", command, port, provides={}, prepare=lambda _: None)


def _dashboard(port: int) -> Part:
    """As in production."""
    command = [sys.executable, "-m", "uvicorn", "app:app", "--port", str(port), "--log-level", "warning"]
    return Part("company", command, port, provides={}, prepare=lambda _: None)


def _configuration(
    mongod: Part, bucket: Part, sandbox_url: str, folder: DataDir, urls: Mapping[str, str]
) -> dict[str, Any]:
    endpoint = bucket.provides["R2_ENDPOINT_URL"]
    client = {"clientId": "studio", "clientSecret": "secret"}
    roles = {"admin": ["ann@example.com"], "creator": ["@example.com"]}
    return {
        "mongodb_uri": mongod.provides["MONGODB_URI"],
        "mongodb_database": DATABASE,
        "r2_endpoint_url": endpoint,
        "r2_access_key_id": "embedded",
        "r2_secret_access_key": "embedded",
        "r2_bucket": DATABASE,
        "cdn_base_url": f"{endpoint}/{DATABASE}",
        "approval_keys": APPROVAL_KEY,
        "sandbox_url": sandbox_url,
        "data_dir": str(folder.path / "company-data"),
        "public_url": urls["company"],
        "sign_in_providers": [
            {"name": "idp", "label": "Example", "issuer": urls["company-identity"], "roles": roles, **client},
            {"name": "forger", "label": "Forger", "issuer": urls["forger"], "roles": roles, **client},
        ],
    }


def variables(configuration: Mapping[str, Any]) -> dict[str, str]:
    """Return the configuration as environment variables."""
    return {
        name.upper(): value if isinstance(value, str) else json.dumps(value) for name, value in configuration.items()
    }
