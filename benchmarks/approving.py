"""Enhancing and approving: what enhancing adds to the provider's time, and approvals at 100 a second."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence

import httpx

from benchmarks.harness import Figure, Servers, figure, request_body
from benchmarks.load import Call, Load, run

RATE = 100
SECONDS = 20
ENHANCEMENTS = 150
_CALLS = [Call("/image/execute-prompt", request_body(number)) for number in range(RATE * SECONDS)]


def measure(servers: Servers) -> Iterator[Figure]:
    """Yield the figures of enhance-prompt and execute-prompt, with no runner at work."""
    sandbox = servers.sandbox()
    url, _ = servers.dashboard(OPENAI_BASE_URL=f"{sandbox}/v1", OPENAI_API_KEY="none")
    yield from _enhancing(url, sandbox)
    yield figure(f"execute-prompt, open loop, {RATE} a second", approvals(url), p95_below=50)
    one_by_one = run(Load(url, _CALLS[:300]))
    yield figure("execute-prompt, one at a time", one_by_one.latencies)
    yield figure("  bound: the same writes in a bare transaction", _bare_transactions(servers))


def approvals(url: str) -> Sequence[float]:
    """Return the seconds that each approval took, in an open loop: each is sent on time, without waiting for others."""
    run(Load(url, _CALLS[:50], clients=4))
    outcome = run(Load(url, _CALLS, rate=RATE))
    assert set(outcome.statuses) == {202}, outcome.statuses
    return outcome.latencies


def _enhancing(url: str, sandbox: str) -> Iterator[Figure]:
    call = Call("/image/enhance-prompt", {"intent": "homepage category card", "prompt": "simple saas ui"})
    direct = {"model": "gpt-6-luna", "input": [{"role": "user", "content": '{"intent": "a", "prompt": "b"}'}]}
    run(Load(url, [call] * 20))
    through = run(Load(url, [call] * ENHANCEMENTS)).latencies
    with httpx.Client(base_url=sandbox) as client:
        provider = statistics.median(_timed(lambda: client.post("/v1/responses", json=direct)) for _ in range(50))
    yield figure("enhance-prompt beyond the provider's own time", [max(0.0, took - provider) for took in through])


def _timed(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _bare_transactions(servers: Servers) -> list[float]:
    """Return the seconds of the driver's bare transactions.

    Each writes one job document, one ledger entry and two counters, with majority and journal.
    """
    database = servers.database
    job, entry = database.jobs.find_one({}, {"_id": 0}), database.ledger.find_one({}, {"_id": 0})
    assert job is not None
    assert entry is not None
    times = []
    for number in range(200):
        began = time.perf_counter()
        with database.client.start_session() as session, session.start_transaction():
            database.bare_jobs.insert_one({**job, "jobId": number}, session=session)
            database.bare_ledger.insert_one({**entry, "entryId": number}, session=session)
            for counter in ("user", "day"):
                database.bare_budgets.update_one({"_id": counter}, {"$inc": {"held": 1}}, upsert=True, session=session)
        times.append(time.perf_counter() - began)
    return times[20:]
