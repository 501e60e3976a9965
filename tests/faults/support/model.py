"""The life of jobs as a hypothesis state machine, against the real services and the real database."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from imagegeneration.bootstrap import Studio
from imagegeneration.core.actor import LOCAL
from imagegeneration.core.errors import OverBudget, Undecided, WrongState
from imagegeneration.core.ids import new_id
from imagegeneration.jobs.job import Certainty, Job
from imagegeneration.providers.generation import Answer, CallFailed, Usage
from imagegeneration.runner.build import RunnerParts
from imagegeneration.runner.intake import StoredAnswer
from imagegeneration.runner.leases import FinishedJob
from imagegeneration.runner.task import ImageTask
from tests.faults.support.cluster import Cluster
from tests.faults.support.invariants import all_jobs, assert_jobs_finish, assert_money_adds_up
from tests.support import png

LEASE = 60.0
"""Leases run out where the machine says so, and not before."""

REFUSALS = (OverBudget, Undecided, WrongState)

DECISIONS = ("accept_lost", "not_charged")

CERTAINTIES: Mapping[str, Certainty] = {
    "passes": "not_charged",
    "final": "not_charged",
    "in doubt": "unknown",
    "withheld": "charged",
}


@dataclass
class Machine:
    """A runner process: what it has in memory dies with it, what is in its spool does not."""

    studio: Studio
    runner: RunnerParts
    owner: str = ""
    leased: list[Job] = field(default_factory=list)
    calling: dict[str, tuple[Job, int]] = field(default_factory=dict)
    answers: list[StoredAnswer] = field(default_factory=list)

    def restart(self) -> None:
        self.owner = new_id("runner")
        self.leased.clear()
        self.calling.clear()
        self.answers.clear()


class LifeOfJobs(RuleBasedStateMachine):
    """Two machines and some people do whatever they may, in any order."""

    cluster: Cluster
    studios: Sequence[Studio]
    runners: Sequence[RunnerParts]
    jobs = Bundle("jobs")

    def __init__(self) -> None:
        super().__init__()
        empty(self.cluster)
        self.machines = [Machine(studio, runner) for studio, runner in zip(self.studios, self.runners, strict=True)]
        for machine in self.machines:
            machine.restart()
        self.billed: Counter[str] = Counter()

    @rule(target=jobs, images=st.integers(1, 2))
    def approve(self, images: int) -> str:
        return self.cluster.approve(images=images)

    @rule(which=st.integers(0, 1))
    def claim(self, which: int) -> None:
        machine = self.machines[which]
        machine.runner.claims.refresh()
        for job in machine.runner.claims.claim(machine.owner, LEASE, 2):
            self._prepare(machine, job)

    @rule(which=st.integers(0, 1))
    def recover(self, which: int) -> None:
        machine = self.machines[which]
        if (job := machine.runner.claims.overdue(machine.owner, LEASE)) is not None:
            self._prepare(machine, job)

    def _prepare(self, machine: Machine, job: Job) -> None:
        machine.runner.admission.tasks(job, machine.calling.__contains__)
        machine.leased.append(job)

    @rule(data=st.data(), which=st.integers(0, 1))
    def start(self, data: st.DataObject, which: int) -> None:
        machine = self.machines[which]
        if not machine.leased:
            return
        job = data.draw(st.sampled_from(machine.leased))
        index = data.draw(st.integers(0, job.image_count - 1))
        attempt_id = new_id("att")
        now = self.cluster.latest(job.job_id)
        if machine.runner.door.enter(job, ImageTask(index, attempt_id)):
            assert job.lease == now.lease, "started without the lease"
            assert now.run_at is not None
            assert now.run_at > self.cluster.studio.runners.now(), "started after the lease"
            assert now.cancel_requested_at is None, "started after a cancel"
            machine.calling[attempt_id] = (job, index)

    @rule(data=st.data(), which=st.integers(0, 1), junk=st.booleans(), usage=st.booleans())
    def answer(self, data: st.DataObject, which: int, junk: bool, usage: bool) -> None:
        machine = self.machines[which]
        if not machine.calling:
            return
        attempt_id = data.draw(st.sampled_from(sorted(machine.calling)))
        job, index = machine.calling.pop(attempt_id)
        self.billed[attempt_id] += 1
        answer = Answer(
            content=b"junk" if junk else png(len(self.billed)),
            usage=Usage(input_text_tokens=10, input_image_tokens=0, output_tokens=300) if usage else None,
            provider_request_id=None,
            revised_prompt=None,
        )
        stored = machine.runner.intake.receive(job, ImageTask(index, attempt_id), answer)
        if stored is not None:
            machine.answers.append(stored)

    @rule(data=st.data(), which=st.integers(0, 1), kind=st.sampled_from(["passes", "final", "in doubt", "withheld"]))
    def fail(self, data: st.DataObject, which: int, kind: str) -> None:
        machine = self.machines[which]
        if not machine.calling:
            return
        attempt_id = data.draw(st.sampled_from(sorted(machine.calling)))
        job, index = machine.calling.pop(attempt_id)
        certainty = CERTAINTIES[kind]
        self.billed.update([] if certainty == "not_charged" else [attempt_id])
        failure = CallFailed(kind, certainty=certainty, retryable=kind == "passes")
        machine.runner.failures.record(job, ImageTask(index, attempt_id), failure)

    @rule(which=st.integers(0, 1))
    def deliver(self, which: int) -> None:
        machine = self.machines[which]
        if machine.answers:
            machine.runner.delivery.deliver(machine.answers.pop())

    @rule(which=st.integers(0, 1))
    def redeliver(self, which: int) -> None:
        runner = self.machines[which].runner
        for attempt_id in list(runner.spool.attempt_ids()):
            runner.spool_delivery.deliver(attempt_id)

    @rule(which=st.integers(0, 1))
    def finish(self, which: int) -> None:
        machine = self.machines[which]
        if machine.leased:
            job = machine.leased.pop()
            assert job.lease is not None
            machine.runner.leases.finish([FinishedJob(job.job_id, job.lease.fence, timedelta(0))])

    @rule(which=st.integers(0, 1), billed=st.booleans())
    def die(self, which: int, billed: bool) -> None:
        machine = self.machines[which]
        if billed:
            self.billed.update(list(machine.calling))
        machine.restart()

    @rule()
    def lose_leases(self) -> None:
        self.cluster.expire_leases()

    @rule(which=st.integers(0, 1))
    def renew(self, which: int) -> None:
        machine = self.machines[which]
        fences = [job.lease.fence for job in machine.leased if job.lease is not None]
        machine.runner.leases.renew(machine.owner, fences, LEASE)

    @rule(job_id=jobs)
    def cancel(self, job_id: str) -> None:
        with contextlib.suppress(*REFUSALS):
            self.cluster.studio.cancellation.cancel(LOCAL, job_id)

    @rule(job_id=jobs, accept_unknown=st.booleans())
    def retry(self, job_id: str, accept_unknown: bool) -> None:
        with contextlib.suppress(*REFUSALS):
            approvals = self.cluster.studio.approvals
            quote = approvals.retry_quote(LOCAL, job_id)
            approvals.retry(LOCAL, job_id, accept_micros=quote.total_micros, accept_unknown=accept_unknown)

    @rule(job_id=jobs, index=st.integers(0, 1), decision=st.sampled_from(DECISIONS))
    def decide(self, job_id: str, index: int, decision: str) -> None:
        job = self.cluster.job(job_id)
        attempt_id = job.images[index % job.image_count].attempt.attempt_id or ""
        with contextlib.suppress(*REFUSALS):
            self.cluster.studio.decisions.decide(
                LOCAL,
                job_id,
                index % job.image_count,
                attempt_id=attempt_id,
                decision=decision,  # type: ignore[arg-type]  # one of DECISIONS
                reason="",
            )

    @invariant()
    def every_bill_is_accounted_for(self) -> None:
        jobs = all_jobs(self.cluster.database)
        assert_money_adds_up(self.cluster.database, jobs)
        attempts = [attempt for job in jobs for image in job.images for attempt in image.attempts]
        known = {attempt.attempt_id: attempt for attempt in attempts if attempt.attempt_id is not None}
        for attempt_id, attempt in known.items():
            assert self.billed[attempt_id] <= 1
            assert self.billed[attempt_id] == 1 or attempt.certainty != "charged", "a charge without a bill"
        for attempt_id in self.billed:
            by_a_person = known[attempt_id].outcome == "interrupted"
            assert known[attempt_id].certainty != "not_charged" or by_a_person, "a bill without a charge"
        for job in jobs:
            assert not job.is_over or all(image.state not in ("HELD", "CALLING") for image in job.images)

    def teardown(self) -> None:
        """Everybody dies, comes back and finishes what is left; then nothing is held and nothing waits."""
        for machine in self.machines:
            machine.restart()
        self.cluster.expire_leases()
        for machine in self.machines:
            while (job := machine.runner.claims.overdue(machine.owner, LEASE)) is not None:
                self._prepare(machine, job)
            while machine.leased:
                self.finish(self.machines.index(machine))
        for which in range(len(self.machines)):
            self.redeliver(which)
        for job in all_jobs(self.cluster.database):
            with contextlib.suppress(WrongState):
                self.cluster.studio.cancellation.cancel(LOCAL, job.job_id)
        jobs = all_jobs(self.cluster.database)
        assert_jobs_finish(jobs, [], [])
        assert all(job.is_over for job in jobs)
        self.every_bill_is_accounted_for()


def empty(cluster: Cluster) -> None:
    """As if nothing had happened yet."""
    for name in ("jobs", "images", "ledger"):
        cluster.database[name].delete_many({})
    cluster.database.budgets.update_many({}, {"$set": {"heldMicros": 0, "spentMicros": 0}})
    for path in cluster.folder.glob("*/spool/*.answer"):
        path.unlink()
