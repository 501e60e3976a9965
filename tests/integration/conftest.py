"""A whole studio on real servers, with a runner's worker inside the test's own process."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import uvicorn
from pymongo import MongoClient
from pymongo.database import Database
from starlette.testclient import TestClient
from streamlit.components.v2 import manifest_scanner

from imagegeneration.api.app import build_asgi
from imagegeneration.bootstrap import Studio, build_studio
from imagegeneration.core import cache
from imagegeneration.core.actor import LOCAL, Actor
from imagegeneration.jobs.bodies import ExecuteBody
from imagegeneration.jobs.job import Job
from imagegeneration.runner.build import RunnerParts, build_claims, build_runner
from imagegeneration.runner.claims import Claims
from imagegeneration.runner.worker import Worker
from imagegeneration.settings import Settings
from tests.integration.company import build_company
from tests.integration.window import Window, windows
from tests.support import Clock, wait_until


@pytest.fixture(autouse=True, scope="session")
def _components_looked_for_once() -> Iterator[None]:
    """Streamlit reads the data of every installed package for components with each window that a test opens."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            manifest_scanner, "scan_component_manifests", functools.cache(manifest_scanner.scan_component_manifests)
        )
        yield


@pytest.fixture
def studio(settings: Settings) -> Iterator[Studio]:
    """The services of a studio; nothing runs by itself."""
    built = build_studio(settings)
    yield built
    built.close()


@pytest.fixture
def company(settings: Settings) -> Iterator[Studio]:
    """A studio with sign-in; the tests let people in without a provider."""
    built = build_company(settings)
    yield built
    built.close()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock by which this process's services remember things for a while."""
    made = Clock()
    monkeypatch.setattr(cache, "time", made)
    return made


@pytest.fixture
def window(company: Studio, monkeypatch: pytest.MonkeyPatch) -> Iterator[Window]:
    """A browser window on the pages of `company`, in which nobody is signed in yet."""
    with windows(company, monkeypatch) as first:
        yield first


@pytest.fixture
def client(studio: Studio) -> Iterator[TestClient]:
    """An HTTP client of `studio` on this machine, which nobody has to sign in for."""
    app = build_asgi(lambda: studio)
    with TestClient(app, base_url="http://localhost:8501", raise_server_exceptions=False) as opened:
        yield opened


@pytest.fixture
def runner(studio: Studio) -> Iterator[RunnerParts]:
    """The parts of a runner, whose steps a test takes one by one."""
    parts = build_runner(studio)
    yield parts
    parts.close()


@pytest.fixture
def claims(runner: RunnerParts) -> Claims:
    """The claims of the runner."""
    return runner.claims


@pytest.fixture
def database(settings: Settings) -> Iterator[Database[dict[str, Any]]]:
    """The test's database, to look at documents as they are stored."""
    with MongoClient[dict[str, Any]](settings.require_database(), tz_aware=True) as client:
        yield client[settings.mongodb_database]


@pytest.fixture
def worker(studio: Studio, runner: RunnerParts) -> Iterator[Worker]:
    """A worker that claims whenever it is woken."""
    working = Worker(runner, "runner_test", concurrency=8, lease_seconds=30)
    thread = threading.Thread(target=working.run, daemon=True)
    thread.start()
    yield working
    working.drain()
    thread.join(10)


@contextmanager
def listening(studio: Studio, port: int) -> Iterator[None]:
    """The API behind a real HTTP server of this process."""
    app = build_asgi(lambda: studio)
    serving = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=serving.run, daemon=True)
    thread.start()
    wait_until(lambda: serving.started, "the API listens")
    yield
    serving.should_exit = True
    thread.join(10)


def body(
    final_prompt: str = "a red kite over green hills", image_count: int = 1, intent: str = "a card"
) -> ExecuteBody:
    """What a person approves."""
    return ExecuteBody(intent=intent, raw_prompt="a kite", final_prompt=final_prompt, image_count=image_count)


def approve(studio: Studio, final_prompt: str = "a red kite over green hills", image_count: int = 1) -> Job:
    """A queued job."""
    approved = body(final_prompt, image_count)
    return studio.approvals.approve(LOCAL, approved, source="api", idempotency_key=None)


def claim(studio: Studio, owner: str, lease_seconds: float = 30) -> Job | None:
    """The next job, claimed as a tick would: one that is overdue first."""
    claims = build_claims(studio)
    claims.refresh()
    return claims.overdue(owner, lease_seconds) or next(claims.claim(owner, lease_seconds, 1), None)


def resume(studio: Studio, scope: str, reason: str = "all is well", who: Actor = LOCAL) -> None:
    """End the pause of the scope, as a person does who looks at it."""
    pause = next(breaker.pause for breaker in studio.pauses.all() if breaker.scope == scope)
    assert pause is not None
    studio.pauses.resume(who, scope, reason, paused_at=pause.paused_at)


def run_to_the_end(studio: Studio, worker: Worker, job_id: str, seconds: float = 20) -> Job:
    """The job once it is over; the worker is woken until then, as the tick would."""

    def over() -> Job | None:
        worker.tick()
        job = studio.queries.get(LOCAL, job_id)
        return job if job.is_over else None

    ended = wait_until(over, "the job is over", seconds=seconds)
    assert ended is not None
    return ended


def one_round(studio: Studio) -> None:
    """What one wake-up of a runner does, to its end."""
    parts = build_runner(studio)
    working = Worker(parts, "runner_once", concurrency=4, lease_seconds=30)
    working.fill(ticked=True)
    wait_until(lambda: not parts.in_flight.jobs, "the round is over", seconds=30)
    working.drain()
    parts.close()


def assert_money_adds_up(database: Database[dict[str, Any]]) -> None:
    """The ledger's sums are the counters of the account, of each user and of each provider; so it is with credits."""
    _assert_credits_add_up(database)
    for budget in database.budgets.find({}):
        owner = {name: budget[name] for name in ("userId", "provider") if budget.get(name) is not None}
        entries = list(database.ledger.find({"account": budget["account"], "day": budget["day"], **owner}))
        for counter, delta in (
            ("heldMicros", "heldDeltaMicros"),
            ("spentMicros", "spentDeltaMicros"),
            ("textMicros", "textDeltaMicros"),
        ):
            assert budget[counter] == sum(entry[delta] for entry in entries), counter


def _assert_credits_add_up(database: Database[dict[str, Any]]) -> None:
    """The entries' sums are the balances, and what each job's images have used up."""
    entries = list(database.credit_entries.find({}))
    for balance in database.credits.find({}):
        assert balance["credits"] == sum(entry["delta"] for entry in entries if entry["personId"] == balance["_id"])
    for job in database.jobs.find({}):
        attempts = [attempt for image in job["images"] for attempt in image["attempts"]]
        used = sum(attempt.get("credits", 0) for attempt in attempts if attempt["certainty"] != "not_charged")
        moved = sum(entry["delta"] for entry in entries if entry["jobId"] == job["jobId"])
        assert used == -moved, job["jobId"]
