"""The time of a claim among few and many queued jobs."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import bson
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.write_concern import WriteConcern

from benchmarks.harness import Figure, Servers
from benchmarks.queue.template import approved_job, queued_copy
from imagegeneration.jobs.job import Job
from imagegeneration.runner.build import build_claims
from imagegeneration.runner.claims import Claims

SIZES = (1_000, 100_000, 1_000_000)
USERS = 100
CLAIMS = 200
FLAT = 1.5
"""The most that a claim among the most jobs may take, as a multiple of a claim among the fewest."""

MEMORY_DISK = Path("/dev/shm")
"""The place of a database of a million jobs, if it exists; claims cost the processor, not the disk."""

_BATCH = 5_000


def measure(servers: Servers) -> Iterator[Figure]:
    """Yield the figures of one claim at a time, of one job, with each number of queued jobs."""
    studio = servers.studio(OPENAI_API_KEY="none")
    job, claims, fewest, there = approved_job(studio), build_claims(studio), 0.0, 0
    for size in SIZES:
        _fill(servers.environment, job, studio.runners.now(), there, size)
        there = size
        look = _timed_look(claims)
        times = sorted(_timed_claim(claims) * 1000 for _ in range(CLAIMS))
        median, p95 = statistics.median(times), times[int(CLAIMS * 0.95)]
        fewest = fewest or median
        expected = "" if size == SIZES[0] else f"<= {FLAT:g} x the first"
        yield Figure(f"one claim, {size:,} jobs queued", median, p95, "ms", expected, median <= FLAT * fewest)
        yield Figure("  finding out who waits, once a tick", look * 1000)


def _timed_claim(claims: Claims) -> float:
    """Return the seconds of one claim. Only this function knows how a job is claimed."""
    began = time.perf_counter()
    claimed = list(claims.claim("benchmark", 30.0, 1))
    assert claimed
    return time.perf_counter() - began


def _timed_look(claims: Claims) -> float:
    began = time.perf_counter()
    claims.refresh()
    return time.perf_counter() - began


def _fill(environment: dict[str, str], job: Job, now: datetime, there: int, size: int) -> None:
    """Insert copies of one job, for 100 users, due in the order of their making."""
    with MongoClient[Any](environment["MONGODB_URI"], tz_aware=True) as client:
        jobs: Collection[Any] = client[environment["MONGODB_DATABASE"]].get_collection(
            "jobs", write_concern=WriteConcern(w="majority")
        )
        copy = queued_copy(job, now, intent=job.intent, raw_prompt=job.raw_prompt)
        encoded = bson.encode(copy.model_copy(update={"user_id": _user(0)}).document())
        for first in range(there, size, _BATCH):
            numbers = range(first, min(first + _BATCH, size))
            copies = [_renamed(encoded, copy.job_id, number) for number in numbers]
            jobs.insert_many(copies, ordered=False, bypass_document_validation=True)


def _renamed(encoded: bytes, job_id: str, number: int) -> RawBSONDocument:
    """Return the same document with names of the same length: encoding a million would take longer than storing."""
    renamed = encoded.replace(job_id.encode(), f"imgjob_{number:026d}".encode())
    return RawBSONDocument(renamed.replace(_user(0).encode(), _user(number).encode()))


def _user(number: int) -> str:
    return f"user-{number % USERS:03d}"
