"""What a change of a job costs in the database: approving, starting an image, a preview, and settling."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from benchmarks.harness import Figure, Servers, figure, request_body
from imagegeneration.bootstrap import Studio, build_studio
from imagegeneration.core.actor import LOCAL
from imagegeneration.core.ids import new_id
from imagegeneration.jobs.bodies import ExecuteBody
from imagegeneration.jobs.job import Job, JobImage
from imagegeneration.jobs.lifecycle import generated, previewed
from imagegeneration.providers.generation import Answer
from imagegeneration.runner.build import build_claims, build_runner
from imagegeneration.runner.task import ImageTask
from imagegeneration.settings import load_settings

ROUNDS = 200
WORKERS = 8
ANSWER = Answer(b"", usage=None, provider_request_id=None)


def measure(servers: Servers) -> Iterator[Figure]:
    """Yield the figures of changes made in this process, one at a time and by eight threads at once."""
    variables = servers.environment | {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "OPENAI_API_KEY": "none"}
    given = {name.lower(): value for name, value in variables.items() if value}
    settings = load_settings(_env_file=None, **given)
    studio = build_studio(settings, kind="runner")
    servers.stack.callback(studio.close)
    with ThreadPoolExecutor(WORKERS) as pool:
        yield from _Changing(studio, pool).figures()


class _Changing:
    """The changes of jobs of its own: it approves, starts, previews and settles them."""

    def __init__(self, studio: Studio, pool: ThreadPoolExecutor) -> None:
        self._studio, self._pool, self._claims = studio, pool, build_claims(studio)
        self._runner = build_runner(studio)

    def figures(self) -> Iterator[Figure]:
        self._jobs(40)
        one_by_one = self._jobs(ROUNDS)
        yield _figure("approve, one at a time", [self._approve(number)[1] for number in range(ROUNDS)])
        yield _figure("approve, 8 at once", [took for _, took in self._pool.map(self._approve, range(2 * ROUNDS))])
        self._claimed(3 * ROUNDS)
        yield _figure("start an image, one at a time", map(self._start, one_by_one))
        yield _figure("preview, one at a time", map(self._preview, one_by_one))
        yield _figure("settle, one at a time", map(self._settle, one_by_one))
        at_once = self._jobs(2 * ROUNDS)
        yield _figure("start an image, 8 at once, of 8 jobs", self._pool.map(self._start, at_once))
        yield _figure("preview, 8 at once", self._pool.map(self._preview, at_once))
        yield _figure("settle, 8 at once", self._pool.map(self._settle, at_once))
        of_five = map(self._start_all, self._jobs(40, 5))
        yield _figure("start 5 images of a job at once, until the last has", of_five)

    def _jobs(self, count: int, images: int = 1) -> list[Job]:
        for number in range(count):
            self._approve(number, images)
        return self._claimed(count)

    def _claimed(self, count: int) -> list[Job]:
        claimed: list[Job] = []
        while len(claimed) < count:
            self._claims.refresh()
            claimed += self._claims.claim("runner_bench", 600, 5 * count)
        return claimed

    def _approve(self, number: int, images: int = 1) -> tuple[Job, float]:
        body = ExecuteBody.model_validate(request_body(number, images))
        began = time.perf_counter()
        job = self._studio.approvals.approve(LOCAL, body, source="api", idempotency_key=None)
        return job, time.perf_counter() - began

    def _start(self, job: Job, index: int = 0) -> float:
        attempt_id = f"att_{job.job_id}_{index}"
        return _timed(lambda: self._runner.door.enter(job, ImageTask(index, attempt_id)))

    def _start_all(self, job: Job) -> float:
        return _timed(lambda: [*self._pool.map(lambda index: self._start(job, index), range(5))])

    def _preview(self, job: Job) -> float:
        url = f"https://cdn/{new_id('preview')}"
        return self._apply(job, lambda image, _now: previewed(image, image.attempt.attempt_id or "", url))

    def _settle(self, job: Job) -> float:
        return self._apply(
            job, lambda image, now: generated(image, image.attempt.attempt_id or "", ANSWER, 9_000, "host", now)
        )

    def _apply(self, job: Job, transition: Callable[[JobImage, datetime], JobImage]) -> float:
        transitions = self._studio.for_runner.transitions
        return _timed(lambda: transitions.apply(job.job_id, 0, transition))


def _figure(name: str, seconds: Iterable[float]) -> Figure:
    return figure(name, list(seconds))


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    done = work()
    took = time.perf_counter() - began
    assert done
    return took
