"""A provider in trouble: its bill is known, or known to be in doubt, and nothing is asked for twice."""

from __future__ import annotations

from datetime import timedelta

import pytest

from imagegeneration.jobs.job import Job
from tests.faults.support.cluster import Cluster
from tests.faults.support.httpproxy import HttpProxy, Request

IMPATIENT_SECONDS = 4.0
RETRY_AFTER = timedelta(seconds=1)


def outcomes(job: Job) -> list[tuple[str | None, str | None]]:
    return [(attempt.outcome, attempt.certainty) for attempt in job.images[0].attempts]


AGAIN = [("unavailable", "not_charged"), ("generated", "charged")]


@pytest.mark.timeout(180)
def test_whatever_the_provider_answers_each_call_is_accounted_for(cluster: Cluster) -> None:
    expected = {
        "[sandbox:hang]": [("interrupted", "unknown")],
        "[sandbox:delay delay=10]": [("interrupted", "unknown")],
        "[sandbox:slow_drip delay=0.2]": [("interrupted", "unknown")],
        "[sandbox:reset]": [("interrupted", "unknown")],
        "[sandbox:reset_after_billing]": [("interrupted", "unknown")],
        "[sandbox:500_html]": [("interrupted", "unknown")],
        "[sandbox:html_200]": [("not_an_image", "charged")],
        "[sandbox:truncated]": [("not_an_image", "charged")],
        "[sandbox:junk_base64]": [("not_an_image", "charged")],
        "[sandbox:one_byte_png]": [("not_an_image", "charged")],
        "[sandbox:empty_data]": [("not_an_image", "charged")],
        "[sandbox:moderation]": [("moderated", "not_charged")],
        "[sandbox:400]": [("refused", "not_charged")],
        "[sandbox:429 count=1 retry_after=1]": AGAIN,
        "[sandbox:500 count=1]": AGAIN,
        "[sandbox:503 count=1]": AGAIN,
        "": [("generated", "charged")],
    }
    cluster.runner(provider_timeout_seconds=IMPATIENT_SECONDS)
    made = {fault: cluster.approve(fault or "no fault") for fault in expected}
    cluster.await_quiet(seconds=60)
    assert {fault: outcomes(cluster.job(job_id)) for fault, job_id in made.items()} == expected
    limited = cluster.job(made["[sandbox:429 count=1 retry_after=1]"]).images[0].attempts
    assert limited[0].finished_at is not None
    assert limited[1].started_at is not None
    assert limited[1].started_at - limited[0].finished_at >= RETRY_AFTER
    cluster.assert_invariants()


def test_an_answer_that_breaks_off_in_its_body_is_in_doubt(cluster: Cluster) -> None:
    def cut(request: Request) -> bool:
        request.forward(cut=True)
        return True

    with HttpProxy(cluster.sandbox.url) as provider:
        provider.trouble = cut
        cluster.use(sandbox_url=f"{provider.url}/v1")
        job_id = cluster.approve()
        cluster.runner()
        job = cluster.await_state(job_id, "UNKNOWN")
        assert (outcomes(job), cluster.calls(job_id)) == ([("interrupted", "unknown")], 1)
        cluster.assert_invariants()


def test_an_answer_that_comes_after_the_lease_is_adopted(cluster: Cluster) -> None:
    job_id = cluster.approve("[sandbox:delay delay=3]")
    cluster.runner("pause:before:renew")
    cluster.await_reclaimed(job_id)
    job = cluster.await_state(job_id, "STORED")
    assert (outcomes(job), cluster.calls(job_id)) == ([("generated", "charged")], 1)
    cluster.assert_invariants()
