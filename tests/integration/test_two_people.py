"""What belongs to another answers as what does not exist, over every route, page and action of a page."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from pymongo.database import Database
from starlette.testclient import TestClient

from imagegeneration.api.routes import ROUTES
from imagegeneration.bootstrap import Studio
from imagegeneration.core.actor import LOCAL
from imagegeneration.core.errors import NotAllowed
from imagegeneration.core.roles import PAGES, Role
from imagegeneration.dashboard.generate import submit
from imagegeneration.dashboard.generate.desk import Desk
from imagegeneration.dashboard.jobs.gallery import Inspector
from imagegeneration.dashboard.operations.page import Watch
from tests.integration.belongings import ATTEMPT, INTENT, PROMPTS, Belongings, belongings
from tests.integration.company import execute, make_key, person, signed_in, somebody, with_key
from tests.integration.window import Window, draw

NO_JOB, NO_KEY, NO_PERSON = "imgjob_01M7YH0KETBJZ6TSJS67KTY7PX", "key_0", "usr_0"
NO_LORA = "no-lora"
NO_DRAFT = "draft_01M7YH0KETBJZ6TSJS67KTY7PX"
DECISION = {"decision": "accept_lost", "attemptId": ATTEMPT, "reason": "because"}


@dataclass(frozen=True)
class Case:
    """A route that names a thing: who asks for another's, what is sent, and how it is refused."""

    of: str
    nothing: str
    status: int
    askers: Sequence[Role] = ("creator", "reviewer")
    body: Mapping[str, Any] | None = None


CASES: Mapping[tuple[str, str], Sequence[Case]] = {
    ("GET", "/image/job-status/{jobId}"): [Case("queued", NO_JOB, 404), Case("doubtful", NO_JOB, 404)],
    ("GET", "/image/job-events/{jobId}"): [Case("queued", NO_JOB, 404), Case("doubtful", NO_JOB, 404)],
    ("GET", "/image/status/{jobId}"): [Case("queued", NO_JOB, 404), Case("doubtful", NO_JOB, 404)],
    ("GET", "/image/jobs/{jobId}"): [Case("queued", NO_JOB, 404), Case("doubtful", NO_JOB, 404)],
    ("POST", "/image/jobs/{jobId}/retry"): [
        Case("doubtful", NO_JOB, 404, ["creator"], {"acceptMicros": 10**6, "acceptUnknown": True}),
        Case("doubtful", NO_JOB, 403, ["reviewer", "operator"], {"acceptMicros": 10**6, "acceptUnknown": True}),
    ],
    ("POST", "/image/jobs/{jobId}/run-again"): [
        Case("done", NO_JOB, 404, ["creator"], {"acceptMicros": 10**6}),
        Case("done", NO_JOB, 403, ["reviewer", "operator"], {"acceptMicros": 10**6}),
    ],
    ("POST", "/image/jobs/{jobId}/cancel"): [
        Case("queued", NO_JOB, 404, ["creator"]),
        Case("queued", NO_JOB, 403, ["reviewer", "operator"]),
    ],
    ("POST", "/image/jobs/{jobId}/images/{index}/decision"): [
        Case("doubtful", NO_JOB, 403, ["creator", "reviewer"], DECISION)
    ],
    ("POST", "/image/keys/{keyId}/revoke"): [Case("key_id", NO_KEY, 404, ["creator", "operator", "admin"])],
    ("PATCH", "/image/loras/{name}"): [
        Case("lora", NO_LORA, 403, ["creator", "reviewer", "operator"], {"version": 0, "label": "taken over"})
    ],
    ("DELETE", "/image/loras/{name}"): [Case("lora", NO_LORA, 403, ["creator", "reviewer", "operator"])],
    ("POST", "/image/people/{personId}/credits"): [
        Case("person_id", NO_PERSON, 403, ["creator", "reviewer", "operator"], {"amount": 5, "reason": "none"})
    ],
    ("PUT", "/image/people/{personId}"): [
        Case(
            "person_id",
            NO_PERSON,
            403,
            ["creator", "reviewer", "operator"],
            {"version": 0, "roles": ["admin"], "isDisabled": False, "reason": "because"},
        )
    ],
}
"""Every route that names a thing in its address; one that is missing here fails the test."""

READABLE = ("/image/operations",)
"""Lists that are about everybody's work; they name people and intents, but no prompts."""


@pytest.fixture
def anns(company: Studio, database: Database[dict[str, Any]]) -> Belongings:
    return belongings(company, database)


def answer(browser: TestClient, method: str, path: str, name: str, thing: str, body: Any) -> tuple[int, Any, Any]:
    """The status, the headers and the body, without what differs from request to request."""
    address = path.replace("{index}", "0").replace(f"{{{name}}}", thing)
    got = browser.request(method, address, json=body)
    said = got.json()
    said["error"].pop("requestId")
    headers = {key: value for key, value in got.headers.items() if not varies(key)}
    return got.status_code, headers, said


def varies(header: str) -> bool:
    """Whether a header differs from request to request in any case."""
    return header in ("x-request-id", "content-length", "retry-after") or header.startswith("ratelimit-")


def test_every_route_that_names_a_thing_has_a_case() -> None:
    assert set(CASES) == {(method, path) for method, path in ROUTES if "{" in path and "docs" not in path}


@pytest.mark.parametrize(("method", "path"), sorted(CASES))
def test_anothers_thing_answers_as_nothing_does(
    company: Studio, anns: Belongings, database: Database[dict[str, Any]], method: str, path: str
) -> None:
    before = {name: list(database[name].find({})) for name in ("jobs", "keys", "ledger", "loras")}
    name = path.partition("{")[2].partition("}")[0]
    for number, case in enumerate(CASES[method, path]):
        thing = anns.who.person_id if case.of == "person_id" else str(getattr(anns, case.of))
        for role in case.askers:
            asker = somebody(company, f"asker-{number}-{role}", role)
            others, missing = (answer(asker, method, path, name, one, case.body) for one in (thing, case.nothing))
            assert others == missing
            assert others[0] == case.status
            assert not any(mark in json.dumps(others) for mark in anns.marks)
    for collection, documents in before.items():
        assert list(database[collection].find({})) == documents, collection


def test_what_a_reviewer_sees_but_may_not_change_answers_as_nothing_does(company: Studio, anns: Belongings) -> None:
    both = somebody(company, "bob", "creator", "reviewer")
    assert both.get(f"/image/jobs/{anns.done}").status_code == 200
    for action, sent in (("retry", {"acceptMicros": 10**6}), ("cancel", None)):
        path = f"/image/jobs/{{jobId}}/{action}"
        others, missing = (answer(both, "POST", path, "jobId", job, sent) for job in (anns.done, NO_JOB))
        assert others == missing
        assert others[0] == 404


@pytest.mark.parametrize("role", ["creator", "reviewer", "operator"])
def test_no_list_names_anything_of_another(company: Studio, anns: Belongings, role: Role) -> None:
    asker = somebody(company, "bob", role)
    visible = {anns.done, INTENT} if role == "reviewer" else set()
    for method, path in ROUTES:
        if method != "GET" or "{" in path:
            continue
        for query in ("", f"?who={anns.who.person_id}", f"?subject={anns.queued}", "?status=FAILED"):
            shown = asker.get(path + query).text
            hidden = PROMPTS if path in READABLE else set(anns.marks) - visible
            assert not [mark for mark in hidden if mark in shown], path


def test_an_admin_does_not_find_the_keys_of_others_among_the_own(company: Studio, anns: Belongings) -> None:
    assert somebody(company, "adm", "admin").get("/image/keys").json() == []


def test_anothers_cursor_leads_to_the_own_jobs_only(company: Studio, anns: Belongings) -> None:
    bob = somebody(company, "bob", "creator")
    own = [execute(bob), execute(bob)]
    link = anns.browser.get("/image/job-list?limit=1").headers["link"]
    cursor = link.partition("cursor=")[2].partition("&")[0].partition(">")[0]
    assert bob.get(f"/image/job-list?limit=100&cursor={cursor}").json() == []
    newest = bob.get("/image/job-list?limit=1").headers["link"].partition("cursor=")[2].partition(">")[0]
    assert [job["jobId"] for job in bob.get(f"/image/job-list?cursor={newest}").json()] == own[:1]


def test_what_others_spend_is_not_among_the_own(company: Studio, anns: Belongings) -> None:
    bob = person(company, "bob", "creator").actor()
    assert company.spending.today(anns.who.actor()).held_micros > 0
    assert company.spending.today(bob).held_micros == 0


def test_an_operator_reads_neither_intents_nor_a_providers_words_of_others(
    company: Studio, anns: Belongings, database: Database[dict[str, Any]]
) -> None:
    error = {"images.0.attempts.0.error": {"code": "INTERRUPTED", "message": "It says: anns-kite is not to be."}}
    database.jobs.update_one({"jobId": anns.doubtful}, {"$set": error})
    company.breakers.count_failure("sandbox", "words about ann's prompt")
    company.pauses.pause(LOCAL, "everything", "to look at it")
    operator, admin = somebody(company, "op", "operator"), somebody(company, "root", "admin")
    (pause,) = [found.pause for found in company.pauses.all() if found.pause is not None]
    body = {"reason": "again", "pausedAt": pause.paused_at.isoformat()}
    said = [operator.get(path).raise_for_status() for path in ("/image/operations", "/image/providers")]
    said.append(operator.post("/image/operations/resume", json=body).raise_for_status())
    job = company.queries.get(LOCAL, anns.doubtful)
    for answer in said:
        for secret in ("words about ann's prompt", job.intent, "anns-kite"):
            assert secret not in answer.text
    (shown,) = [image for image in said[0].json()["perhapsCharged"] if image["jobId"] == job.job_id]
    assert shown["intent"] == f"Job {job.job_id[-6:]}"
    assert "words about ann's prompt" in admin.get("/image/operations").text
    assert job.intent in admin.get("/image/operations").text


def test_an_operator_decides_about_an_image_without_seeing_its_prompt(company: Studio, anns: Belongings) -> None:
    operator = somebody(company, "op", "operator")
    for job, decision in ((anns.doubtful, "not_charged"), (anns.stranded, "declare_lost")):
        sent = DECISION | {"decision": decision}
        decided = operator.post(f"/image/jobs/{job}/images/0/decision", json=sent)
        assert decided.status_code == 200, decided.text
    shown = operator.get("/image/operations").text
    assert [entry["action"] for entry in json.loads(shown)["audit"]][:2] == ["image.decided"] * 2
    assert not [prompt for prompt in PROMPTS if prompt in shown]
    audit = somebody(company, "adm", "admin").get("/image/audit").text
    assert not [prompt for prompt in PROMPTS if prompt in audit], "what is never deleted holds no prompts"


def test_a_key_sees_no_more_than_its_person(company: Studio, anns: Belongings) -> None:
    program = with_key(company, make_key(somebody(company, "bob", "creator"), "look", "generate"))
    assert program.get("/image/job-list").json() == []
    assert [program.get(f"/image/jobs/{job}").status_code for job in anns.jobs] == [404] * 4
    assert [anns.who.name in program.get(path).text for path in ("/image/me", "/image/keys")] == [False] * 2


ADDRESSES: Mapping[str, Sequence[dict[str, str]]] = {
    "generate": [{}, {"draft": "draft_id"}],
    "jobs": [{}, {"job": "queued"}, {"job": "doubtful"}],
}
"""Of pages that can be opened on a thing: the ways to name one of Ann's."""


@pytest.mark.parametrize("page", sorted(PAGES))
def test_no_page_shows_anything_of_another(company: Studio, anns: Belongings, window: Window, page: str) -> None:
    for role in ("creator", "reviewer", "operator"):
        window.sign_in(person(company, f"bob-{role}", role))
        hidden = set(anns.marks)
        if page in ("operations", "generate") and role == "operator":  # the front page leads operators to theirs
            hidden = {*PROMPTS, anns.draft_id, anns.key_id, anns.key_hint}
        elif role == "reviewer":
            hidden -= {anns.done, INTENT, PROMPTS[1], anns.who.name}  # of what is done a reviewer sees the card
        for query in ADDRESSES.get(page, [{}]):
            named = {name: str(getattr(anns, thing)) for name, thing in query.items()}
            shown = window.new().open(page, **named)
            assert not [mark for mark in hidden - set(named.values()) if mark in shown], (role, query)


@pytest.mark.parametrize(("page", "name", "nothing"), [("jobs", "job", NO_JOB), ("generate", "draft", NO_DRAFT)])
def test_the_address_of_anothers_thing_opens_what_that_of_nothing_does(
    company: Studio, anns: Belongings, window: Window, page: str, name: str, nothing: str
) -> None:
    window.sign_in(person(company, "bob", "creator"))
    mine = anns.queued if name == "job" else anns.draft_id
    others, missing = (window.new().open(page, **{name: one}) for one in (mine, nothing))
    assert comparable(others, mine) == comparable(missing, nothing)


def comparable(shown: str, thing: str) -> str:
    """What a page shows, without what the reader asked for, and without ids that are new each time."""
    lines = [line.replace(thing, "THING") for line in shown.splitlines()]
    shown = "\n".join(line for line in lines if "$$ID-" not in line and "draft_" not in line)
    return re.sub(r'"(at|heard)": \d+', r'"\1": NOW', shown)


Act = Callable[[str], Any]


def inspected(order: dict[str, Any]) -> Act:
    """What the dialog of a job says after this was asked for in it."""

    def act(job_id: str) -> Any:
        dialog = Inspector()
        dialog.act(json.loads(json.dumps(order).replace("JOB", job_id)))
        dialog.update([])
        return dialog.record, dialog.said

    return act


def watched(order: dict[str, Any]) -> Act:
    """What Operations says after this was asked for on it."""

    def act(job_id: str) -> Any:
        page = Watch()
        page.act("key", json.loads(json.dumps(order).replace("JOB", job_id)))
        return page.answers.latest, page.quotes

    return act


IMAGE = {"job_id": "JOB", "index": 0, "attempt_id": ATTEMPT}
DECIDE = {"what": "decide", "decision": "accept_lost", "images": [IMAGE], "reason": "because"}
RETRY = {"what": "retry", "job_id": "JOB", "accept_micros": 10**6}
ACTS: Mapping[str, Act] = {
    "open": inspected({"what": "open", "job": "JOB"}),
    "cancel": inspected({"what": "cancel", "job": "JOB"}),
    "retry": inspected({"what": "retry", "job": "JOB", "accept": 10**6, "acceptUnknown": True}),
    "decide": inspected({"what": "decide", "job": "JOB", "key": "k", "order": DECIDE}),
    "quote on Operations": watched({"what": "quote", "job_id": "JOB"}),
    "decide on Operations": watched(DECIDE),
    "retry on Operations": watched(RETRY),
}


@pytest.mark.parametrize("name", sorted(ACTS))
def test_no_action_of_a_page_reaches_anothers_job(
    company: Studio, anns: Belongings, window: Window, database: Database[dict[str, Any]], name: str
) -> None:
    window.sign_in(person(company, "bob", "creator"))
    before = list(database.jobs.find({}))
    for job in (anns.queued, anns.doubtful, anns.done):
        assert ACTS[name](job) == ACTS[name](NO_JOB)
    assert list(database.jobs.find({})) == before


@pytest.mark.parametrize("name", ["decide", "decide on Operations"])
def test_an_operator_acts_on_everybodys_images_and_on_nothing_else(
    company: Studio, anns: Belongings, window: Window, name: str
) -> None:
    window.sign_in(person(company, "op", "operator"))
    for act in ("cancel", "retry", "quote on Operations", "retry on Operations"):
        assert ACTS[act](anns.doubtful) == ACTS[act](NO_JOB)
    assert "good" in json.dumps(ACTS[name](anns.doubtful))


def test_a_draft_is_read_and_changed_by_its_owner_only(company: Studio, anns: Belongings, window: Window) -> None:
    ann, bob = anns.who.actor(), person(company, "bob", "creator").actor()
    draft = company.drafts.get(ann, anns.draft_id)
    assert draft is not None
    assert company.drafts.get(bob, anns.draft_id) is None
    with pytest.raises(NotAllowed):
        company.drafts.save(bob, draft)
    window.sign_in(person(company, "bob", "creator"))
    desk = Desk(draft)
    desk.edit(raw_prompt="bob was here")
    assert desk.unsaved is not None
    assert company.drafts.get(ann, anns.draft_id) == draft


@pytest.mark.parametrize("role", ["operator", "reviewer"])
def test_who_may_not_generate_changes_no_draft_and_approves_nothing(
    company: Studio, window: Window, database: Database[dict[str, Any]], role: Role
) -> None:
    window.sign_in(person(company, "bob", "creator"))
    window.open("generate")
    desk: Desk = window.state["desk"]
    window.sign_in(person(company, "bob", role))
    stored = list(database.drafts.find({}))
    desk.edit(intent="a card", raw_prompt="a kite", final_prompt="a red kite")
    submit.approve(desk)
    submit.enhance(desk)
    assert desk.unsaved is not None
    assert desk.problem is not None
    assert list(database.drafts.find({})) == stored
    assert list(database.jobs.find({})) == []


def test_a_window_forgets_what_the_person_before_had_open(company: Studio, anns: Belongings, window: Window) -> None:
    window.sign_in(anns.who)
    assert PROMPTS[3] in window.open("generate", draft=anns.draft_id)
    assert PROMPTS[0] in window.open("jobs", job=anns.queued)
    window.sign_in(person(company, "bob", "creator"))
    shown = window.open("jobs", job=anns.queued) + window.open("generate", draft=anns.draft_id)
    assert not [mark for mark in set(anns.marks) - {anns.queued, anns.draft_id} if mark in shown]


def test_an_open_record_closes_once_its_reader_has_lost_the_role(
    company: Studio, anns: Belongings, window: Window
) -> None:
    dialog = Inspector(job_id=anns.done)
    window.sign_in(person(company, "bob", "reviewer"))
    dialog.update([])
    assert PROMPTS[0] in json.dumps(dialog.record)
    window.sign_in(person(company, "bob", "creator"))
    dialog.update([])
    assert dialog.record is None
    assert dialog.said is not None


def test_the_progress_of_anothers_job_is_not_followed(company: Studio, anns: Belongings, window: Window) -> None:
    window.sign_in(person(company, "bob", "creator"))
    part = f"from imagegeneration.dashboard.generate import progress; progress._watch('{anns.queued}', None, [])"
    shown = draw(part, **{"progress-last": company.queries.get(anns.who.actor(), anns.queued)})
    assert "There is no such job." in shown
    assert not [mark for mark in anns.marks if mark in shown]


def test_two_people_at_once_get_each_their_own(company: Studio, anns: Belongings, window: Window) -> None:
    bobs = execute(signed_in(company, person(company, "bob", "creator")), intent="bobs-intent")
    for _ in range(2):
        for who, own, others in ((anns.who, anns.queued, bobs), (person(company, "bob", "creator"), bobs, anns.queued)):
            window.sign_in(who)
            shown = window.new().open("jobs")
            assert own in shown
            assert others not in shown
