"""Random SIGKILLs for as long as there is work: four runners on two machines, started again as they die."""

from __future__ import annotations

import os
import random
import time
from collections import Counter

import pytest

from tests.faults.support.cluster import ELSEWHERE, HERE, Cluster
from tests.faults.support.invariants import all_jobs

MACHINES = (HERE, HERE, ELSEWHERE, ELSEWHERE)
CALL_SECONDS = 0.2
KILL_EVERY_SECONDS = 0.5


def soak(cluster: Cluster, jobs: int, seconds: float) -> None:
    """Approve jobs, kill a runner now and then until they are over, and hold the end to the invariants."""
    seed = int(os.environ.get("FAULTS_SEED", random.randrange(1_000_000)))
    print(f"FAULTS_SEED={seed}")  # noqa: T201 - a failure can be run again
    chance = random.Random(seed)
    cluster.sandbox.set_fault("delay", count=-1, delay=CALL_SECONDS)
    runners = [cluster.runner(machine=machine, runner_concurrency=2) for machine in MACHINES]
    for _ in range(jobs):
        cluster.approve(images=chance.randint(1, 3))
    deadline = time.monotonic() + seconds
    kills = 0
    while cluster.alive() and time.monotonic() < deadline:
        time.sleep(chance.expovariate(1 / KILL_EVERY_SECONDS))
        victim = chance.randrange(len(runners))
        runners[victim].kill()
        runners[victim] = cluster.runner(machine=MACHINES[victim], runner_concurrency=2)
        kills += 1
    cluster.await_quiet(seconds=60)
    for runner in runners:
        runner.await_log("is ready")  # the last to be started may not listen to signals yet
    assert [runner.stop() for runner in runners] == [0] * len(runners)
    cluster.assert_invariants()
    ends = Counter(image.state for job in all_jobs(cluster.database) for image in job.images)
    print(f"{jobs} jobs, {kills} kills, {len(cluster.sandbox.calls)} calls: {dict(ends)}")  # noqa: T201 - the figure
    assert kills > 0


def test_runners_are_killed_at_random(cluster: Cluster) -> None:
    soak(cluster, jobs=12, seconds=3)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_runners_are_killed_at_random_for_long(cluster: Cluster) -> None:
    soak(cluster, jobs=500, seconds=900)
