"""How often people, keys and addresses may ask: exact, by the database's clock, apart from the jobs' database."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database
from starlette.testclient import TestClient

from imagegeneration.bootstrap import Studio
from imagegeneration.core.actor import LOCAL, Actor
from imagegeneration.core.errors import Busy, DatabaseDown
from imagegeneration.jobs.job import Job
from imagegeneration.people.rate import ACTION_RATES, SIGN_INS, WRONG_KEYS, Rate
from imagegeneration.people.rate_store import Counter, RateStore
from imagegeneration.people.rates import Rates
from imagegeneration.providers.generation import EnhanceBody
from imagegeneration.settings import Settings
from tests.integration.conftest import approve, body
from tests.integration.people import browser_of, build_company, enter, program_of, stranger

AN_HOUR = Rate(what="uses", amount=100, seconds=3600)
EXECUTE = {"intent": "a card", "rawPrompt": "a kite", "finalPrompt": "a red kite"}
ENHANCE = EnhanceBody(intent="a card", prompt="a kite")

USES_OF_ONE_PROCESS = """
import sys
from concurrent.futures import ThreadPoolExecutor
from imagegeneration.people.rate import Rate
from imagegeneration.people.rate_store import Counter, RateStore
store = RateStore(sys.argv[1], sys.argv[2])
counter = Counter(Rate(what="uses", amount=100, seconds=3600), "somebody")
store.standings([counter])
print("ready", flush=True)
sys.stdin.readline()
with ThreadPoolExecutor(10) as pool:
    taken = list(pool.map(lambda _: store.take([counter]).passed, range(250)))
print(sum(taken))
store.close()
"""


@pytest.fixture
def company(settings: Settings) -> Iterator[Studio]:
    built = build_company(settings)
    yield built
    built.close()


@pytest.fixture
def store(settings: Settings) -> Iterator[RateStore]:
    opened = RateStore(settings.require_database(), settings.rates_database)
    yield opened
    opened.close()


@pytest.fixture
def counters(settings: Settings) -> Iterator[Database[dict[str, Any]]]:
    """The database of the counters."""
    with MongoClient[dict[str, Any]](settings.require_database(), tz_aware=True) as client:
        yield client[settings.rates_database]


def fails_after(times: int, act: Callable[[], object], error: type[Exception] = Busy) -> Any:
    """What the call after so many good ones is refused with."""
    for _ in range(times):
        act()
    with pytest.raises(error) as refusal:
        act()
    return refusal.value


def test_of_a_thousand_uses_at_once_in_four_processes_exactly_the_allowed_pass(settings: Settings) -> None:
    command = [sys.executable, "-c", USES_OF_ONE_PROCESS, settings.require_database(), settings.rates_database]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    passed = 0
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        said, _ = process.communicate(timeout=60)
        passed += int(said)
    assert passed == AN_HOUR.amount


def move_back(counters: Database[dict[str, Any]], by: timedelta) -> None:
    """As if so much time had passed since the last use."""
    counters.windows.update_many(
        {}, [{"$set": {"expireAt": {"$subtract": ["$expireAt", by // timedelta(milliseconds=1)]}}}]
    )


@pytest.mark.parametrize(("hours", "passed"), [(0.5, 0), (1.5, 50), (2, 100), (3, 100), (30, 100)])
def test_what_passes_after_a_while_is_what_the_window_says(
    store: RateStore, counters: Database[dict[str, Any]], hours: float, passed: int
) -> None:
    counter = Counter(AN_HOUR, "somebody")
    assert all(store.take([counter]).passed for _ in range(100))
    move_back(counters, timedelta(hours=hours))
    assert sum(store.take([counter]).passed for _ in range(110)) == pytest.approx(passed, abs=1 if hours == 1.5 else 0)


def test_the_standing_counts_down_and_says_when_it_ends(store: RateStore) -> None:
    counter = Counter(Rate(what="uses", amount=2, seconds=60), "somebody")
    found = [store.take([counter]) for _ in range(3)]
    assert [(taken.passed, taken.standing.remaining) for taken in found] == [(True, 1), (True, 0), (False, 0)]
    assert all(0 < taken.standing.resets_in <= 60 for taken in found)


def test_a_use_that_one_rate_refuses_does_not_count_on_longer_ones(store: RateStore) -> None:
    tight = Counter(Rate(what="few", amount=1, seconds=60), "somebody")
    wide = Counter(AN_HOUR, "somebody")
    assert [store.take([tight, wide]).passed for _ in range(3)] == [True, False, False]
    assert store.standings([wide])[0].remaining == 99


def test_a_person_and_each_key_have_requests_of_their_own(settings: Settings) -> None:
    company = build_company(settings, requests_per_minute=3)
    ann = enter(company, "ann")
    for client in (
        browser_of(company, ann),
        program_of(company, ann, "same name"),
        program_of(company, ann, "same name"),
    ):
        answers = [client.get("/image/job-list") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["2", "1", "0", "0"]
        assert answers[3].headers["RateLimit-Limit"] == "3"
        assert answers[3].headers["Retry-After"] == answers[3].headers["RateLimit-Reset"]
        error = answers[3].json()["error"]
        assert error["code"] == "IMG_005"
        assert error["message"].startswith("At most 3 requests a minute. The next is possible in ")
    company.close()


def test_health_and_pages_do_not_count(settings: Settings) -> None:
    company = build_company(settings, requests_per_minute=1)
    browser = browser_of(company, enter(company, "ann"))
    assert {browser.get("/image/health/live").status_code for _ in range(3)} == {200}
    assert 429 not in {browser.get("/auth/sign-in").status_code for _ in range(3)}
    assert browser.get("/image/job-list").status_code == 200
    company.close()


def test_an_answer_tells_the_tightest_rate(company: Studio) -> None:
    browser = browser_of(company, enter(company, "ann", plan="free"))
    answer = browser.post("/image/execute-prompt", json=EXECUTE)
    assert answer.status_code == 202
    assert (answer.headers["RateLimit-Limit"], answer.headers["RateLimit-Remaining"]) == ("10", "9")
    assert int(answer.headers["RateLimit-Reset"]) > 60
    assert browser.get("/image/job-list").headers["RateLimit-Limit"] == "100"


def test_approvals_and_suggestions_are_counted_where_pages_and_programs_ask(company: Studio) -> None:
    ann = enter(company, "ann", plan="enterprise")
    with_key = ann.model_copy(update={"key": "a script", "key_id": "key_1"})
    for number in range(ACTION_RATES["approve"].amount):
        company.approvals.approve((ann, with_key)[number % 2], body(), source="dashboard", idempotency_key=None)
    with pytest.raises(Busy, match="At most 10 approvals a minute"):
        company.approvals.approve(with_key, body(), source="api", idempotency_key=None)
    refusal = fails_after(ACTION_RATES["enhance"].amount, lambda: company.enhancement.enhance(ann, ENHANCE))
    assert "At most 20 prompt suggestions a minute" in refusal.message


def test_a_retry_is_an_approval(company: Studio) -> None:
    ann = enter(company, "ann")
    job = company.approvals.approve(ann, body(), source="api", idempotency_key=None)
    company.cancellation.cancel(ann, job.job_id)
    use_up(company, ann)
    with pytest.raises(Busy, match="approvals"):
        company.approvals.retry(ann, job.job_id, accept_micros=10**6)


def use_up(company: Studio, actor: Actor) -> None:
    """All approvals of a minute."""
    for _ in range(ACTION_RATES["approve"].amount):
        with contextlib.suppress(Busy):
            company.rates.act(actor, "approve")


def test_the_plan_bounds_approvals_an_hour_and_a_day(company: Studio, counters: Database[dict[str, Any]]) -> None:
    ann = enter(company, "ann", plan="free")
    for _ in range(10):
        company.rates.act(ann, "approve")
    counters.windows.delete_many({"_id": {"$regex": "/60/"}})
    with pytest.raises(Busy, match="10 approvals an hour with the plan free") as refusal:
        company.rates.act(ann, "approve")
    assert refusal.value.retry_after > 60
    assert "larger plan" in refusal.value.resolution
    for _ in range(4):
        counters.windows.delete_many({"_id": {"$regex": "/(60|3600)/"}})
        for _ in range(10):
            company.rates.act(ann, "approve")
    counters.windows.delete_many({"_id": {"$regex": "/(60|3600)/"}})
    with pytest.raises(Busy, match="50 approvals a day"):
        company.rates.act(ann, "approve")


def test_a_request_that_is_sent_again_counts_as_none(company: Studio) -> None:
    ann = enter(company, "ann", plan="free")
    first = company.approvals.approve(ann, body(), source="api", idempotency_key="one")
    use_up(company, ann)
    again = company.approvals.approve(ann, body(), source="api", idempotency_key="one")
    assert again.job_id == first.job_id
    with pytest.raises(Busy):
        company.approvals.approve(ann, body(), source="api", idempotency_key="two")


def test_a_request_whose_first_sending_ends_while_it_is_refused_gets_the_first_answer(
    company: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = enter(company, "ann", plan="free")
    made: list[Job] = []
    count = Rates.act

    def the_other_is_first(self: Rates, actor: Actor, action: Any) -> None:
        if not made:
            monkeypatch.setattr(Rates, "act", count)
            made.append(company.approvals.approve(ann, body(), source="api", idempotency_key="one"))
            use_up(company, ann)
        count(self, actor, action)

    monkeypatch.setattr(Rates, "act", the_other_is_first)
    again = company.approvals.approve(ann, body(), source="api", idempotency_key="one")
    assert [job.job_id for job in made] == [again.job_id]


def test_of_two_approvals_at_once_one_has_the_place_that_is_left(settings: Settings) -> None:
    companies = [build_company(settings) for _ in range(2)]
    ann = enter(companies[0], "ann", plan="basic")
    companies[0].approvals.approve(ann, body(), source="api", idempotency_key=None)
    barrier = threading.Barrier(4)

    def try_once(number: int) -> str:
        barrier.wait()
        try:
            return companies[number % 2].approvals.approve(ann, body(), source="api", idempotency_key=None).status
        except Busy as error:
            return error.message

    with ThreadPoolExecutor(4) as pool:
        found = sorted(pool.map(try_once, range(4)))
    refused = "2 jobs at once with the plan basic: that many of yours are queued or running."
    assert found == [refused] * 3 + ["QUEUED"]
    for company in companies:
        company.close()


def test_a_request_that_is_sent_twice_at_once_does_not_take_its_own_place(settings: Settings) -> None:
    companies = [build_company(settings) for _ in range(2)]
    ann = enter(companies[0], "ann", plan="free")
    barrier = threading.Barrier(6)

    def send(number: int) -> str:
        barrier.wait()
        return companies[number % 2].approvals.approve(ann, body(), source="api", idempotency_key="one").job_id

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(send, range(6)))) == 1
    for company in companies:
        company.close()


def test_a_place_is_free_again_when_a_job_is_over_and_a_retry_takes_one(company: Studio) -> None:
    ann = enter(company, "ann", plan="free")
    first = company.approvals.approve(ann, body(), source="api", idempotency_key="one")
    assert company.approvals.approve(ann, body(), source="api", idempotency_key="one").job_id == first.job_id
    company.cancellation.cancel(ann, first.job_id)
    company.approvals.approve(ann, body(), source="api", idempotency_key=None)
    with pytest.raises(Busy, match="1 job at once"):
        company.approvals.retry(ann, first.job_id, accept_micros=10**6)
    bob = enter(company, "bob", plan="free")
    company.approvals.approve(bob, body(), source="api", idempotency_key=None)


def test_an_admin_changes_a_plan_and_it_is_on_record(company: Studio) -> None:
    admin, ann = browser_of(company, enter(company, "adm", "admin")), enter(company, "ann")
    assert ann.plan == "pro"
    change = {"version": 0, "roles": None, "isDisabled": False, "plan": "free", "reason": "a trial"}
    assert admin.put(f"/image/people/{ann.user_id}", json=change).json()["plan"] == "free"
    assert browser_of(company, ann).get("/image/me").json()["plan"] == "free"
    kept = change | {"version": 1}
    del kept["plan"]
    assert admin.put(f"/image/people/{ann.user_id}", json=kept).json()["plan"] == "free"
    entry = company.audit.find(actions=["person.changed"], limit=2)[1]
    assert '"plan": "pro"' in (entry.before or "")
    assert '"plan": "free"' in (entry.after or "")


def test_new_people_have_the_configured_plan(settings: Settings) -> None:
    company = build_company(settings, default_plan="basic")
    assert enter(company, "ann").plan == "basic"
    company.close()


def test_one_sees_ones_own_limits(company: Studio) -> None:
    browser = browser_of(company, enter(company, "ann", plan="free"))
    browser.post("/image/execute-prompt", json=EXECUTE)
    me = browser.get("/image/me").json()
    found = {(rate["rate"]["what"], rate["rate"]["seconds"]): rate["remaining"] for rate in me["rates"]}
    assert found == {
        ("requests", 60): 98,
        ("prompt suggestions", 60): 20,
        ("approvals", 60): 9,
        ("approvals", 3600): 9,
        ("approvals", 86_400): 49,
    }


@pytest.mark.parametrize("client_of", [browser_of, program_of])
def test_a_suggestion_writes_nothing_with_sign_in_either(
    company: Studio, settings: Settings, client_of: Callable[[Studio, Actor], TestClient]
) -> None:
    """Not even when the sign-in or the key was last used: this is its first call."""
    browser = client_of(company, enter(company, "ann"))
    with MongoClient[dict[str, Any]](settings.require_database()) as client:
        before = _hashes(client, settings)
        answers = [browser.post("/image/enhance-prompt", json=ENHANCE.document()) for _ in range(21)]
        assert [answer.status_code for answer in answers] == [200] * 20 + [429]
        assert _hashes(client, settings) == before
        browser.get("/image/me")
        assert _hashes(client, settings)[0] != before[0], "the use is noted by every other call"


def _hashes(client: MongoClient[dict[str, Any]], settings: Settings) -> list[str]:
    databases = (settings.mongodb_database, settings.rates_database)
    return [str(client[name].command("dbHash")["md5"]) for name in databases]


def test_without_sign_in_only_suggestions_are_counted_and_in_memory(
    studio: Studio, counters: Database[dict[str, Any]]
) -> None:
    refusal = fails_after(ACTION_RATES["enhance"].amount, lambda: studio.enhancement.enhance(LOCAL, ENHANCE))
    assert "At most 20 prompt suggestions a minute" in refusal.message
    for _ in range(ACTION_RATES["approve"].amount + 1):
        approve(studio)
    assert counters.windows.count_documents({}) == 0


def test_sign_ins_are_counted_by_address(company: Studio) -> None:
    browser = stranger(company)
    for method, path in (("POST", "/auth/begin/nobody"), ("GET", "/auth/callback/idp")):
        answers = [browser.request(method, path) for _ in range(SIGN_INS.amount + 1)]
        assert [answer.status_code == 429 for answer in answers] == [False] * SIGN_INS.amount + [True]
        assert int(answers[-1].headers["Retry-After"]) <= 60
        assert "At most 30 sign-ins from one address a minute" in answers[-1].text


def test_wrong_keys_are_counted_by_address_and_right_ones_are_not_held_up(company: Studio) -> None:
    program = program_of(company, enter(company, "ann"))
    guessing = stranger(company, {"Authorization": "Bearer isk_wrong"})
    found = [guessing.get("/image/me").status_code for _ in range(WRONG_KEYS.amount + 2)]
    assert found == [401] * WRONG_KEYS.amount + [429] * 2
    assert program.get("/image/me").status_code == 200


@pytest.fixture
def uncounted(settings: Settings) -> Rates:
    """Rates whose counters cannot be reached."""
    nowhere = RateStore("mongodb://127.0.0.1:9", settings.rates_database)
    return Rates(nowhere, 100)


def test_what_cannot_be_counted_is_let_through_unless_it_costs_money(company: Studio, uncounted: Rates) -> None:
    ann = enter(company, "ann")
    began = time.monotonic()
    assert uncounted.request(ann) is None
    assert time.monotonic() - began < 4, "two seconds, on a slow machine"
    uncounted.sign_in("begin", "10.0.0.1")
    with pytest.raises(DatabaseDown):
        uncounted.act(ann, "approve")
    uncounted.act(ann, "enhance")  # counted in memory
    uncounted.close()
