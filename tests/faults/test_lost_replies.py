"""A reply is lost after the commit: what was done is found out, and is neither forgotten nor done again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from imagegeneration.local.part import Part
from tests.faults.support.cluster import Cluster
from tests.faults.support.mongoproxy import MongoProxy, Rule, commits, writes
from tests.support import long_but

CLAIM = writes("jobs", "fence_", "RUNNING", "startedAt")
CALLING = writes("jobs", "CALLING", "att_")
FOUND_BY_THE_DRIVER = 1
FOUND_BY_US = 2
"""The driver sends a write again once; where that reply is lost too, it is for us to find out."""


@pytest.fixture
def proxy(mongod: Part) -> Iterator[MongoProxy]:
    with MongoProxy(mongod.port) as listening:
        yield listening


def through(proxy: MongoProxy) -> dict[str, Any]:
    """The settings of a process that reaches the database through the proxy."""
    return {"mongodb_uri": SecretStr(proxy.uri)}


@pytest.mark.parametrize("times", long_but([FOUND_BY_THE_DRIVER, FOUND_BY_US], FOUND_BY_US))
@pytest.mark.parametrize("rule", [CLAIM, CALLING, commits], ids=["claim", "calling", "settle"])
def test_a_runner_that_does_not_hear_of_its_write_makes_the_image_once(
    cluster: Cluster, proxy: MongoProxy, rule: Rule, times: int
) -> None:
    runner = cluster.runner(**through(proxy))
    runner.await_log("is ready")
    proxy.lose_replies(rule, times)
    job_id = cluster.approve()
    cluster.await_state(job_id, "STORED", seconds=30)
    assert proxy.lost == times
    assert (len(cluster.job(job_id).images[0].attempts), cluster.calls(job_id)) == (1, 1)
    cluster.assert_invariants()


@pytest.mark.parametrize("times", long_but([1, 2, 3], 2))
def test_an_approval_whose_commit_is_not_heard_of_is_one_job(cluster: Cluster, proxy: MongoProxy, times: int) -> None:
    url = cluster.serve_api(**through(proxy))
    approved = {"intent": "a card", "rawPrompt": "a kite", "finalPrompt": "a kite approved once", "imageCount": 1}
    proxy.lose_replies(commits, times)
    with httpx.Client(trust_env=False, timeout=30) as client:
        answer = client.post(f"{url}/execute-prompt", json=approved, headers={"Idempotency-Key": "one"})
        again = client.post(f"{url}/execute-prompt", json=approved, headers={"Idempotency-Key": "one"})
    assert (answer.status_code, again.status_code) == (202, 202)
    assert answer.json() == again.json()
    assert proxy.lost == times
    cluster.acknowledged.append(answer.json()["jobId"])
    assert cluster.database.jobs.count_documents({}) == 1
    cluster.assert_invariants()
