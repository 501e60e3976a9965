"""Who reaches which route, cell by cell: roles, keys with each scope, and everybody for whom the door is closed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, get_args

import pytest
from pymongo.database import Database
from starlette.testclient import TestClient

from imagegeneration.api.routes import ROUTES
from imagegeneration.bootstrap import Studio
from imagegeneration.core.roles import ROLES, Permission, Role
from imagegeneration.people import keys, logins
from imagegeneration.people.key import new_key
from tests.integration.company import PUBLIC, client, make_key, person, signed_in, somebody, with_key
from tests.support import Clock

PROMISED = """
GET   /image/health/live                          everybody
GET   /image/health/ready                         everybody
GET   /image/                                     signed-in
GET   /image/docs                                 signed-in
GET   /image/static-offline-docs/{file}            signed-in
GET   /image/openapi.json                         signed-in
GET   /image/me                                   signed-in
GET   /image/keys                                 signed-in
POST  /image/keys                                 signed-in  no key
POST  /image/keys/{keyId}/revoke                  signed-in  no key
POST  /image/enhance-prompt                       generate   admin creator
POST  /image/execute-prompt                       generate   admin creator
POST  /image/jobs/{jobId}/retry                   generate   admin creator
POST  /image/jobs/{jobId}/run-again               generate   admin creator
POST  /image/jobs/{jobId}/cancel                  generate   admin creator
POST  /image/generate                             generate   admin creator
POST  /image/estimate                             generate   admin creator
POST  /image/validate                             generate   admin creator
POST  /image/compatibility                        generate   admin creator
GET   /image/providers                            signed-in
POST  /image/fold-prompt                          generate   admin creator
GET   /image/styles                               signed-in
GET   /image/loras                                signed-in
POST  /image/loras                                administer admin
PATCH /image/loras/{name}                         administer admin
DELETE /image/loras/{name}                        administer admin
GET   /image/status/{jobId}                       look       admin creator reviewer
GET   /image/job-status/{jobId}                   look       admin creator reviewer
GET   /image/job-events/{jobId}                   look       admin creator reviewer
GET   /image/job-list                             look       admin creator reviewer
GET   /image/jobs/{jobId}                         look       admin creator reviewer
POST  /image/jobs/{jobId}/images/{index}/decision operate    admin operator
GET   /image/operations                           operate    admin operator
POST  /image/operations/pause                     operate    admin operator
POST  /image/operations/resume                    operate    admin operator
POST  /image/operations/test                      operate    admin operator
PUT   /image/operations/limits                    operate    admin operator
GET   /image/people                               administer admin
PUT   /image/people/{personId}                    administer admin
POST  /image/people/{personId}/credits            administer admin
GET   /image/audit                                administer admin
"""
"""What people were promised: of each route the scope that a key needs, and the roles that give it.

It is stated here on its own, so that a wrong rule in the product shows. `no key`: only a person in a browser.
"""

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
SCOPES: Collection[Permission] = get_args(Permission)


class Row:
    """One line of what was promised."""

    def __init__(self, line: str) -> None:
        self.method, self.path, self.scope, *who = line.split()
        self.is_open = self.scope == "everybody"
        self.is_anybodys = self.scope in ("everybody", "signed-in")
        self.no_key = who == ["no", "key"]
        self.roles = set(ROLES) if self.is_anybodys else set(who)


ROWS = [Row(line) for line in PROMISED.strip().splitlines()]


@contextmanager
def naming_the_cell(*cell: object) -> Iterator[None]:
    """Say in which cell of the matrix it was."""
    try:
        yield
    except AssertionError as error:
        error.add_note(f"in the cell {cell}")
        raise


def ask(browser: TestClient, method: str, path: str) -> int:
    """The status of an answer; what is sent is never complete, so that nothing changes."""
    for name in ("{jobId}", "{keyId}", "{personId}", "{name}"):
        path = path.replace(name, "x_0")
    return browser.request(method, path.replace("{index}", "0")).status_code


def test_every_route_is_in_the_matrix() -> None:
    assert {(row.method, row.path) for row in ROWS} == set(ROUTES)


@pytest.mark.parametrize(
    "roles", [*((role,) for role in ROLES), ("creator", "reviewer"), ("reviewer", "operator")], ids=" ".join
)
def test_a_role_reaches_what_was_promised_and_nothing_else(company: Studio, roles: tuple[Role, ...]) -> None:
    browser = somebody(company, "ann", *roles)
    for row in ROWS:
        with naming_the_cell(roles, row.method, row.path):
            status = ask(browser, row.method, row.path)
            assert (status != 403) == bool(row.roles & set(roles))
            assert status != 401
            assert status < 500 or row.path == "/image/health/ready"


def test_other_methods_are_refused_alike_for_everybody(company: Studio) -> None:
    known: dict[str, set[str]] = {}
    for row in ROWS:
        known.setdefault(row.path, set()).update({row.method, "HEAD"} if row.method == "GET" else {row.method})
    for role in ROLES:
        browser = somebody(company, role, role)
        for path, methods in known.items():
            for method in sorted(set(METHODS) - methods):
                with naming_the_cell(role, method, path):
                    assert ask(browser, method, path) in (405, 403)


@pytest.mark.parametrize("scope", SCOPES)
def test_a_key_reaches_what_its_scope_gives_and_nothing_else(company: Studio, scope: Permission) -> None:
    program = with_key(company, make_key(somebody(company, "ann", "admin"), scope))
    for row in ROWS:
        with naming_the_cell(scope, row.method, row.path):
            body = {"name": "x", "scopes": [scope]} if row.path == "/image/keys" and row.method == "POST" else None
            path = row.path.replace("{jobId}", "x_0").replace("{index}", "0").replace("{personId}", "x_0")
            path = path.replace("{keyId}", "x_0").replace("{name}", "x_0")
            status = program.request(row.method, path, json=body).status_code
            assert (status != 403) == ((row.is_anybodys or row.scope == scope) and not row.no_key)


def test_a_scope_gives_nothing_that_the_person_has_not(company: Studio) -> None:
    for role in ROLES:
        browser = somebody(company, role, role)
        for scope in SCOPES:
            may = scope in browser.get("/image/me").json()["permissions"]
            made = browser.post("/image/keys", json={"name": "x", "scopes": [scope]})
            with naming_the_cell(role, scope):
                assert made.status_code == (201 if may else 409)


def shut_out(company: Studio, database: Database[dict[str, Any]], clock: Clock) -> Mapping[str, TestClient]:
    """Browsers and programs of everybody who has no business here."""
    admin = person(company, "adm", "admin")
    disabled, unknown = (person(company, name, "admin") for name in ("disabled", "no roles"))
    browsers = {"disabled": signed_in(company, disabled), "without roles": signed_in(company, unknown)}
    programs = {f"key of {name}": with_key(company, make_key(one, "look")) for name, one in browsers.items()}
    ended = {name: make_key(signed_in(company, admin), "administer", days=1) for name in ("revoked", "expired")}
    gone = [key["keyId"] for key in signed_in(company, admin).get("/image/keys").json()]
    company.keys.revoke(admin.actor(), gone[0])
    database["keys"].update_one({"keyId": gone[1]}, [{"$set": {"expiresAt": "$$NOW"}}])
    act = admin.actor()
    company.people.change(act, disabled.person_id, version=0, roles=None, is_disabled=True, reason="gone")
    company.people.change(act, unknown.person_id, version=0, roles=(), is_disabled=False, reason="moved")
    clock.now += max(logins.KNOWN_SECONDS, keys.KNOWN_SECONDS)
    strange = {
        "a stranger": client(company),
        "a cookie of nobody's": client(company, headers={"Cookie": "studio_login=guess"}),
        "a key of nobody's": with_key(company, new_key()),
        "a key as user and password": client(company, headers={"Authorization": f"Basic {ended['revoked']}"}),
        "a key as a cookie": client(company, headers={"Cookie": f"studio_login={ended['revoked']}"}),
    }
    worthless = {f"{name} key": with_key(company, key) for name, key in ended.items()}
    spoilt = signed_in(company, admin)
    spoilt.headers["Authorization"] = "Bearer wrong"
    return strange | browsers | programs | worthless | {"a wrong key beside a good cookie": spoilt}


def test_who_has_no_business_here_reaches_nothing_but_health(
    company: Studio, database: Database[dict[str, Any]], clock: Clock
) -> None:
    for who, browser in shut_out(company, database, clock).items():
        for row in ROWS:
            with naming_the_cell(who, row.method, row.path):
                status = ask(browser, row.method, row.path)
                assert (status in (401, 429)) == (not row.is_open), "429: so many wrong keys in a minute"


def test_an_address_has_one_spelling(company: Studio) -> None:
    """No second way to write the address of a route goes around its rule."""
    operator = somebody(company, "op", "operator")
    for path in ("/image/audit", "/image/people", "/image/job-list", "/image/jobs/x_0"):
        for spelt in (
            f"{path}/",
            f"/{path}",
            path.replace("/image/", "/image//"),
            path.replace("/image/", "/image/./"),
            path.replace("/image/", "/image/me/../"),
            path.replace("image", "IMAGE"),
            path.replace("/image/", "/image/%2e/"),
            path.replace("image/", "image%2f"),
            f"{path}%00",
            f"{path}%0a",
            f"{path};x=1",
            f"/image/health/live/..{path.removeprefix('/image')}",
            f"/auth/..{path}",
        ):
            with naming_the_cell(spelt):
                got = operator.request("GET", f"{PUBLIC}{spelt}")
                assert got.status_code in (403, 404, 405)
                assert "usr_" not in got.text
