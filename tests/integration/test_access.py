"""Who may do what: every route and role, keys, and what belongs to another."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo.database import Database
from starlette.testclient import TestClient

from imagegeneration.api.app import build_api, build_asgi
from imagegeneration.api.routes import ROUTES
from imagegeneration.bootstrap import Studio
from tests.integration.company import BODIES, PUBLIC, code, make_key, somebody, with_key
from tests.integration.conftest import body


def test_every_route_of_the_api_has_a_declared_rule(company: Studio) -> None:
    served = {
        (method.upper(), f"/image{path}")
        for path, methods in build_api(lambda: company).openapi()["paths"].items()
        for method in methods
    }
    hidden = {("GET", f"/image{path}") for path in ("/", "/docs", "/static-offline-docs/{file}", "/openapi.json")}
    assert served | hidden == set(ROUTES)


def test_a_route_that_is_not_declared_is_closed(company: Studio) -> None:
    assert code(somebody(company, "ann", "admin").get("/image/new-route")) == (404, "IMG_008")


@pytest.mark.parametrize("path", ["/", "/jobs", "/media/x", "/_stcore/health", "/static/x"])
def test_strangers_do_not_reach_the_dashboard_either(company: Studio, path: str) -> None:
    stranger = TestClient(build_asgi(lambda: company), base_url=PUBLIC, follow_redirects=False)
    assert stranger.get(path).status_code == 401
    led = stranger.get(path, headers={"Accept": "text/html"})
    assert (led.status_code, led.headers["location"].split("?")[0]) == (303, "/auth/sign-in")
    assert stranger.post(path, content=b"x" * 1000).status_code == 401


def test_metrics_are_closed_to_everybody(company: Studio) -> None:
    assert code(somebody(company, "ann", "admin").get("/_stcore/metrics")) == (404, "IMG_008")


def test_what_belongs_to_another_does_not_exist(company: Studio) -> None:
    ann, bob = somebody(company, "ann", "creator"), somebody(company, "bob", "creator")
    job = ann.post("/image/execute-prompt", json=BODIES["/image/execute-prompt"]).json()["jobId"]
    nothing = "imgjob_01M7YH0KETBJZ6TSJS67KTY7PX"
    for method, path, sent in (
        ("GET", "/image/job-status/{}", None),
        ("GET", "/image/jobs/{}", None),
        ("POST", "/image/jobs/{}/retry", {"acceptMicros": 1}),
        ("POST", "/image/jobs/{}/cancel", None),
    ):
        others = bob.request(method, path.format(job), json=sent)
        missing = bob.request(method, path.format(nothing), json=sent)
        assert code(others) == code(missing) == (404, "IMG_008")
        assert others.json()["error"]["message"] == missing.json()["error"]["message"]
    assert bob.get("/image/job-list").json() == []
    assert [found["jobId"] for found in ann.get("/image/job-list").json()] == [job]


def test_an_idempotency_key_is_one_persons(company: Studio) -> None:
    ann, bob = somebody(company, "ann", "creator"), somebody(company, "bob", "creator")
    made = [
        browser.post(
            "/image/execute-prompt", json=BODIES["/image/execute-prompt"], headers={"Idempotency-Key": "one"}
        ).json()["jobId"]
        for browser in (ann, bob)
    ]
    assert made[0] != made[1]


def test_reviewers_see_what_is_done_and_admins_everything(company: Studio, database: Database[dict[str, Any]]) -> None:
    ann = somebody(company, "ann", "creator")
    done, queued = (
        ann.post("/image/execute-prompt", json=BODIES["/image/execute-prompt"]).json()["jobId"] for _ in range(2)
    )
    database.jobs.update_one({"jobId": done}, {"$set": {"status": "DONE"}})
    reviewer, admin = somebody(company, "rev", "reviewer"), somebody(company, "adm", "admin")
    assert [found["jobId"] for found in reviewer.get("/image/job-list").json()] == [done]
    assert reviewer.get(f"/image/jobs/{queued}").status_code == 404
    assert {found["jobId"] for found in admin.get("/image/job-list").json()} == {done, queued}


def test_an_operator_sees_no_prompts_of_others(company: Studio) -> None:
    ann, operator = somebody(company, "ann", "creator"), somebody(company, "op", "operator")
    job = ann.post("/image/execute-prompt", json=BODIES["/image/execute-prompt"]).json()["jobId"]
    assert operator.get("/image/operations").status_code == 200
    assert operator.get(f"/image/jobs/{job}").status_code == 403


def test_a_key_acts_for_its_person_within_its_scopes(company: Studio) -> None:
    ann = somebody(company, "ann", "creator")
    program = with_key(company, make_key(ann, "look"))
    me = program.get("/image/me").json()
    assert (me["userId"], me["key"], me["permissions"]) == (ann.get("/image/me").json()["userId"], "a script", ["look"])
    assert program.get("/image/job-list").status_code == 200
    assert code(program.post("/image/execute-prompt", json=BODIES["/image/execute-prompt"])) == (403, "IMG_010")


def test_a_key_never_has_more_than_its_owner(company: Studio) -> None:
    ann = somebody(company, "ann", "creator")
    refused = ann.post("/image/keys", json={"name": "too much", "scopes": ["administer"]})
    assert code(refused) == (409, "IMG_011")


def test_a_key_manages_no_keys(company: Studio) -> None:
    ann = somebody(company, "ann", "creator")
    program = with_key(company, make_key(ann, "look"))
    (facts,) = ann.get("/image/keys").json()
    assert code(program.post("/image/keys", json={"name": "x", "scopes": ["look"]})) == (403, "IMG_010")
    assert code(program.post(f"/image/keys/{facts['keyId']}/revoke")) == (403, "IMG_010")


def test_the_key_itself_is_stored_nowhere(company: Studio, database: Database[dict[str, Any]]) -> None:
    ann = somebody(company, "ann", "creator")
    key = make_key(ann, "look")
    for name in database.list_collection_names():
        assert key not in str(list(database[name].find({})))
    assert key not in ann.get("/image/keys").text


@pytest.mark.parametrize("wrong", ["", "isk_", "nonsense", "isk_" + "A" * 40, "Bearer x"])
def test_wrong_malformed_and_revoked_keys_answer_alike(company: Studio, wrong: str) -> None:
    ann = somebody(company, "ann", "creator")
    key = make_key(ann, "look")
    (facts,) = ann.get("/image/keys").json()
    assert ann.post(f"/image/keys/{facts['keyId']}/revoke").status_code == 200
    refused = [with_key(company, text).get("/image/me") for text in (key, wrong)]
    assert [code(answer) for answer in refused] == [(401, "IMG_010")] * 2
    assert len({answer.json()["error"]["message"] for answer in refused}) == 1


def test_another_persons_key_cannot_be_revoked(company: Studio) -> None:
    ann, bob = somebody(company, "ann", "creator"), somebody(company, "bob", "creator")
    make_key(ann, "look")
    (facts,) = ann.get("/image/keys").json()
    assert code(bob.post(f"/image/keys/{facts['keyId']}/revoke")) == (404, "IMG_008")


def test_what_keys_and_people_do_is_on_record(company: Studio) -> None:
    ann, admin = somebody(company, "ann", "creator"), somebody(company, "adm", "admin")
    make_key(ann, "look")
    entries = admin.get("/image/audit", params={"action": "key.made"}).json()
    assert [entry["reason"] for entry in entries] == ["a script"]
    assert entries[0]["requestId"].startswith("req_")
    assert company.audit.first_break() is None


def test_an_admin_cannot_lock_everybody_out(company: Studio) -> None:
    admin = somebody(company, "adm", "admin")
    me = admin.get("/image/me").json()["userId"]
    change = {"version": 0, "roles": ["creator"], "isDisabled": False, "reason": "enough"}
    assert code(admin.put(f"/image/people/{me}", json=change)) == (409, "IMG_011")


def test_approvals_name_the_person(company: Studio) -> None:
    ann = somebody(company, "ann", "creator")
    me = ann.get("/image/me").json()["userId"]
    job = ann.post("/image/execute-prompt", json=BODIES["/image/execute-prompt"]).json()["jobId"]
    record = ann.get(f"/image/jobs/{job}").json()["job"]
    assert (record["userId"], record["approval"]["approvedBy"]) == (me, me)
    assert body().final_prompt not in str(record["userId"])
