"""How long a login and a key last: limits, sign-out, disabled people and lost roles, in every process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from pymongo.database import Database
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState

from imagegeneration.api.gate import Gate
from imagegeneration.bootstrap import Studio
from imagegeneration.configuration import login_rules_of
from imagegeneration.core.errors import Busy, WrongState
from imagegeneration.core.roles import Role
from imagegeneration.dashboard.messages import hear
from imagegeneration.people import keys, logins
from imagegeneration.people.person import LOGIN_COOKIE, Person
from imagegeneration.settings import Settings
from tests.integration.company import build_company, client, code, make_key, person, signed_in, somebody, with_key
from tests.support import Clock


@pytest.fixture
def other_process(settings: Settings, company: Studio) -> Iterator[Studio]:
    """Another process of the same studio."""
    built = build_company(settings)
    yield built
    built.close()


def elsewhere(other: Studio, browser: TestClient) -> TestClient:
    """The same browser, answered by the other process."""
    same = client(other, headers=dict(browser.headers))
    same.cookies.update(browser.cookies)
    return same


def status(browser: TestClient) -> int:
    return browser.get("/image/me").status_code


def change(company: Studio, who: Person, *, roles: tuple[Role, ...] | None = None, is_disabled: bool = False) -> None:
    """An admin changes what a person may do."""
    admin, now = person(company, "adm", "admin").actor(), company.people.get(who.person_id)
    company.people.change(
        admin, who.person_id, version=now.version, roles=roles, is_disabled=is_disabled, reason="a test"
    )


def age(database: Database[dict[str, Any]], field: str, ago: timedelta) -> None:
    """Make that time of every login so long ago, by the server's clock."""
    moved = {"$subtract": ["$$NOW", round(ago.total_seconds() * 1000)]}
    database.logins.update_many({}, [{"$set": {field: moved}}])


def test_a_login_ends_when_nobody_was_there(company: Studio, database: Database[dict[str, Any]], clock: Clock) -> None:
    ann, idle = somebody(company, "ann", "creator"), login_rules_of(company.settings).idle
    age(database, "seenAt", idle - timedelta(seconds=20))
    assert status(ann) == 200
    clock.now += logins.KNOWN_SECONDS
    age(database, "seenAt", idle + timedelta(seconds=1))
    assert status(ann) == 401


def test_a_login_that_is_used_does_not_end_at_the_shortest_idle_limit(
    settings: Settings, database: Database[dict[str, Any]], clock: Clock
) -> None:
    company = build_company(settings.model_copy(update={"sign_in_idle_minutes": 1.0}))
    ann = somebody(company, "ann", "creator")
    for _ in range(12):
        assert status(ann) == 200
        clock.now += 30
        database.logins.update_many({}, [{"$set": {"seenAt": {"$subtract": ["$seenAt", 30_000]}}}])
    company.close()


def test_only_what_a_person_does_on_an_open_page_keeps_the_login_from_ending_as_idle(
    company: Studio, database: Database[dict[str, Any]], clock: Clock
) -> None:
    page = Gate(echo, lambda: company, hear)
    browser = TestClient(page, base_url=str(company.settings.public_url))
    browser.cookies.set(LOGIN_COOKIE, company.logins.create(person(company, "ann", "creator"), "idp", "idp"))

    def seen_after(message: BackMsg) -> bool:
        clock.now += logins.TOUCH_SECONDS
        age(database, "seenAt", timedelta(minutes=30))
        before = database.logins.find_one({})
        open_page.send_bytes(message.SerializeToString())
        open_page.receive_bytes()
        return database.logins.find_one({}) != before

    with browser.websocket_connect("ws://studio.test/_stcore/stream") as open_page:
        assert not seen_after(BackMsg(rerun_script=ClientState(is_auto_rerun=True)))
        assert not seen_after(BackMsg(app_heartbeat=True))
        assert seen_after(BackMsg(rerun_script=ClientState(page_script_hash="jobs")))


def test_a_login_that_has_ended_as_idle_is_not_taken_up_again(
    company: Studio, database: Database[dict[str, Any]], clock: Clock
) -> None:
    token = company.logins.create(person(company, "ann", "creator"), "idp", "idp")
    age(database, "seenAt", login_rules_of(company.settings).idle + timedelta(seconds=1))
    company.logins.use(token)
    clock.now += logins.KNOWN_SECONDS
    assert company.logins.actor(token) is None


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """An open page's server, which says back what it hears."""
    websocket = WebSocket(scope, receive, send)
    await websocket.accept()
    async for message in websocket.iter_bytes():
        await websocket.send_bytes(message)


def test_a_login_ends_at_its_longest_however_busy_it_is(
    company: Studio, database: Database[dict[str, Any]], clock: Clock
) -> None:
    ann = somebody(company, "ann", "creator")
    (login,) = database.logins.find({})
    assert login["endsAt"] - login["beganAt"] == login_rules_of(company.settings).longest
    assert status(ann) == 200
    age(database, "endsAt", timedelta(seconds=1))
    clock.now += logins.KNOWN_SECONDS
    assert status(ann) == 401


@pytest.mark.parametrize("ahead", [timedelta(days=400), timedelta(days=-400)])
def test_only_the_clock_of_the_database_counts(company: Studio, ahead: timedelta) -> None:
    ann = somebody(company, "ann", "creator")
    key = make_key(ann, "look", days=1)
    with time_machine.travel(datetime.now(UTC) + ahead):
        assert status(ann) == 200
        assert status(with_key(company, key)) == 200
        late = somebody(company, "bob", "creator")
    assert status(late) == 200


def test_a_cookie_that_is_replayed_after_the_sign_out_is_worthless_everywhere(
    company: Studio, other_process: Studio, clock: Clock
) -> None:
    ann = somebody(company, "ann", "creator")
    copies = [elsewhere(process, ann) for process in (company, other_process)]
    assert [status(copy) for copy in copies] == [200, 200]
    ann.post("/auth/sign-out")
    assert status(copies[0]) == 401
    clock.now += logins.KNOWN_SECONDS
    assert status(copies[1]) == 401


def test_signing_out_ends_one_login_and_no_other(company: Studio) -> None:
    who = person(company, "ann", "creator")
    office, home, bob = signed_in(company, who), signed_in(company, who), somebody(company, "bob", "creator")
    office.post("/auth/sign-out")
    assert [status(browser) for browser in (office, home, bob)] == [401, 200, 200]


@pytest.mark.parametrize("roles", [("reviewer",), ()])
def test_a_changed_role_counts_in_every_process_soon(
    company: Studio, other_process: Studio, clock: Clock, roles: tuple[Role, ...]
) -> None:
    who = person(company, "ann", "creator")
    ann = elsewhere(other_process, signed_in(company, who))
    assert ann.get("/image/me").json()["permissions"] == ["generate", "look"]
    change(company, who, roles=roles)
    clock.now += logins.KNOWN_SECONDS
    if roles:
        assert ann.get("/image/me").json()["permissions"] == ["look", "review"]
    else:
        assert status(ann) == 401


def test_a_disabled_person_is_out_of_every_process_soon_and_stays_out(
    company: Studio, other_process: Studio, clock: Clock
) -> None:
    who = person(company, "ann", "creator")
    ann = elsewhere(other_process, signed_in(company, who))
    program = elsewhere(other_process, with_key(company, make_key(ann, "look")))
    assert (status(ann), status(program)) == (200, 200)
    change(company, who, is_disabled=True)
    clock.now += max(logins.KNOWN_SECONDS, keys.KNOWN_SECONDS)
    assert (status(ann), status(program)) == (401, 401)
    clock.now += 3600
    assert (status(ann), status(program)) == (401, 401)


def test_who_was_disabled_and_is_let_in_again_has_to_sign_in_again(company: Studio, clock: Clock) -> None:
    who = person(company, "ann", "creator")
    ann = signed_in(company, who)
    change(company, who, is_disabled=True)
    change(company, who, is_disabled=False)
    clock.now += logins.KNOWN_SECONDS
    assert status(ann) == 401


def test_a_revoked_key_is_worthless_everywhere_soon(company: Studio, other_process: Studio, clock: Clock) -> None:
    ann = somebody(company, "ann", "creator")
    program = with_key(company, make_key(ann, "look"))
    copy = elsewhere(other_process, program)
    assert (status(program), status(copy)) == (200, 200)
    (facts,) = ann.get("/image/keys").json()
    ann.post(f"/image/keys/{facts['keyId']}/revoke")
    assert status(program) == 401
    clock.now += keys.KNOWN_SECONDS
    assert status(copy) == 401


def test_a_key_ends_on_its_day(company: Studio, database: Database[dict[str, Any]], clock: Clock) -> None:
    program = with_key(company, make_key(somebody(company, "ann", "creator"), "look", days=1))
    assert status(program) == 200
    database["keys"].update_many({}, [{"$set": {"expiresAt": "$$NOW"}}])
    clock.now += keys.KNOWN_SECONDS
    assert code(program.get("/image/me")) == (401, "IMG_010")


def test_a_key_loses_what_its_person_loses(company: Studio, clock: Clock) -> None:
    who = person(company, "ann", "creator")
    program = with_key(company, make_key(signed_in(company, who), "generate", "look"))
    assert status(program) == 200
    change(company, who, roles=("reviewer",))
    clock.now += keys.KNOWN_SECONDS
    assert program.get("/image/me").json()["permissions"] == ["look"]


def test_a_key_of_a_person_without_roles_opens_nothing(company: Studio, clock: Clock) -> None:
    who = person(company, "ann", "creator")
    program = with_key(company, make_key(signed_in(company, who), "look"))
    assert status(program) == 200
    change(company, who, roles=())
    clock.now += keys.KNOWN_SECONDS
    for path in ("/image/me", "/image/keys", "/image/job-list", "/image/openapi.json", "/jobs"):
        assert program.get(path).status_code == 401, path


def test_a_key_rests_when_its_person_has_not_signed_in_for_long(
    settings: Settings, database: Database[dict[str, Any]], clock: Clock
) -> None:
    company = build_company(settings.model_copy(update={"key_confirmation_days": 30}))
    who = person(company, "ann", "creator")
    program = with_key(company, make_key(signed_in(company, who), "look"))
    for days, expected in ((29, 200), (31, 401)):
        ago = {"$dateSubtract": {"startDate": "$$NOW", "unit": "day", "amount": days}}
        database.people.update_one({}, [{"$set": {"signedInAt": ago}}])
        clock.now += keys.KNOWN_SECONDS
        assert status(program) == expected, days
    person(company, "ann", "creator")  # signs in again
    clock.now += keys.KNOWN_SECONDS
    assert status(program) == 200
    company.close()


def test_keys_made_at_once_in_two_processes_are_not_more_than_allowed(
    company: Studio, other_process: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "KEYS_OF_A_PERSON", 3)
    ann = person(company, "ann", "creator").actor()
    start = threading.Barrier(8)

    def make(process: Studio) -> bool:
        start.wait(10)
        try:
            process.keys.make(ann, "a script", ["look"], 1)
        except WrongState:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(make, [company, other_process] * 4))
    assert sum(made) == len(company.keys.of_actor(ann)) == 3


def test_keys_that_are_made_and_revoked_do_not_pile_up(
    company: Studio, database: Database[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "KEYS_OF_A_PERSON", 2)
    monkeypatch.setattr(keys, "KEYS_A_DAY", 4)
    ann = person(company, "ann", "creator").actor()
    for _ in range(3):
        for number in range(4):
            _, key = company.keys.make(ann, f"script {number}", ["look"], None)
            company.keys.revoke(ann, key.key_id)
        with pytest.raises(Busy, match="At most 4 keys a day") as refused:
            company.keys.make(ann, "one more", ["look"], None)
        assert 86_300 < refused.value.retry_after <= 86_400
        a_day = {"$dateSubtract": {"startDate": "$createdAt", "unit": "day", "amount": 2}}
        database["keys"].update_many({}, [{"$set": {"createdAt": a_day}}])
    company.keys.make(ann, "one more", ["look"], None)
    assert len(company.keys.of_actor(ann)) == 3, "the new one, and two that are revoked"


def test_expired_keys_take_no_place(
    company: Studio, database: Database[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "KEYS_OF_A_PERSON", 1)
    ann = person(company, "ann", "creator").actor()
    company.keys.make(ann, "a script", ["look"], 1)
    with pytest.raises(WrongState, match="At most 1 keys at once"):
        company.keys.make(ann, "another", ["look"], 1)
    database["keys"].update_many({}, [{"$set": {"expiresAt": "$$NOW"}}])
    company.keys.make(ann, "another", ["look"], 1)


def test_guessed_cookies_and_keys_take_no_memory(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logins, "KNOWN_LOGINS", 50)
    monkeypatch.setattr(keys, "KNOWN_KEYS", 50)
    company = build_company(settings)
    ann = somebody(company, "ann", "creator")
    for number in range(200):
        assert company.logins.actor(f"guess {number}") is None
        assert company.keys.actor(f"isk_{number}") is None
    assert [len(company.logins._known), len(company.logins._seen)] == [50, 0]
    assert [len(company.keys._known), len(company.keys._used)] == [50, 0]
    assert status(ann) == 200, "the guesses have thrown nobody out"
    company.close()


@pytest.mark.parametrize("cookie", ["", "x" * 8000, "é", '"; studio_login="', "a,b", "\x7f"])
def test_a_cookie_that_cannot_be_one_is_nobodys(company: Studio, cookie: str) -> None:
    headers = {b"cookie": f"{LOGIN_COOKIE}={cookie}".encode()}
    answer = client(company).get("/image/me", headers=headers)
    assert code(answer) == (401, "IMG_010")


def test_behind_https_only_a_cookie_that_no_other_host_can_set_counts(settings: Settings) -> None:
    company = build_company(settings, "https://studio.test")
    token = company.logins.create(person(company, "ann", "creator"), "idp", "idp")
    for name, expected in ((LOGIN_COOKIE, 401), (f"__Host-{LOGIN_COOKIE}", 200)):
        browser = client(company, headers={"Cookie": f"{name}={token}"})
        assert status(browser) == expected
    out = browser.post("/auth/sign-out", headers={"Origin": "https://studio.test"})
    assert f"__Host-{LOGIN_COOKIE}=" in out.headers["set-cookie"]
    assert "Secure" in out.headers["set-cookie"]
    assert "Domain" not in out.headers["set-cookie"]
    company.close()
