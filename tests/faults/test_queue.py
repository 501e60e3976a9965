"""Poison, a broken change stream, a full disk: one job or one part is in trouble, the others go on."""

from __future__ import annotations

from datetime import timedelta

from imagegeneration.domain.job import POISON_CLAIMS
from tests.faults.support.cluster import ELSEWHERE, Cluster
from tests.support import wait_until

TICK_SECONDS = 1.0
TAKEN_OVER = timedelta(seconds=2)
SPOOL_BOUND = 64 * 1024**2


def test_a_job_that_kills_its_runners_is_set_aside_and_the_others_are_made(cluster: Cluster) -> None:
    poison = cluster.approve()
    for _ in range(POISON_CLAIMS):
        victim = cluster.runner("kill:after:prepare")
        assert victim.end() == -9
        cluster.expire_leases()
    harmless = cluster.approve()
    cluster.runner()
    cluster.await_over()
    set_aside = cluster.job(poison)
    assert (set_aside.status, set_aside.error_code, cluster.calls(poison)) == ("FAILED", "POISON", 0)
    assert cluster.job(harmless).status == "DONE"
    cluster.assert_invariants()


def test_an_image_that_was_paid_for_is_never_set_aside_as_poison(cluster: Cluster) -> None:
    job_id = cluster.approve()
    assert cluster.runner("kill:before:put").end() == -9
    for _ in range(POISON_CLAIMS + 1):
        cluster.expire_leases()
        assert cluster.runner("kill:after:prepare", machine=ELSEWHERE).end() == -9
    cluster.expire_leases()
    cluster.runner()
    cluster.await_state(job_id, "STORED")
    assert cluster.calls(job_id) == 1
    cluster.assert_invariants()


def test_where_the_change_stream_breaks_the_tick_takes_over(cluster: Cluster) -> None:
    runner = cluster.runner("pause:before:listen", runner_poll_seconds=TICK_SECONDS)
    runner.await_reached()
    runner.await_log("is ready")
    job = cluster.await_state(cluster.approve(), "STORED")
    assert job.started_at is not None
    assert job.started_at - job.created_at < TAKEN_OVER
    cluster.assert_invariants()


def test_a_change_stream_that_is_killed_comes_back(cluster: Cluster) -> None:
    slow_tick = 60.0
    runner = cluster.runner(runner_poll_seconds=slow_tick)
    runner.await_log("is ready")
    cluster.await_state(cluster.approve(), "STORED")
    killed = wait_until(cluster.kill_change_streams, "a change stream is there to be killed", every=0.02)
    assert killed
    wait_until(cluster.change_streams, "the change stream is back", every=0.02)
    cluster.await_state(cluster.approve(), "STORED")
    cluster.assert_invariants()


def test_a_full_spool_stops_claiming_visibly_until_there_is_room(cluster: Cluster) -> None:
    ballast = cluster.folder / "here" / "spool" / "ballast.part"
    ballast.parent.mkdir(parents=True)
    with ballast.open("wb") as file:
        file.truncate(SPOOL_BOUND)
    runner = cluster.runner(spool_max_bytes=SPOOL_BOUND)
    job_id = cluster.approve()
    runner.await_log("No job is claimed")
    assert cluster.job(job_id).status == "QUEUED"
    ballast.unlink()
    cluster.await_state(job_id, "STORED")
    assert cluster.calls(job_id) == 1
    cluster.assert_invariants()
