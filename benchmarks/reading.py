"""Status and list with 100,000 jobs stored, and requests a second at 50 clients."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx

from benchmarks.harness import SEED, Figure, Servers, figure, request_body
from benchmarks.load import Call, Load, run
from imagegeneration.jobs.job import new_job_id

STORED = 100_000
CLIENTS = 50
SECONDS = 5.0

_PEER = """
import fastapi, uvicorn
app = fastapi.FastAPI()
@app.get("/constant")
def constant(): return {"jobId": "x", "status": "DONE", "cdnUrls": [], "error": None}
uvicorn.run(app, host="127.0.0.1", port=PORT, log_level="warning")
"""


def measure(servers: Servers) -> Iterator[Figure]:
    """Yield the figures of job-status and job-list, and the throughput of both and of execute-prompt."""
    stub = servers.stub(0)
    url, _ = servers.dashboard(OPENAI_BASE_URL=f"{stub}/v1", OPENAI_API_KEY="none")
    ids = store_jobs(servers, url)
    chosen = random.Random(SEED)
    status = [Call(f"/image/job-status/{chosen.choice(ids)}") for _ in range(1000)]
    deep = httpx.get(f"{url}/image/job-list?limit=100").links["next"]["url"]
    lists = [
        Call("/image/job-list"),
        Call("/image/job-list?status=FAILED"),
        Call("/image/job-list?limit=100"),
        Call(deep),
    ]
    yield figure(f"job-status, {STORED:,} jobs", run(Load(url, status[:500])).latencies, p95_below=20)
    yield figure(f"job-list, {STORED:,} jobs", run(Load(url, lists * 100)).latencies, p95_below=20)
    executes = [Call("/image/execute-prompt", request_body(number)) for number in range(100_000)]
    peer = servers.port()
    servers.start("peer", [sys.executable, "-c", _PEER.replace("PORT", str(peer))], f"http://127.0.0.1:{peer}/constant")
    base = f"http://127.0.0.1:{peer}"
    yield _throughput("  peer: a bare FastAPI route", base, [Call("/constant")] * 100_000)
    yield _throughput("job-status", url, status * 100)
    yield _throughput("job-list", url, [Call("/image/job-list")] * 100_000)
    yield _throughput("execute-prompt", url, executes)


def store_jobs(servers: Servers, url: str) -> list[str]:
    """Fill the collection with finished jobs of many ages, copied from one of the studio's, and return their ids."""
    job_id = httpx.post(f"{url}/image/execute-prompt", json=request_body(0, images=3)).json()["jobId"]
    httpx.post(f"{url}/image/jobs/{job_id}/cancel").raise_for_status()
    database = servers.database
    template = database.jobs.find_one({"jobId": job_id}, {"_id": False})
    assert template is not None
    chosen, ids = random.Random(SEED), []
    for start in range(0, STORED, 5000):
        batch = [_finished(template, start + number, chosen) for number in range(5000)]
        database.jobs.insert_many(batch, ordered=False)
        ids += [str(job["jobId"]) for job in batch]
    return ids


def _finished(template: dict[str, Any], number: int, chosen: random.Random) -> dict[str, Any]:
    created = template["createdAt"] - timedelta(seconds=30 * (number + 1))
    done = chosen.random() < 0.9
    url = f"http://127.0.0.1/images/generated/local/{number}.png"
    outcome = {"status": "DONE", "cdnUrls": [url] * 3, "error": None, "errorCode": None} if done else {}
    return {**template, "jobId": new_job_id(), "createdAt": created, "updatedAt": created, **outcome}


def _throughput(name: str, url: str, calls: list[Call]) -> Figure:
    outcome = run(Load(url, calls, clients=CLIENTS, seconds=SECONDS))
    return Figure(f"{name}, {CLIENTS} clients", len(outcome.latencies) / outcome.elapsed, unit="requests/s")
