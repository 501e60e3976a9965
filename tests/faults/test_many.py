"""Many processes at once: no double claim, no call beyond the budget, one job of many identical requests."""

from __future__ import annotations

import random
import re
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from imagegeneration.configuration import limits_of
from imagegeneration.core.actor import LOCAL
from imagegeneration.core.ids import new_id
from imagegeneration.settings import Settings
from tests.faults.support.approving import approvals_within_the_budget
from tests.faults.support.cluster import Cluster
from tests.faults.support.invariants import all_jobs
from tests.faults.support.launcher import Launched
from tests.faults.support.leases import leases_given

FOUND_NO_JOB = 30
"""So many of the identical requests have looked for a job of their key before the first of them makes one."""

LONG_LEASE = 60.0
"""No lease of these tests runs out by itself, however busy the machine is."""


def claims_from_a_barrier(cluster: Cluster, processes: int, jobs: int, seconds: float) -> None:
    """All runners begin to claim in the same moment, and each job is leased once and made once."""
    cluster.sandbox.set_fault("one_byte_png", count=-1)  # billed, and quickly drawn
    for _ in range(jobs):
        cluster.approve()
    with leases_given(cluster.database) as given:
        runners = [
            cluster.runner("pause:before:claim", runner_lease_seconds=LONG_LEASE, runner_concurrency=2)
            for _ in range(processes)
        ]
        for runner in runners:
            runner.await_reached()
        for runner in runners:
            runner.release()
        cluster.await_over(seconds=seconds)
        assert [runner.stop() for runner in runners] == [0] * processes
    assert {job_id: len(fences) for job_id, fences in given.items()} == dict.fromkeys(cluster.acknowledged, 1)
    assert len(cluster.sandbox.calls) == jobs
    cluster.assert_invariants()


def test_runners_that_claim_at_once_never_claim_the_same_job(cluster: Cluster) -> None:
    claims_from_a_barrier(cluster, processes=3, jobs=60, seconds=60)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_many_runners_that_claim_at_once_never_claim_the_same_job(cluster: Cluster) -> None:
    claims_from_a_barrier(cluster, processes=8, jobs=500, seconds=600)


def with_budget_for(cluster: Cluster, images: int) -> Settings:
    """Settings of which the day's budget pays for exactly so many images."""
    price = cluster.studio.selector.quote_default(new_id("a_kite"), 1, LOCAL.user_id).total_micros
    limit = images * price / 1_000_000
    cluster.watch_limit(images * price)
    return cluster.settings.model_copy(update={"daily_budget_usd": limit, "daily_budget_per_user_usd": limit})


def acknowledged_by(approvers: list[Launched]) -> list[str]:
    return [job_id for approver in approvers for job_id in re.findall("acknowledged (imgjob_[0-9A-Z]+)", approver.log)]


def exactly_the_budget(cluster: Cluster, processes: int, runners: int, images: int) -> None:
    """So many processes approve as fast as they can, so many runners call: exactly as many images as are paid for."""
    settings = with_budget_for(cluster, images)
    cluster.sandbox.set_fault("no_usage", count=-1)  # the bill is the hold: nothing comes free again
    working = [cluster.runner(runner_lease_seconds=LONG_LEASE) for _ in range(runners)]
    approvers = [cluster.launch(approvals_within_the_budget, settings) for _ in range(processes)]
    assert [approver.end(seconds=120) for approver in approvers] == [0] * processes
    cluster.acknowledged += acknowledged_by(approvers)
    assert len(cluster.acknowledged) == images
    cluster.await_quiet(seconds=120)
    assert [runner.stop() for runner in working] == [0] * runners
    assert len(cluster.sandbox.calls) == images
    cluster.assert_invariants()


def test_many_processes_together_stay_exactly_within_the_budget(cluster: Cluster) -> None:
    exactly_the_budget(cluster, processes=4, runners=2, images=10)


@pytest.mark.long
@pytest.mark.timeout(300)
def test_sixteen_runners_together_stay_exactly_within_the_budget(cluster: Cluster) -> None:
    exactly_the_budget(cluster, processes=16, runners=16, images=60)


def test_no_hold_leaks_where_approving_processes_and_runners_are_killed(cluster: Cluster) -> None:
    images = 12
    settings = with_budget_for(cluster, images)
    chance = random.Random(9)
    cluster.sandbox.set_fault("no_usage", count=-1)
    runners = [cluster.runner() for _ in range(2)]
    approvers = []
    for _ in range(4):
        approvers.append(cluster.launch(approvals_within_the_budget, settings))
        time.sleep(chance.uniform(0.05, 0.4))
        approvers[-1].kill()
        runners.append(cluster.runner())
        runners.pop(0).kill()
    last = cluster.launch(approvals_within_the_budget, settings)
    assert last.end(seconds=60) == 0
    cluster.acknowledged += acknowledged_by([*approvers, last])
    cluster.await_quiet(seconds=60)
    cluster.assert_invariants()
    jobs = all_jobs(cluster.database)
    assert len(jobs) == images
    assert sum(job.held_micros for job in jobs) == 0
    assert sum(job.cost_micros for job in jobs) == limits_of(settings).daily_micros


def test_fifty_identical_requests_at_once_make_one_job(cluster: Cluster) -> None:
    url = cluster.serve_api(f"pause:before:insert note:before:commit:{FOUND_NO_JOB}")
    approved = {"intent": "a card", "rawPrompt": "a kite", "finalPrompt": "a kite sent 50 times", "imageCount": 2}

    def submit(_number: int) -> httpx.Response:
        with httpx.Client(trust_env=False, timeout=60) as client:
            return client.post(f"{url}/execute-prompt", json=approved, headers={"Idempotency-Key": "one"})

    with ThreadPoolExecutor(50) as pool:
        submitted = [pool.submit(submit, number) for number in range(50)]
        cluster.launched[-1].await_reached()
        cluster.launched[-1].release()
    answers = [answer.result() for answer in submitted]
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["jobId"] for answer in answers}) == 1
    cluster.acknowledged += {answer.json()["jobId"] for answer in answers}
    assert cluster.database.jobs.count_documents({}) == 1
    cluster.runner()
    cluster.await_quiet()
    assert cluster.calls(cluster.acknowledged[0]) == 2
    cluster.assert_invariants()
