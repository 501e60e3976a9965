"""SIGTERM at each stage, and twice: what was begun is finished, the rest is given back at once."""

from __future__ import annotations

import signal

import pytest

from tests.faults.support.cluster import ELSEWHERE, Cluster
from tests.support import long_but, wait_until

NOT_STARTED = ("before:claim", "after:claim", "before:prepare", "after:prepare")
STARTED = ("after:calling", "before:call", "after:call", "after:spool", "after:settle", "after:put", "after:record")


@pytest.mark.parametrize("point", long_but(STARTED, "after:calling", "after:settle"))
def test_a_runner_told_to_end_finishes_what_it_has_started(cluster: Cluster, point: str) -> None:
    job_id = cluster.approve()
    runner = cluster.runner(f"term:{point} pause:{point}")
    runner.await_reached()
    runner.release()
    assert runner.end() == 0
    job = cluster.job(job_id)
    assert (job.status, len(job.cdn_urls), cluster.calls(job_id)) == ("DONE", 1, 1)
    cluster.assert_invariants()


@pytest.mark.parametrize("point", long_but(NOT_STARTED, "after:prepare"))
def test_a_runner_told_to_end_gives_back_what_it_has_not_started(cluster: Cluster, point: str) -> None:
    job_id = cluster.approve()
    runner = cluster.runner(f"term:{point} pause:{point}", runner_lease_seconds=60)
    runner.await_reached()
    runner.await_log("Stopping")
    runner.release()
    assert runner.end() == 0
    given_back = cluster.job(job_id)
    assert (given_back.lease, given_back.images[0].state) == (None, "HELD")
    cluster.runner(machine=ELSEWHERE)
    cluster.await_state(job_id, "STORED")
    assert cluster.calls(job_id) == 1
    cluster.assert_invariants()


@pytest.mark.parametrize("point", long_but(["after:claim", "before:call", "after:spool"], "before:call"))
def test_a_second_signal_ends_the_runner_at_once(cluster: Cluster, point: str) -> None:
    job_id = cluster.approve()
    runner = cluster.runner(f"term:{point} pause:{point}")
    runner.await_log("Stopping")
    runner.send(signal.SIGTERM)
    assert runner.end(5) == 128 + signal.SIGTERM
    cluster.expire_leases()
    cluster.runner()
    cluster.await_over([job_id])
    cluster.assert_invariants()


def test_a_runner_that_has_ended_takes_no_share_of_the_calls(cluster: Cluster) -> None:
    cluster.use(provider_concurrency=8, runner_lease_seconds=1.5)
    stays, leaves = cluster.runner(), cluster.runner(machine=ELSEWHERE)
    wait_until(lambda: shares(cluster) == [4, 4], "each has half of the calls", every=0.05)
    assert leaves.stop() == 0
    wait_until(lambda: shares(cluster) == [8], "the one that is left has all of them", every=0.05)
    assert stays.is_running


def shares(cluster: Cluster) -> list[int]:
    return [runner.concurrency for runner in cluster.studio.runners.alive()]


def test_a_runner_told_to_end_starts_no_further_image(cluster: Cluster) -> None:
    job_id = cluster.approve(images=5)
    runner = cluster.runner("pause:before:call term:after:calling", runner_concurrency=1, runner_lease_seconds=60)
    runner.await_reached()
    runner.await_log("Stopping")
    runner.release()
    assert runner.end() == 0
    assert [image.state for image in cluster.job(job_id).images] == ["STORED", "HELD", "HELD", "HELD", "HELD"]
    cluster.runner(machine=ELSEWHERE)
    cluster.await_over([job_id])
    assert (cluster.job(job_id).status, cluster.calls(job_id)) == ("DONE", 5)
    cluster.assert_invariants()


def test_a_runner_told_to_end_while_it_stands_still_ends(cluster: Cluster) -> None:
    runner = cluster.runner()
    runner.await_log("is ready")
    runner.send(signal.SIGSTOP)
    runner.await_stopped()
    runner.send(signal.SIGTERM)
    runner.send(signal.SIGCONT)
    assert runner.end(10) == 0


def test_a_drain_that_takes_too_long_leaves_the_image_in_doubt(cluster: Cluster) -> None:
    job_id = cluster.approve()
    runner = cluster.runner("pause:after:call", runner_drain_seconds=0.5)
    runner.await_reached()
    assert runner.stop() == 0
    assert "still in flight" in runner.log
    cluster.expire_leases()
    cluster.runner()
    cluster.await_state(job_id, "UNKNOWN")
    assert cluster.calls(job_id) == 1
    cluster.assert_invariants()
