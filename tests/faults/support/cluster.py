"""A studio whose processes and servers can be harmed: what the tests of faults work with."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import httpx
from pymongo import MongoClient
from pymongo.read_concern import ReadConcern

from imagegeneration.bootstrap import Studio, build_studio
from imagegeneration.configuration import limits_of
from imagegeneration.core.actor import LOCAL
from imagegeneration.jobs.bodies import ExecuteBody
from imagegeneration.jobs.job import Job
from imagegeneration.jobs.verdict import verdict
from imagegeneration.local.datadir import DataDir
from imagegeneration.local.sandbox import Sandbox
from imagegeneration.settings import Settings
from tests.faults.support.approving import api
from tests.faults.support.invariants import (
    Documents,
    LimitWatch,
    all_jobs,
    assert_calls_are_accounted_for,
    assert_events_tell_what_happened,
    assert_jobs_finish,
    assert_money_adds_up,
    assert_urls_serve_what_was_recorded,
)
from tests.faults.support.launcher import Launched, Work, run_runner
from tests.support import wait_until

HERE = "here"
ELSEWHERE = "elsewhere"
"""Names of machines: each has a data folder, and so a spool and a host name, of its own."""


class Cluster:
    """A database, a bucket, a provider, an approving side in this process, and runners in processes of their own."""

    def __init__(self, settings: Settings, sandbox: Sandbox, stack: contextlib.ExitStack) -> None:
        self.settings = settings
        self.sandbox = sandbox
        self.folder = settings.data_dir
        self.acknowledged: list[str] = []
        self.launched: list[Launched] = []
        self.billed: Callable[[], Sequence[str]] = lambda: [
            call.prompt for call in sandbox.calls if call.kind == "image"
        ]
        self._stack = stack
        self._numbers = itertools.count(1)
        self.use()
        client = stack.enter_context(MongoClient[dict[str, Any]](settings.require_database(), tz_aware=True))
        as_the_studio_reads = ReadConcern("majority")
        self.database: Documents = client.get_database(settings.mongodb_database, read_concern=as_the_studio_reads)
        self._watch = stack.enter_context(LimitWatch(self.database, limits_of(settings)))
        stack.callback(self._kill_all)

    def _billed_by_the_sandbox(self) -> Sequence[str]:
        return [call.prompt for call in self.sandbox.calls if call.kind == "image"]

    def use(self, **changes: Any) -> None:
        """Change the settings of the approving side, and of every process that is started from now on."""
        self.settings = self.settings.model_copy(update=changes)
        self.studio: Studio = build_studio(self.settings)
        self._stack.callback(self.studio.close)

    def runner(self, fault: str = "", machine: str = HERE, *, work: Work = run_runner, **changes: Any) -> Launched:
        """Start a runner on a machine; `fault` is what happens to it, `changes` are settings of its own."""
        settings = self.settings.model_copy(update={"data_dir": self.folder / machine, **changes})
        return self.launch(work, settings, fault)

    def launch(self, target: Work, settings: Settings, fault: str = "") -> Launched:
        """Start a process that ends with the test at the latest."""
        launched = Launched(target, settings, self.folder / "processes" / str(next(self._numbers)), fault)
        self.launched.append(launched)
        return launched

    def serve_api(self, fault: str = "", **changes: Any) -> str:
        """Start a process that serves the API; the address, once it answers."""
        port = DataDir(self.folder).port("api")
        self.launch(api, self.settings.model_copy(update={"port": port, **changes}), fault)
        url = f"http://127.0.0.1:{port}/image"
        wait_until(lambda: _answers(f"{url}/health/ready"), "the API answers", every=0.05)
        return url

    def approve(self, prompt: str = "a kite", images: int = 1) -> str:
        """The id of a job that was acknowledged, with a prompt of its own."""
        body = ExecuteBody(
            intent="a card",
            raw_prompt="a kite",
            final_prompt=f"{prompt}, number {next(self._numbers)}",
            image_count=images,
        )
        job = self.studio.approvals.approve(LOCAL, body, source="api", idempotency_key=None)
        self.acknowledged.append(job.job_id)
        return job.job_id

    def job(self, job_id: str) -> Job:
        return self.studio.queries.get(LOCAL, job_id)

    def latest(self, job_id: str) -> Job:
        """Return the job as the primary has it: a claim is acknowledged before a majority has it."""
        jobs = self.database.get_collection("jobs", read_concern=ReadConcern("local"))
        return Job.model_validate(jobs.find_one({"jobId": job_id}, {"_id": False}))

    def calls(self, job_id: str) -> int:
        """How many billable calls were made for a job."""
        prompt = self.job(job_id).final_prompt
        return self.billed().count(prompt)

    def await_state(self, job_id: str, state: str, seconds: float = 20) -> Job:
        """The job, once its first image is in the state; if all its images are over, once it says so itself."""

        def reached() -> Job | None:
            job = self.job(job_id)
            end = verdict(job.images)
            concluded = end is None or (job.status, job.error_code) == (end.status, end.error_code)
            return job if job.images[0].state == state and concluded else None

        found = wait_until(reached, f"{job_id} is {state}", seconds=seconds, every=0.03)
        assert found is not None
        return found

    def expire_leases(self) -> None:
        """Let time pass: every lease has run out by the server's clock."""
        leased = {"status": "RUNNING", "lease": {"$ne": None}}
        self.database.jobs.update_many(leased, [{"$set": {"runAt": "$createdAt"}}])

    def await_over(self, job_ids: Sequence[str] | None = None, seconds: float = 30) -> None:
        """Return once these jobs, or all that were acknowledged, are DONE or FAILED."""
        wanted = {"jobId": {"$in": list(self.acknowledged if job_ids is None else job_ids)}}
        alive = wanted | {"status": {"$in": ["QUEUED", "RUNNING"]}}
        wait_until(
            lambda: self.database.jobs.count_documents(alive) == 0, "all jobs are over", seconds=seconds, every=0.05
        )

    def watch_limit(self, micros: int) -> None:
        """From now on the day's budget must stay within so much."""
        self._watch.limits = self._watch.limits.model_copy(
            update={"daily_micros": micros, "daily_per_user_micros": micros}
        )

    def alive(self) -> int:
        """How many jobs are not over."""
        return self.database.jobs.count_documents({"status": {"$in": ["QUEUED", "RUNNING"]}})

    def change_streams(self) -> set[int]:
        """The cursors of the open change streams on the jobs."""
        pipeline: list[dict[str, Any]] = [
            {"$currentOp": {"idleCursors": True, "allUsers": True}},
            {"$match": {"ns": f"{self.database.name}.jobs", "cursor.tailable": True}},
        ]
        return {found["cursor"]["cursorId"] for found in self.database.client.admin.aggregate(pipeline)}

    def kill_change_streams(self) -> set[int]:
        """Kill the change streams on the jobs that there are; which they were."""
        cursors = self.change_streams()
        if cursors:
            self.database.command("killCursors", "jobs", cursors=list(cursors))
        return cursors

    def await_quiet(self, seconds: float = 30) -> None:
        """Return once every job is over and every paid answer has left the spools."""

        def quiet() -> bool:
            return self.alive() == 0 and not list(self.folder.glob("*/spool/*.answer"))

        wait_until(quiet, "every job is over and every spool is empty", seconds=seconds, every=0.05)

    def await_heartbeat(self, runner: Launched) -> None:
        """Return once the runner's heartbeat has reached the database after this call."""
        since = self.studio.runners.now()
        again = {"pid": runner.pid, "seenAt": {"$gt": since}}
        wait_until(lambda: self.database.runners.count_documents(again) == 1, "the heart beats", every=0.03)

    def await_reclaimed(self, job_id: str) -> None:
        """Return once the job was claimed again after its lease had run out."""
        first = wait_until(lambda: self.job(job_id).lease, f"{job_id} is claimed", every=0.02)
        assert first is not None
        again = {"jobId": job_id, "lease.fence": {"$nin": [None, first.fence]}}
        wait_until(lambda: self.database.jobs.count_documents(again) == 1, f"{job_id} is claimed again", every=0.02)

    def await_released(self, job_id: str) -> None:
        """Return once nobody holds a lease of the job and no claim will take it."""
        idle = {"jobId": job_id, "lease": None, "runAt": None}
        wait_until(lambda: self.database.jobs.count_documents(idle) == 1, f"{job_id} waits", every=0.03)

    def assert_invariants(self) -> None:
        """Everything of `invariants` at once. Calls must not be in flight."""
        jobs = all_jobs(self.database)
        assert_jobs_finish(jobs, self.acknowledged, list(self.folder.glob("*/spool")))
        assert_calls_are_accounted_for(jobs, self.billed())
        assert_money_adds_up(self.database, jobs)
        assert_events_tell_what_happened(self.database, jobs)
        assert_urls_serve_what_was_recorded(self.database, jobs)
        assert self._watch.samples > 0
        assert self._watch.breaches == []

    def _kill_all(self) -> None:
        """Also say what the processes said: pytest shows it where the test has failed."""
        for number, launched in enumerate(self.launched, start=1):
            launched.kill()
            print(f"--- process {number} ---\n{launched.log}")  # noqa: T201 - see above


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
