"""From approval to thumbnail: how soon a call starts, and what the runner adds to the provider's time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import httpx
from pymongo import ReturnDocument

from benchmarks.harness import Figure, Servers, figure, request_body

JOBS = 60
PAUSE = 0.15


def measure(servers: Servers) -> Iterator[Figure]:
    """Yield the figures of an idle studio, one job of one image at a time, with a runner in its own process."""
    yield from _starting(servers, servers.stub(0.05))
    yield figure("  bound: bare insert to change event, and one claim", bare_claims(servers))
    yield from _overhead(servers, servers.stub(2))
    yield from _with_the_sandbox(servers)


def _starting(servers: Servers, stub: str) -> Iterator[Figure]:
    with _Running(servers, stub) as (url, database):
        accepted, jobs = _approve_one_by_one(url, database, JOBS)
        moments = httpx.get(stub).json()
    started = [_only_attempt(job)["startedAt"] - job["createdAt"] for job in jobs]
    came = [came - at for (came, _), at in zip(moments, accepted, strict=True)]
    yield figure("enqueue to start: 202 received -> provider has the call", came, median_below=15)
    yield figure(
        "  createdAt -> CALLING (with the approval's own transaction)", [delta.total_seconds() for delta in started]
    )


def _overhead(servers: Servers, stub: str) -> Iterator[Figure]:
    with _Running(servers, stub) as (url, database):
        _, jobs = _approve_one_by_one(url, database, 30)
        moments = httpx.get(stub).json()
    beyond = [job["completedAt"].timestamp() - sent for job, (_, sent) in zip(jobs, moments, strict=True)]
    yield figure("runner overhead, one 2 MB image: answer sent -> DONE", beyond, median_below=150)


def _with_the_sandbox(servers: Servers) -> Iterator[Figure]:
    with _Running(servers, servers.sandbox()) as (url, database):
        accepted, jobs = _approve_one_by_one(url, database, 30)
    took = [job["completedAt"].timestamp() - at for job, at in zip(jobs, accepted, strict=True)]
    yield figure("approve to thumbnail, with the sandbox's drawing", took)


class _Running:
    """A dashboard and a runner on a provider; they end with the block."""

    def __init__(self, servers: Servers, provider: str) -> None:
        self._servers = servers
        self._variables = {"OPENAI_BASE_URL": f"{provider}/v1", "OPENAI_API_KEY": "none"}

    def __enter__(self) -> tuple[str, Any]:
        self._stack = self._servers.stack.__class__()
        self._outer, self._servers.stack = self._servers.stack, self._stack
        self._servers.database.runners.delete_many({})
        url, _ = self._servers.dashboard(**self._variables)
        self._servers.runner(**self._variables)
        return url, self._servers.database

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        self._servers.stack = self._outer


def _approve_one_by_one(url: str, database: Any, count: int) -> tuple[list[float], list[dict[str, Any]]]:
    """Approve jobs of one image, each when the last is long done; return when each 202 came, and the documents."""
    accepted, jobs = [], []
    with httpx.Client(base_url=url) as client:
        for number in range(count):
            job_id = client.post("/image/execute-prompt", json=request_body(number)).raise_for_status().json()["jobId"]
            accepted.append(time.time())
            while (job := database.jobs.find_one({"jobId": job_id}))["status"] != "DONE":
                time.sleep(0.01)
            jobs.append(job)
            time.sleep(PAUSE)
    return accepted, jobs


def _only_attempt(job: dict[str, Any]) -> dict[str, datetime]:
    attempt: dict[str, datetime] = job["images"][0]["attempts"][0]
    return attempt


def bare_claims(servers: Servers) -> list[float]:
    """Return the seconds of bare MongoDB: a durable insert is acknowledged, its event arrives, one update claims it."""
    collection = servers.database.bare_queue
    collection.insert_one({"_id": -1, "state": "done"})
    acknowledged: dict[int, float] = {}
    times: list[float] = []

    def claim() -> None:
        with collection.watch([{"$match": {"operationType": "insert"}}], max_await_time_ms=500) as stream:
            ready.set()
            for event in stream:
                change = {"$set": {"state": "claimed"}}
                key = event["documentKey"]["_id"]
                collection.find_one_and_update({"_id": key}, change, return_document=ReturnDocument.AFTER)
                now = time.perf_counter()
                while key not in acknowledged:
                    time.sleep(0)
                times.append(max(0.0, now - acknowledged[key]))
                if key == JOBS - 1:
                    return

    ready = threading.Event()
    thread = threading.Thread(target=claim, daemon=True)
    thread.start()
    ready.wait(10)
    for number in range(JOBS):
        collection.insert_one({"_id": number, "state": "queued"})
        acknowledged[number] = time.perf_counter()
        time.sleep(0.05)
    thread.join(10)
    return times
