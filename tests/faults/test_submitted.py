"""SIGKILL around a submit to a provider that works on a call by itself: it is submitted once, whatever happens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import SecretStr

from tests.faults.support.cluster import ELSEWHERE, HERE, Cluster
from tests.faults.support.launcher import Launched, run_runner_with_stubs
from tests.support import long_but, png
from tests.wire import fal, replicate
from tests.wire.fal import FalStub
from tests.wire.loopback import answer_json
from tests.wire.replicate import ReplicateStub

KEPT = ("after:keep", "before:image", "after:image", "before:spool")
"""The handle is in the database when the process dies, and the answer is nowhere."""

NOT_KEPT = ("after:submit", "before:keep")


@dataclass(frozen=True)
class Queue:
    """A cluster whose runners have a provider with a queue."""

    cluster: Cluster
    stub: FalStub | ReplicateStub

    def calls(self) -> Sequence[str]:
        """The prompts that were submitted."""
        if isinstance(self.stub, FalStub):
            return [str(call.arguments["prompt"]) for call in self.stub.calls.values()]
        return [str(prediction.input["prompt"]) for prediction in self.stub.predictions.values()]

    def asked(self, job_id: str) -> int:
        """How often it was asked for the call of the job."""
        handle = str(self.cluster.job(job_id).images[0].attempt.handle)
        return sum(handle in received.path for received in self.stub.received)

    def runner(self, fault: str = "", machine: str = HERE) -> Launched:
        return self.cluster.runner(fault, machine, work=run_runner_with_stubs)

    def died_at(self, point: str) -> str:
        """A job whose runner was killed at the point."""
        job_id = self.cluster.approve()
        victim = self.runner(f"kill:{point}")
        victim.await_reached()
        assert victim.end() == -9
        self.cluster.expire_leases()
        return job_id


def settings_of(stub: FalStub | ReplicateStub) -> Mapping[str, Any]:
    if isinstance(stub, ReplicateStub):
        return {"replicate_api_token": SecretStr(replicate.KEY), "replicate_base_url": stub.endpoint}
    return {"fal_key": SecretStr(fal.KEY), "fal_base_url": stub.url}


@pytest.fixture(params=long_but(["fal", "replicate"], "fal"))
def queue(request: pytest.FixtureRequest, cluster: Cluster) -> Iterator[Queue]:
    stub: FalStub | ReplicateStub = FalStub(png()) if request.param == "fal" else ReplicateStub(png())
    with stub:
        cluster.use(**settings_of(stub))
        made = Queue(cluster, stub)
        cluster.billed = made.calls
        yield made


@pytest.mark.parametrize("machine", [HERE, pytest.param(ELSEWHERE, marks=pytest.mark.long)])
@pytest.mark.parametrize("point", long_but(KEPT, "after:keep", "before:image"))
def test_a_call_whose_handle_is_kept_is_resumed_and_submitted_once(queue: Queue, point: str, machine: str) -> None:
    job_id = queue.died_at(point)
    queue.runner(machine=machine)
    job = queue.cluster.await_state(job_id, "STORED")
    assert (job.status, len(job.cdn_urls), len(queue.calls())) == ("DONE", 1, 1)
    queue.cluster.assert_invariants()


@pytest.mark.parametrize("point", NOT_KEPT)
def test_a_call_whose_handle_died_with_its_runner_is_in_doubt_and_not_submitted_again(queue: Queue, point: str) -> None:
    job_id = queue.died_at(point)
    queue.runner()
    job = queue.cluster.await_state(job_id, "UNKNOWN")
    assert (job.status, job.error_code, len(queue.calls())) == ("FAILED", "INTERRUPTED", 1)
    queue.cluster.assert_invariants()


def test_a_call_that_was_not_submitted_is_in_doubt_too_and_nothing_is_submitted(queue: Queue) -> None:
    job_id = queue.died_at("before:submit")
    queue.runner()
    job = queue.cluster.await_state(job_id, "UNKNOWN")
    assert (job.error_code, len(queue.calls())) == ("INTERRUPTED", 0)
    queue.cluster.assert_invariants()


def test_a_handle_that_has_expired_at_the_provider_leaves_the_call_in_doubt(queue: Queue) -> None:
    job_id = queue.died_at("after:keep")
    queue.stub.always["status"] = answer_json({"detail": "This request has expired."}, 404)
    queue.runner()
    job = queue.cluster.await_state(job_id, "UNKNOWN")
    assert (job.status, job.error_code, len(queue.calls())) == ("FAILED", "INTERRUPTED", 1)
    assert str(job.images[0].attempt.handle) in (job.error or "")
    assert "refuses to say what became of it: This request has expired." in (job.error or "")
    queue.cluster.assert_invariants()


def test_a_call_is_asked_for_only_where_it_was_submitted(queue: Queue) -> None:
    job_id = queue.died_at("after:keep")
    with type(queue.stub)(png()) as another:
        queue.cluster.use(**settings_of(another))
        queue.runner()
        job = queue.cluster.await_state(job_id, "UNKNOWN")
        assert not any(str(job.images[0].attempt.handle) in received.path for received in another.received)
    assert (job.status, job.error_code, len(queue.calls()), queue.asked(job_id)) == ("FAILED", "INTERRUPTED", 1, 0)
    queue.cluster.assert_invariants()


def test_an_answer_that_is_in_the_spool_is_not_asked_for_again(queue: Queue) -> None:
    job_id = queue.died_at("after:spool")
    before = queue.asked(job_id)
    queue.runner()
    job = queue.cluster.await_state(job_id, "STORED")
    assert (job.status, len(queue.calls()), queue.asked(job_id)) == ("DONE", 1, before)
    queue.cluster.assert_invariants()


def test_a_runner_told_to_end_leaves_the_call_to_the_next(queue: Queue) -> None:
    queue.stub.polls = 1_000_000
    job_id = queue.cluster.approve()
    first = queue.runner("note:after:keep")
    first.await_reached()
    assert first.stop() == 0
    left = queue.cluster.job(job_id)
    assert (left.status, left.lease, left.images[0].state) == ("RUNNING", None, "CALLING")
    queue.stub.polls = 0
    queue.runner(machine=ELSEWHERE)
    job = queue.cluster.await_state(job_id, "STORED")
    assert (job.status, len(queue.calls())) == ("DONE", 1)
    queue.cluster.assert_invariants()
