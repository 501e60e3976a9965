"""Poison, a broken change stream, a full disk: one job or one part is in trouble, the others go on."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from imagegeneration.jobs.job import POISON_CLAIMS
from imagegeneration.runner.intake import READINGS
from imagegeneration.runner.spool import FREE_DISK_BYTES
from tests.faults.support.cluster import ELSEWHERE, Cluster
from tests.support import wait_until

TICK_SECONDS = 1.0
TAKEN_OVER = timedelta(seconds=2)
SPOOL_BOUND = 64 * 1024**2
ROOM_FOR_A_FEW = FREE_DISK_BYTES + 64 * 1024**2
NO_ROOM = 16 * 1024


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


def test_an_answer_that_kills_its_runners_is_set_aside_and_the_others_are_made(cluster: Cluster) -> None:
    poison = cluster.approve()
    for _ in range(READINGS):
        assert cluster.runner("kill:before:read").end() == -9
        cluster.expire_leases()
    harmless = cluster.approve()
    cluster.runner()
    cluster.await_over()
    attempt = cluster.job(poison).images[0].attempt
    assert (attempt.outcome, attempt.certainty, cluster.calls(poison)) == ("set_aside", "charged", 1)
    assert cluster.job(harmless).status == "DONE"
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
    wait_until(lambda: cluster.change_streams() - killed, "the change stream is back", every=0.02)
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


def test_a_job_that_a_runner_cannot_prepare_is_made_all_the_same(cluster: Cluster) -> None:
    job_id = cluster.approve()
    cluster.runner("fail:before:prepare")
    cluster.await_state(job_id, "STORED")
    cluster.assert_invariants()


@pytest.fixture
def small_disk(cluster: Cluster) -> Iterator[Path]:
    """A disk of the spool's own, of the size that a runner wants to be free."""
    spool = cluster.folder / "here" / "spool"
    spool.mkdir(parents=True)
    mounted = mount(spool, ROOM_FOR_A_FEW)
    if not mounted:
        pytest.skip("only root may mount a disk in memory")
    yield spool
    for launched in cluster.launched:
        launched.kill()
    subprocess.run(["umount", str(spool)], check=True)


def mount(folder: Path, size_bytes: int, *, again: bool = False) -> bool:
    """Mount a disk in memory, or give the one that is mounted another size; whether it could be done."""
    options = f"{'remount,' if again else ''}size={size_bytes}"
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def test_a_paid_answer_that_the_full_disk_refuses_goes_straight_to_the_bucket_and_claiming_stops(
    cluster: Cluster, small_disk: Path
) -> None:
    paid, waiting = cluster.approve(), cluster.approve()
    runner = cluster.runner("pause:before:spool", runner_concurrency=1)
    runner.await_reached()
    mount(small_disk, NO_ROOM, again=True)
    runner.release()
    cluster.await_state(paid, "STORED")
    assert cluster.calls(paid) == 1
    runner.await_log("No job is claimed")
    assert cluster.job(waiting).status == "QUEUED"
    mount(small_disk, ROOM_FOR_A_FEW, again=True)
    cluster.await_state(waiting, "STORED")
    cluster.assert_invariants()
