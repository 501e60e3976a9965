"""A job that is over is made once more: a new job of the same recipe, approved and priced like any other."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo.database import Database
from starlette.testclient import TestClient

from imagegeneration.bootstrap import Studio
from imagegeneration.core.actor import LOCAL
from imagegeneration.core.errors import InvalidRequest, WrongState
from imagegeneration.local.sandbox import Sandbox
from tests.integration.conftest import approve, assert_money_adds_up, one_round


def test_a_job_that_is_done_is_run_again_by_api(
    client: TestClient, studio: Studio, sandbox: Sandbox, database: Database[dict[str, Any]]
) -> None:
    first = approve(studio, image_count=2)
    one_round(studio)
    price = studio.approvals.again_quote(LOCAL, first.job_id)
    answer = client.post(f"/image/jobs/{first.job_id}/run-again", json={"acceptMicros": price})
    assert (answer.status_code, answer.json()["status"]) == (202, "QUEUED")
    one_round(studio)
    second = studio.queries.get(LOCAL, answer.json()["jobId"])
    assert (second.status, second.job_id != first.job_id) == ("DONE", True)
    assert (second.final_prompt, second.request, second.image_count) == (first.final_prompt, first.request, 2)
    assert second.approval.request_sha256 == first.approval.request_sha256
    assert len(sandbox.calls) == 4
    assert_money_adds_up(database)


def test_a_higher_price_than_was_accepted_makes_no_job(client: TestClient, studio: Studio) -> None:
    job = approve(studio)
    one_round(studio)
    price = studio.approvals.again_quote(LOCAL, job.job_id)
    refused = client.post(f"/image/jobs/{job.job_id}/run-again", json={"acceptMicros": price - 1})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "IMG_011")
    assert len(studio.queries.page(LOCAL, limit=5).jobs) == 1


def test_one_key_makes_one_job_and_stands_for_nothing_else(studio: Studio) -> None:
    first, other = approve(studio), approve(studio)
    one_round(studio)

    def again(job_id: str) -> str:
        made = studio.approvals.run_again(LOCAL, job_id, accept_micros=10**6, source="api", idempotency_key="once")
        return made.job_id

    assert again(first.job_id) == again(first.job_id)
    with pytest.raises(InvalidRequest, match="used for another request"):
        again(other.job_id)


def test_what_is_at_work_or_was_changed_is_not_run_again(studio: Studio, database: Database[dict[str, Any]]) -> None:
    job = approve(studio)
    with pytest.raises(WrongState, match="still at work"):
        studio.approvals.again_quote(LOCAL, job.job_id)
    one_round(studio)
    database.jobs.update_one({"jobId": job.job_id}, {"$set": {"finalPrompt": "a green kite"}})
    with pytest.raises(WrongState, match="not what was approved"):
        studio.approvals.run_again(LOCAL, job.job_id, accept_micros=10**6, source="api", idempotency_key=None)
