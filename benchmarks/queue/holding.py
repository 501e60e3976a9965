"""The studio's limits: approvals at 100 a second, and a runner with 200 calls in flight."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from benchmarks.approving import RATE, approvals
from benchmarks.harness import Figure, Servers, figure, request_body
from benchmarks.queue.processes import peak_mib, resident_mib
from benchmarks.queue.template import ACTOR
from imagegeneration.jobs.bodies import ExecuteBody

CALLS = 200
ANSWER_SECONDS = 15.0
IDLE_MIB, BUSY_MIB = 130, 250
_PATIENCE_SECONDS = 60.0


def measure_approvals(servers: Servers) -> Iterator[Figure]:
    """Yield the figures of approvals, every one of which changes the same two counters of the day."""
    url, _ = servers.dashboard(OPENAI_BASE_URL="http://127.0.0.1:9/v1", OPENAI_API_KEY="none")
    yield figure(f"{RATE} approvals a second, open loop", approvals(url), p95_below=30)


def measure_memory(servers: Servers) -> Iterator[Figure]:
    """Yield the memory of a runner process as in production, with a slow provider."""
    provider = {"OPENAI_BASE_URL": f"{servers.stub(0.05, ANSWER_SECONDS)}/v1", "OPENAI_API_KEY": "none"}
    studio = servers.studio(**provider)
    pid = servers.runner(**provider, RUNNER_CONCURRENCY=str(CALLS), PROVIDER_CONCURRENCY=str(CALLS))
    time.sleep(3)  # lets the idle runner settle, which gives no sign to wait for
    yield _memory("runner, idle", resident_mib(pid), IDLE_MIB)
    for number in range(CALLS):
        body = ExecuteBody.model_validate(request_body(number))
        studio.approvals.approve(ACTOR, body, source="api", idempotency_key=None)
    jobs = servers.database.jobs
    _wait_until(lambda: jobs.count_documents({"images.state": "CALLING"}) == CALLS)
    yield _memory(f"runner, {CALLS} calls in flight", resident_mib(pid), BUSY_MIB)
    _wait_until(lambda: jobs.count_documents({"status": "DONE"}) == CALLS)
    yield _memory("  its peak, as all answers come at once", peak_mib(pid))


def _memory(name: str, mib: float, at_most: float | None = None) -> Figure:
    if at_most is None:
        return Figure(name, mib, unit="MiB")
    return Figure(name, mib, unit="MiB", expected=f"<= {at_most:g} MiB", holds=mib <= at_most)


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("The runner did not come as far as it should")
        time.sleep(0.05)
