"""Links of a job to what it is for in its caller's world: kept, searched, and sent to nobody."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from pymongo.database import Database
from starlette.testclient import TestClient

from imagegeneration.bootstrap import Studio
from imagegeneration.core.actor import LOCAL, Actor
from imagegeneration.jobs.job import Status, new_job_id, request_sha256
from imagegeneration.jobs.link import Link
from imagegeneration.jobs.store import job_collection
from imagegeneration.mongo.connection import Connection
from tests.integration.company import BODIES, code, person, signed_in, somebody

ARTICLE = {"type": "article", "id": "a:7 (draft)"}
CAMPAIGN = {"type": "campaign", "id": "spring"}


def generate(browser: TestClient, *links: dict[str, str], key: str | None = None) -> Any:
    body = BODIES["/image/execute-prompt"] | ({"links": list(links)} if links else {})
    return browser.post("/image/generate", json=body, headers={} if key is None else {"Idempotency-Key": key})


def made(browser: TestClient, *links: dict[str, str]) -> str:
    job_id: str = generate(browser, *links).raise_for_status().json()["jobId"]
    return job_id


def linked(browser: TestClient, link: str, **query: Any) -> list[str]:
    found = browser.get("/image/job-list", params={"link": link, **query}).raise_for_status().json()
    return [job["jobId"] for job in found]


def test_a_job_is_found_by_each_of_its_links(company: Studio) -> None:
    cleo = somebody(company, "cleo", "creator")
    both, one = made(cleo, ARTICLE, CAMPAIGN), made(cleo, CAMPAIGN)
    made(cleo)
    assert linked(cleo, "article:a:7 (draft)") == [both]
    assert linked(cleo, "campaign:spring") == [one, both]
    assert linked(cleo, "campaign:spring", status="DONE") == []
    assert linked(cleo, "campaign:a:7 (draft)") == [], "type and id are of the same link"
    assert linked(cleo, "article:spring") == []
    assert cleo.get(f"/image/jobs/{both}").json()["job"]["links"] == [ARTICLE, CAMPAIGN]


def test_pages_of_a_search_lead_on_to_the_same_search(company: Studio) -> None:
    cleo = somebody(company, "cleo", "creator")
    jobs = [made(cleo, ARTICLE) for _ in range(3)]
    made(cleo)
    first = cleo.get("/image/job-list", params={"link": "article:a:7 (draft)", "limit": 2})
    assert [job["jobId"] for job in first.json()] == jobs[:0:-1]
    following = first.headers["link"].partition("<")[2].partition(">")[0]
    assert [job["jobId"] for job in cleo.get(following).json()] == jobs[:1]


def test_a_search_stays_within_ones_reach(company: Studio, database: Database[dict[str, Any]]) -> None:
    ann, bob = (somebody(company, name, "creator") for name in ("ann", "bob"))
    anns, bobs = made(ann, CAMPAIGN), made(bob, CAMPAIGN)
    assert (linked(ann, "campaign:spring"), linked(bob, "campaign:spring")) == ([anns], [bobs])
    reviewer = somebody(company, "rae", "reviewer")
    assert linked(reviewer, "campaign:spring") == []
    database.jobs.update_one({"jobId": anns}, {"$set": {"status": "DONE"}})
    assert linked(reviewer, "campaign:spring") == [anns]
    assert linked(somebody(company, "adm", "admin"), "campaign:spring") == [bobs, anns]


def test_a_list_of_one_persons_jobs_stays_within_ones_reach(
    company: Studio, database: Database[dict[str, Any]]
) -> None:
    people = {name: person(company, name, "creator") for name in ("ann", "bob")}
    done, queued, bobs = (made(signed_in(company, people[name])) for name in ("ann", "ann", "bob"))
    database.jobs.update_one({"jobId": done}, {"$set": {"status": "DONE"}})

    def listed(browser: TestClient, name: str, **more: str) -> list[str]:
        answer = browser.get("/image/job-list", params={"userId": people[name].person_id, **more})
        return [job["jobId"] for job in answer.json()]

    admin, reviewer = somebody(company, "adm", "admin"), somebody(company, "rae", "reviewer")
    assert listed(admin, "ann") == [queued, done]
    assert listed(admin, "ann", status="QUEUED") == [queued]
    assert (listed(reviewer, "ann"), listed(reviewer, "bob")) == ([done], [])
    assert listed(reviewer, "ann", status="QUEUED") == []
    assert listed(signed_in(company, people["bob"]), "ann") == []
    assert listed(signed_in(company, people["bob"]), "bob") == [bobs]
    first = admin.get("/image/job-list", params={"userId": people["ann"].person_id, "limit": 1})
    following = first.headers["link"].partition("<")[2].partition(">")[0]
    assert [job["jobId"] for job in admin.get(following).json()] == [done]
    rae = person(company, "rae", "reviewer")
    assert set(company.queries.owners(rae.actor())) == {people["ann"].person_id, rae.person_id}
    assert company.queries.owners(people["bob"].actor()) == [people["bob"].person_id]


def test_links_are_no_part_of_what_is_sent_or_hashed(company: Studio, database: Database[dict[str, Any]]) -> None:
    cleo = person(company, "cleo", "creator")
    browser = signed_in(company, cleo)
    with_links, without = (company.queries.get(cleo.actor(), job) for job in (made(browser, ARTICLE), made(browser)))
    assert with_links.approval.request_sha256 == without.approval.request_sha256
    sha256 = request_sha256(with_links.final_prompt, with_links.image_count, with_links.request)
    assert with_links.approval.request_sha256 == sha256
    assert "links" not in with_links.generation_request(with_links.request, 0).model_dump()
    stored = database.jobs.find_one({"jobId": without.job_id})
    assert stored is not None
    assert "links" not in stored


def test_the_same_key_with_other_links_is_another_body(company: Studio) -> None:
    cleo = somebody(company, "cleo", "creator")
    first = generate(cleo, ARTICLE, key="k").json()
    assert generate(cleo, ARTICLE, key="k").json()["jobId"] == first["jobId"]
    assert code(generate(cleo, CAMPAIGN, key="k")) == (422, "IMG_009")


@pytest.mark.parametrize(
    "links",
    [
        [{"type": "Article", "id": "7"}],
        [{"type": "a" * 33, "id": "7"}],
        [{"type": "a:b", "id": "7"}],
        [{"type": "article", "id": ""}],
        [{"type": "article", "id": " 7"}],
        [{"type": "article", "id": "7\n"}],
        [{"type": "article", "id": "x" * 101}],
        [{"type": "article", "id": 7}],
        [{"type": "article", "id": {"$gt": ""}}],
        [{"type": "article", "id": "7", "url": "x"}],
        [ARTICLE, ARTICLE],
        [{"type": "article", "id": str(number)} for number in range(11)],
    ],
)
def test_a_link_of_another_form_is_refused(company: Studio, links: list[dict[str, Any]]) -> None:
    assert code(generate(somebody(company, "cleo", "creator"), *links)) == (422, "IMG_009")


@pytest.mark.parametrize("link", ["", "article", "article:", ":7", "Article:7", "article: 7", "article:7\n", "a:é"])
def test_a_search_of_another_form_is_refused(company: Studio, link: str) -> None:
    cleo = somebody(company, "cleo", "creator")
    assert code(cleo.get("/image/job-list", params={"link": link})) == (422, "IMG_009")


@pytest.mark.parametrize("jobs", [40_000, pytest.param(100_000, marks=pytest.mark.long)])
def test_among_many_jobs_a_search_looks_at_what_it_answers(
    prepared_anew: None, company: Studio, database: Database[dict[str, Any]], jobs: int
) -> None:
    """A tenth of the jobs has links, a hundred of which are to the thing that is looked for."""
    cleo = person(company, "cleo", "creator")
    sample = database.jobs.find_one({"jobId": made(signed_in(company, cleo), CAMPAIGN)}, {"_id": False})
    assert sample is not None
    users = ["usr_1", "usr_2", cleo.person_id]
    database.jobs.drop_indexes()  # they are built in one go afterwards, which is several times faster
    for start in range(0, jobs, 10_000):
        many = [_another(sample, number, users, jobs // 100) for number in range(start, start + 10_000)]
        database.jobs.insert_many(many, ordered=False, bypass_document_validation=True)
    with closing(Connection(company.settings.require_database(), database.name)) as connection:
        job_collection(connection)
        connection.prepare()
    for asker in (cleo.actor(), LOCAL, person(company, "rae", "reviewer").actor()):
        seen = _profiled(database, functools.partial(_search, company, asker))
        assert seen["nreturned"] == 21
        assert seen["docsExamined"] <= 2 * 21, (asker, seen["planSummary"])
        assert "links.type" in seen["planSummary"], (asker, seen["planSummary"])
        for status in (None, "DONE"):
            own = _profiled(database, functools.partial(_of_owner, company, asker, cleo.person_id, status))
            assert (own["nreturned"], own["docsExamined"]) == (21, 21), (asker, own["planSummary"])
        if asker.may("review"):
            people = _profiled(database, functools.partial(company.queries.owners, asker), "distinct")
            assert people["docsExamined"] == 0, people["planSummary"]
            assert people["keysExamined"] <= 3 * len(users), people["planSummary"]


def _another(sample: dict[str, Any], number: int, users: list[str], every: int) -> dict[str, Any]:
    job = sample | {"jobId": new_job_id(), "userId": users[number % 3], "status": "DONE"}
    job.pop("_id", None)
    del job["links"]
    if number % 10 == 0:
        job["links"] = [ARTICLE, {"type": "campaign", "id": "spring" if number % every == 0 else str(number)}]
    return job


def _search(company: Studio, asker: Actor) -> None:
    assert len(company.queries.summaries(asker, limit=20, link=Link.read("campaign:spring")).jobs) == 20


def _of_owner(company: Studio, asker: Actor, owner: str, status: Status | None) -> None:
    assert len(company.queries.page(asker, limit=20, owner=owner, status=status).jobs) == 20


def _profiled(database: Database[dict[str, Any]], act: Callable[[], object], command: str = "find") -> dict[str, Any]:
    """How the database ran the one search of `act`, by its own account."""
    database.command("profile", 2)
    act()
    database.command("profile", 0)
    (seen,) = database["system.profile"].find({f"command.{command}": "jobs"})
    database["system.profile"].drop()
    return seen
