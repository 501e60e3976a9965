"""What the Operations page can do, the API can do."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pymongo.database import Database
from starlette.testclient import TestClient

from imagegeneration.bootstrap import Studio
from imagegeneration.core.actor import LOCAL, Actor
from imagegeneration.dashboard.kit.sections import Said
from imagegeneration.dashboard.operations.orders import carry_out
from imagegeneration.runner.build import RunnerParts
from imagegeneration.runner.task import ImageTask
from tests.integration.conftest import approve, claim, one_round
from tests.integration.test_queue import seen


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_the_state_of_an_idle_studio(client: TestClient) -> None:
    state = client.get("/image/operations").raise_for_status().json()
    assert state["queue"] == {"queued": 0, "running": 0, "usersWaiting": 0, "waitingSince": None}
    assert (state["runners"], state["perhapsCharged"], state["waitingForStorage"]) == ([], [], [])
    assert state["limits"] == state["ceilings"]
    assert state["limitsVersion"] is None
    assert state["spend"]["limitMicros"] == 20_000_000


def test_queue_runners_and_budget_are_told(client: TestClient, studio: Studio) -> None:
    first = approve(studio)
    approve(studio)
    seen(studio, in_flight=1, jobs=("imgjob_1",), problem="No paid answer could be kept.")
    state = client.get("/image/operations").json()
    assert (state["queue"]["queued"], state["queue"]["usersWaiting"]) == (2, 1)
    assert state["queue"]["waitingSince"].startswith(f"{first.created_at:%Y-%m-%dT%H:%M:%S}")
    (runner,) = state["runners"]
    assert (runner["inFlight"], runner["jobs"], runner["problem"]) == (1, ["imgjob_1"], "No paid answer could be kept.")
    assert state["spend"]["heldMicros"] == 2 * first.approval.quoted_micros


def test_pause_and_resume(client: TestClient) -> None:
    paused = client.post("/image/operations/pause", json={"reason": "maintenance"}).raise_for_status().json()
    assert [(found["scope"], found["pause"]["reason"]) for found in paused] == [("everything", "maintenance")]
    assert code(client.post("/image/operations/pause", json={"reason": "again"})) == (409, "IMG_011")
    body = {"reason": "done", "pausedAt": paused[0]["pause"]["pausedAt"]}
    resumed = client.post("/image/operations/resume", json=body).raise_for_status().json()
    assert resumed[0]["pause"] is None
    assert code(client.post("/image/operations/resume", json=body)) == (409, "IMG_011")


def test_a_provider_is_tested_at_once(client: TestClient) -> None:
    body = {"provider": "sandbox", "reason": "to see"}
    found = client.post("/image/operations/test", json=body).raise_for_status().json()
    assert found == {"provider": "sandbox", "status": "works", "problem": None, "paused": None, "nextCallTests": False}
    assert client.get("/image/operations").json()["audit"][0]["action"] == "tested"
    for wrong in ({"provider": "fal", "reason": "x"}, {"provider": "sandbox", "reason": " "}, {"provider": "sandbox"}):
        assert code(client.post("/image/operations/test", json=wrong)) == (422, "IMG_009")


@pytest.mark.parametrize(
    "body", [{}, {"reason": ""}, {"reason": " "}, {"reason": "x", "scope": "provider:opneai"}, {"reason": "a\x00b"}]
)
def test_a_pause_of_nothing_or_without_a_reason_is_refused(client: TestClient, body: dict[str, Any]) -> None:
    assert code(client.post("/image/operations/pause", json=body)) == (422, "IMG_009")


def test_limits_are_set_and_versioned(client: TestClient) -> None:
    limits = {"dailyMicros": 5_000_000, "dailyPerUserMicros": 1_000_000, "perImageMicros": 500_000}
    body = {"version": 0, "limits": limits, "reason": "careful"}
    assert client.put("/image/operations/limits", json=body).raise_for_status().json()["version"] == 1
    assert code(client.put("/image/operations/limits", json=body)) == (409, "IMG_011")
    assert client.get("/image/operations").json()["limits"] == limits
    too_much = body | {"version": 1, "limits": limits | {"dailyMicros": 21_000_000}}
    assert code(client.put("/image/operations/limits", json=too_much)) == (409, "IMG_011")
    negative = body | {"version": 1, "limits": limits | {"dailyMicros": -1}}
    assert code(client.put("/image/operations/limits", json=negative)) == (422, "IMG_009")


def test_an_image_that_was_perhaps_charged_is_listed_and_decided(
    client: TestClient, studio: Studio, runner: RunnerParts, database: Database[dict[str, Any]]
) -> None:
    approve(studio)
    job = claim(studio, "runner_a")
    assert job is not None
    runner.door.enter(job, ImageTask(0, "att_1"))
    database.jobs.update_one({"jobId": job.job_id}, {"$set": {"runAt": job.created_at - timedelta(seconds=1)}})
    one_round(studio)
    state = client.get("/image/operations").json()
    (image,) = state["perhapsCharged"]
    assert (image["jobId"], image["attemptId"], image["costMicros"]) == (
        job.job_id,
        "att_1",
        job.approval.quoted_micros,
    )
    assert state["perhapsChargedMicros"] == job.approval.quoted_micros
    url = f"/image/jobs/{job.job_id}/images/0/decision"
    body = {"decision": "not_charged", "attemptId": "att_1", "reason": "not in the invoice"}
    assert client.post(url, json=body).raise_for_status().json()["status"] == "FAILED"
    assert code(client.post(url, json=body)) == (409, "IMG_011")
    assert code(client.post(url.replace("/0/", "/4/"), json=body)) == (404, "IMG_008")
    assert code(client.post(url, json=body | {"decision": "forget"})) == (422, "IMG_009")
    assert client.get("/image/operations").json()["perhapsCharged"] == []


def test_the_record_of_a_queued_job_tells_its_place(client: TestClient, studio: Studio) -> None:
    approve(studio)
    second = approve(studio)
    seen(studio)
    outlook = client.get(f"/image/jobs/{second.job_id}").json()["outlook"]
    assert outlook == {"position": 2, "startsInSeconds": None, "hindrance": None}


def test_the_page_says_what_a_test_has_found(studio: Studio) -> None:
    order = {"what": "test", "provider": "sandbox", "reason": "to see"}
    assert carry_out(order, studio, LOCAL) == Said("good", "The sandbox answers.")
    studio.pauses.pause(LOCAL, "provider:sandbox", "maintenance")
    said = carry_out(order, studio, LOCAL)
    assert said == Said("neutral", "The sandbox answers.", "It stays paused: maintenance")
    refused = carry_out(order, studio, Actor(user_id="ann", roles=("creator",)))
    assert (refused.tone, refused.title) == ("bad", "You may not do this.")
