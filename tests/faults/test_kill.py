"""SIGKILL at each named point: the job goes on here or elsewhere, and nothing is paid twice or lost."""

from __future__ import annotations

import pytest

from tests.faults.support.approving import one_approval
from tests.faults.support.cluster import ELSEWHERE, HERE, Cluster
from tests.support import long_but

BEFORE_THE_DOOR = ("before:claim", "after:claim", "before:prepare", "after:prepare", "before:calling")
IN_THE_CALL = ("after:calling", "before:call", "after:call", "before:spool")
SPOOLED = ("after:spool", "before:settle", "before:hold", "after:hold")
"""The answer is on this machine's disk, and the database does not know it."""
SETTLED = ("after:settle", "before:put:1", "after:put:1", "before:put:2", "after:put:2", "before:record")
STORED = ("after:record", "before:forget", "after:forget", "before:conclude", "before:finish")

BILLED = ("after:call", "before:spool", *SPOOLED, *SETTLED, *STORED)
"""The provider has made an image when the process dies."""


def died_at(cluster: Cluster, point: str) -> str:
    """A job whose runner was killed at the point."""
    job_id = cluster.approve()
    victim = cluster.runner(f"kill:{point}")
    victim.await_reached()
    assert victim.end() == -9
    cluster.expire_leases()
    return job_id


HERE_IN_SHORT = ("after:claim", "before:calling", "after:hold", "after:put:1", "after:record", "before:finish")


@pytest.mark.parametrize("point", long_but([*BEFORE_THE_DOOR, *SPOOLED, *SETTLED, *STORED], *HERE_IN_SHORT))
def test_a_restarted_runner_finishes_what_it_had_not_sent_or_has_the_answer_of(cluster: Cluster, point: str) -> None:
    job_id = died_at(cluster, point)
    cluster.runner()
    job = cluster.await_state(job_id, "STORED")
    assert (job.status, cluster.calls(job_id)) == ("DONE", 1)
    cluster.assert_invariants()


@pytest.mark.parametrize("machine", [HERE, pytest.param(ELSEWHERE, marks=pytest.mark.long)])
@pytest.mark.parametrize("point", long_but(IN_THE_CALL, "after:calling", "before:spool"))
def test_a_call_whose_answer_died_with_its_runner_is_in_doubt_and_not_repeated(
    cluster: Cluster, point: str, machine: str
) -> None:
    job_id = died_at(cluster, point)
    cluster.runner(machine=machine)
    job = cluster.await_state(job_id, "UNKNOWN")
    assert (job.status, job.error_code) == ("FAILED", "INTERRUPTED")
    assert cluster.calls(job_id) == (point in BILLED)
    cluster.assert_invariants()


@pytest.mark.parametrize("point", long_but(BEFORE_THE_DOOR, "after:claim"))
def test_another_machine_makes_what_was_not_sent(cluster: Cluster, point: str) -> None:
    job_id = died_at(cluster, point)
    cluster.runner(machine=ELSEWHERE)
    job = cluster.await_state(job_id, "STORED")
    assert (job.status, cluster.calls(job_id)) == ("DONE", 1)
    cluster.assert_invariants()


@pytest.mark.parametrize("point", long_but(SPOOLED, "after:spool"))
def test_another_machine_leaves_in_doubt_what_the_first_then_delivers(cluster: Cluster, point: str) -> None:
    job_id = died_at(cluster, point)
    cluster.runner(machine=ELSEWHERE)
    cluster.await_state(job_id, "UNKNOWN")
    cluster.assert_invariants()
    cluster.runner()
    job = cluster.await_state(job_id, "STORED")
    assert (job.status, job.error_code, cluster.calls(job_id)) == ("DONE", None, 1)
    cluster.assert_invariants()


@pytest.mark.parametrize("point", long_but(SETTLED, "before:put:1"))
def test_an_image_in_the_spool_of_a_dead_machine_waits_for_it(cluster: Cluster, point: str) -> None:
    job_id = died_at(cluster, point)
    other = cluster.runner(machine=ELSEWHERE)
    cluster.await_released(job_id)
    waiting = cluster.job(job_id)
    assert (waiting.status, waiting.images[0].state) == ("RUNNING", "GENERATED")
    cluster.assert_invariants()
    assert other.stop() == 0
    cluster.runner()
    job = cluster.await_state(job_id, "STORED")
    assert (job.status, cluster.calls(job_id)) == ("DONE", 1)
    cluster.assert_invariants()


@pytest.mark.parametrize("point", long_but(STORED, "after:record"))
def test_another_machine_concludes_what_is_stored(cluster: Cluster, point: str) -> None:
    job_id = died_at(cluster, point)
    cluster.runner(machine=ELSEWHERE)
    job = cluster.await_state(job_id, "STORED")
    assert (job.status, cluster.calls(job_id)) == ("DONE", 1)
    cluster.assert_invariants()


@pytest.mark.parametrize(
    "point",
    long_but(
        ["before:commit", "before:insert", "after:insert", "before:hold", "after:hold", "after:commit"],
        *("after:hold", "after:commit"),
    ),
)
def test_an_approval_that_dies_leaves_a_whole_job_or_nothing(cluster: Cluster, point: str) -> None:
    victim = cluster.launch(one_approval, cluster.settings, f"kill:{point}")
    assert victim.end() == -9
    assert "acknowledged" not in victim.log
    assert cluster.database.jobs.count_documents({}) == (point == "after:commit")
    cluster.assert_invariants()
    again = cluster.launch(one_approval, cluster.settings)
    assert again.end() == 0
    assert cluster.database.jobs.count_documents({}) == 1
    cluster.runner()
    cluster.await_quiet()
    cluster.assert_invariants()
