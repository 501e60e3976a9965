"""Who guesses keys learns nothing, neither from what is answered nor from how long it takes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from imagegeneration.core.actor import Actor
from imagegeneration.people.key import PREFIX, key_sha256, new_key
from tests.integration.doors.conftest import Server

ROUNDS = 100
BOUND = 0.25
"""Of the time of an answer: a look more or less at the database is a good deal above it."""


@pytest.fixture
def database(server: Server) -> Iterator[Database[dict[str, Any]]]:
    with MongoClient[dict[str, Any]](server.settings.require_database()) as client:
        yield client[server.settings.mongodb_database]


Forget = Callable[[], None]


@pytest.fixture
def forget(server: Server, database: Database[dict[str, Any]]) -> Forget:
    """Makes the studio forget how many wrong keys this address has sent: it may send 60 a minute."""
    counters = database.client[server.settings.rates_database]

    def forget() -> None:
        for name in counters.list_collection_names():
            counters[name].delete_many({})

    forget()
    return forget


@pytest.fixture
def wrong_keys(server: Server, database: Database[dict[str, Any]]) -> Mapping[str, str]:
    """Keys that nobody may use, for different reasons."""
    server.enter("keys", "creator")
    person = next(person for person in server.studio.people.page(None, 100) if person.name == "keys")
    actor = Actor(user_id=person.person_id, roles=("creator",))
    valid, revoked, expired = (server.studio.keys.make(actor, "guessed", ["look"], 1) for _ in range(3))
    server.studio.keys.revoke(actor, revoked[1].key_id)
    past = datetime.now(UTC) - timedelta(minutes=1)
    database["keys"].update_one({"keySha256": key_sha256(expired[0])}, {"$set": {"expiresAt": past}})
    return {
        "wrong": new_key(),
        "right prefix": valid[0][: len(PREFIX) + 4] + new_key()[len(PREFIX) + 4 :],
        "all but the last letter": valid[0][:-1] + ("0" if valid[0][-1] != "0" else "1"),
        "wrong checksum": new_key()[:-8] + "00000000",
        "malformed": "nonsense",
        "empty": "",
        "long": "x" * 5000,
        "revoked": revoked[0],
        "expired": expired[0],
    }


def test_wrong_keys_are_answered_alike(server: Server, wrong_keys: Mapping[str, str], forget: Forget) -> None:
    with server.client(**{"X-Request-Id": "same"}) as program:
        answers = [program.get("/image/me", headers=_bearer(key)) for key in wrong_keys.values()]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    unsaid = ("date", "server")
    told = [[pair for pair in answer.headers.multi_items() if pair[0] not in unsaid] for answer in answers]
    assert all(headers == told[0] for headers in told)


def test_wrong_keys_cost_the_same_looks(
    server: Server, database: Database[dict[str, Any]], wrong_keys: Mapping[str, str]
) -> None:
    database.command("profile", 2)
    looks = {}
    try:
        for name, key in wrong_keys.items():
            seen = database["system.profile"].count_documents({"op": "query"})
            assert server.studio.keys.actor(key) is None
            looks[name] = database["system.profile"].count_documents({"op": "query"}) - seen
    finally:
        database.command("profile", 0)
    assert set(looks.values()) == {1}, looks


def test_wrong_keys_take_the_same_time(server: Server, wrong_keys: Mapping[str, str], forget: Forget) -> None:
    """Interleaved, and by the fastest tenth, so that whatever else the machine does befalls all of them alike."""
    took: dict[str, list[float]] = {name: [] for name in wrong_keys}
    with server.client() as program:
        for _ in range(ROUNDS):
            forget()
            program.get("/image/me", headers=_bearer("after the pause, the first is slower"))
            for name, key in wrong_keys.items():
                began = time.perf_counter()
                answer = program.get("/image/me", headers=_bearer(key))
                took[name].append(time.perf_counter() - began)
                assert answer.status_code == 401
    fast = {name: statistics.quantiles(times, n=10)[0] for name, times in took.items()}
    typical = statistics.median(fast.values())
    figures = ", ".join(f"{name} {seconds * 1000:.2f}" for name, seconds in fast.items())
    print(f"fastest tenths of {ROUNDS} in ms: {figures}")  # noqa: T201  # pytest shows it with -s, and where it fails
    assert max(abs(seconds - typical) for seconds in fast.values()) < BOUND * typical, figures


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}".strip()}
