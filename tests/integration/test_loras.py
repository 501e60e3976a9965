"""The collection of LoRAs: who sees and changes it, and what is sent for a name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr
from pymongo.database import Database
from starlette.testclient import TestClient

from imagegeneration.bootstrap import Studio
from imagegeneration.core.actor import Actor
from imagegeneration.core.errors import NotFound
from imagegeneration.jobs.job import request_sha256
from imagegeneration.models import loras
from imagegeneration.settings import Settings
from tests.integration.company import BODIES, build_company, code, make_key, person, signed_in, somebody, with_key

INK = {
    "name": "ink",
    "label": "Ink drawings",
    "description": "Black ink, few lines",
    "path": "owner/ink",
    "family": "flux-1",
    "triggerWords": ["INKSTYLE"],
    "defaultWeight": 1.2,
}


@pytest.fixture
def company(settings: Settings) -> Iterator[Studio]:
    """A studio with sign-in and a provider that takes LoRAs; it is never called."""
    fal = {"fal_key": SecretStr("none"), "fal_base_url": "http://127.0.0.1:9"}
    built = build_company(settings.model_copy(update=fal))
    yield built
    built.close()


@pytest.fixture
def admin(company: Studio) -> TestClient:
    return somebody(company, "adm", "admin")


@pytest.fixture
def creator(company: Studio) -> TestClient:
    return somebody(company, "cleo", "creator")


def add(admin: TestClient, **facts: Any) -> dict[str, Any]:
    added = admin.post("/image/loras", json=INK | facts)
    assert added.status_code == 201, added.text
    found: dict[str, Any] = added.json()
    return found


def names(browser: TestClient, **query: Any) -> list[str]:
    return [lora["name"] for lora in browser.get("/image/loras", params=query).raise_for_status().json()]


def generate(browser: TestClient, *wanted: dict[str, Any], **options: Any) -> Any:
    body = BODIES["/image/execute-prompt"] | {"options": {"loras": list(wanted), **options}}
    return browser.post("/image/generate", json=body)


def test_everybody_lists_and_admins_change(company: Studio, admin: TestClient, creator: TestClient) -> None:
    assert creator.get("/image/loras").json() == []
    added = add(admin)
    assert added == INK | {
        "enabled": True,
        "version": 0,
        "changedAt": added["changedAt"],
        "changedBy": admin.get("/image/me").json()["userId"],
    }
    for role in ("creator", "reviewer", "operator"):
        browser = somebody(company, role, role)
        (seen,) = browser.get("/image/loras").json()
        assert seen == added | {"changedBy": None}
        assert browser.post("/image/loras", json=INK | {"name": "own"}).status_code == 403
        assert browser.patch("/image/loras/ink", json={"version": 0, "enabled": False}).status_code == 403
        assert browser.delete("/image/loras/ink").status_code == 403
    assert names(admin) == ["ink"]


def test_it_is_searched_and_paged_by_name(admin: TestClient) -> None:
    for name in ("clay", "ash", "brush"):
        add(admin, name=name, label=f"{name} (style)", triggerWords=[f"{name.upper()}.*"])
    assert names(admin) == ["ash", "brush", "clay"]
    assert names(admin, limit=2) == ["ash", "brush"]
    assert names(admin, limit=2, after="brush") == ["clay"]
    assert names(admin, text="CLAY") == ["clay"]
    assert names(admin, text="ash.*") == ["ash"], "a search is no regular expression"
    assert names(admin, text="few lines") == ["ash", "brush", "clay"]
    assert names(admin, text="\x00") == []


def test_who_is_disabled_is_seen_by_admins_and_used_by_nobody(admin: TestClient, creator: TestClient) -> None:
    add(admin)
    changed = admin.patch("/image/loras/ink", json={"version": 0, "enabled": False}).raise_for_status().json()
    assert (changed["enabled"], changed["version"], changed["path"]) == (False, 1, "owner/ink")
    assert (names(admin), names(creator)) == (["ink"], [])
    for browser in (admin, creator):
        assert code(generate(browser, {"name": "ink"})) == (404, "IMG_008")


def test_a_disabled_lora_does_not_exist_by_its_name_but_for_admins(company: Studio, admin: TestClient) -> None:
    add(admin)
    admin.patch("/image/loras/ink", json={"version": 0, "enabled": False}).raise_for_status()
    boss, ann = Actor(user_id="b", name="Boss", roles=("admin",)), Actor(user_id="a", name="Ann", roles=("creator",))
    assert company.loras.get(boss, "ink").name == "ink"
    with pytest.raises(NotFound):
        company.loras.get(ann, "ink")


def test_changes_are_by_compare_and_set_and_audited(company: Studio, admin: TestClient) -> None:
    add(admin)
    assert admin.patch("/image/loras/ink", json={"version": 0, "description": ""}).json()["description"] == ""
    assert code(admin.patch("/image/loras/ink", json={"version": 0, "label": "late"})) == (409, "IMG_011")
    assert code(admin.post("/image/loras", json=INK)) == (409, "IMG_011")
    assert code(admin.post("/image/loras", json=INK | {"name": "x", "family": "sdxl"})) == (409, "IMG_011")
    assert code(admin.patch("/image/loras/ink", json={"version": 1, "family": "sdxl"})) == (409, "IMG_011")
    assert code(admin.patch("/image/loras/none", json={"version": 0})) == (404, "IMG_008")
    assert admin.delete("/image/loras/ink").status_code == 204
    assert code(admin.delete("/image/loras/ink")) == (404, "IMG_008")
    assert names(admin) == []
    entries = company.audit.find(actions=["lora.added", "lora.changed", "lora.deleted"], limit=9)
    assert [(entry.action, entry.subject) for entry in entries] == [
        ("lora.deleted", "ink"),
        ("lora.changed", "ink"),
        ("lora.added", "ink"),
    ]
    deleted, changed, added = entries
    assert (added.before, deleted.after) == (None, None)
    assert added.after == changed.before
    assert changed.after == deleted.before
    assert json.loads(str(changed.after))["description"] == ""
    assert company.audit.first_break() is None


def test_of_two_who_change_what_they_saw_the_second_changes_nothing(company: Studio, admin: TestClient) -> None:
    add(admin)
    stores = company._stores
    (seen,) = stores.loras.named(["ink"])
    changed = seen.model_copy(update={"version": 1})
    assert stores.connection.transaction(lambda session: stores.loras.change(seen, changed, session=session))
    assert not stores.connection.transaction(lambda session: stores.loras.change(seen, changed, session=session))
    assert not stores.connection.transaction(lambda session: stores.loras.delete(seen, session=session))


def test_there_is_a_most(admin: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loras, "MOST", 1)
    add(admin)
    assert code(admin.post("/image/loras", json=INK | {"name": "another"})) == (409, "IMG_011")


@pytest.mark.parametrize("path", ["https://example.com/a.safetensors", "http://huggingface.co/a/resolve/b.safetensors"])
def test_a_path_of_an_unknown_host_is_refused_in_words(admin: TestClient, path: str) -> None:
    answer = admin.post("/image/loras", json=INK | {"path": path})
    assert code(answer) == (422, "IMG_009")
    assert "huggingface.co" in answer.json()["error"]["message"]


def test_what_is_sent_for_a_name_is_stored_and_part_of_what_was_approved(
    company: Studio, admin: TestClient, creator: TestClient, database: Database[dict[str, Any]]
) -> None:
    add(admin)
    accepted = generate(creator, {"name": "ink"}, {"name": "ink", "weight": 0}).raise_for_status().json()
    ink = {"path": "owner/ink", "weight": 1.2, "name": "ink", "family": "flux-1"}
    assert accepted["request"]["loras"] == [ink, ink | {"weight": 0}]
    assert accepted["request"]["model"] == "fal-ai/flux-lora"
    admin.patch("/image/loras/ink", json={"version": 0, "path": "stranger/other", "defaultWeight": 2})
    admin.delete("/image/loras/ink").raise_for_status()
    stored = database.jobs.find_one({"jobId": accepted["jobId"]})
    assert stored is not None
    assert stored["request"]["loras"] == [ink, ink | {"weight": 0}]
    job = company.queries.get(person(company, "adm", "admin").actor(), accepted["jobId"])
    assert job.approval.request_sha256 == request_sha256(job.final_prompt, job.image_count, job.request)
    assert [lora.path for lora in job.generation_request(job.request, 0).loras] == ["owner/ink"] * 2


def test_only_an_admin_sends_a_path_and_only_one_of_a_known_host(
    company: Studio, admin: TestClient, creator: TestClient, database: Database[dict[str, Any]]
) -> None:
    by_path = {"path": "stranger/lora", "weight": 0.5}
    narrow = with_key(company, make_key(admin, "generate"))
    for browser in (creator, narrow):
        assert code(generate(browser, by_path)) == (403, "IMG_010")
        for route in ("estimate", "validate"):
            asked = {"finalPrompt": "a kite", "options": {"loras": [by_path]}}
            assert code(browser.post(f"/image/{route}", json=asked)) == (403, "IMG_010")
        assert code(browser.post("/image/compatibility", json={"loras": [by_path]})) == (403, "IMG_010")
    assert database.jobs.count_documents({}) == 0
    assert code(generate(admin, {"path": "https://example.com/a.safetensors"})) == (422, "IMG_009")
    assert generate(admin, by_path).raise_for_status().json()["request"]["loras"] == [by_path]


def test_a_request_cannot_say_what_a_lora_is_made_for(admin: TestClient) -> None:
    assert code(generate(admin, {"path": "owner/name", "family": "flux-1"})) == (422, "IMG_009")
    assert code(generate(admin, {"path": "owner/name", "name": "ink"})) == (422, "IMG_009")


def test_compatibility_says_in_words_what_keeps_a_model_from_it(admin: TestClient, creator: TestClient) -> None:
    add(admin)
    add(admin, name="new", family="flux-2")

    def ask(*wanted: str, model: str | None = None) -> Any:
        body = {"loras": [{"name": name} for name in wanted], "model": model}
        return creator.post("/image/compatibility", json=body)

    answer = ask("ink").raise_for_status().json()
    assert answer["compatible"] == ["fal-ai/flux-lora", "rundiffusion-fal/juggernaut-flux-lora"]
    problems = answer["problems"]
    assert problems["fal-ai/flux-2/lora"] == "Flux 2 with LoRAs (Fal) takes no LoRAs made for flux-1."
    assert problems["fal-ai/flux/dev"] == "Flux dev (Fal) takes no LoRAs."
    assert "provider replicate" in problems["black-forest-labs/flux-dev-lora"]
    assert ask("new").json()["compatible"] == ["fal-ai/flux-2/lora"]
    assert ask("ink", "new").json()["compatible"] == []
    assert "at most 2" in ask("ink", "ink", "ink").json()["problems"]["rundiffusion-fal/juggernaut-flux-lora"]
    assert ask("ink", model="fal-ai/flux-lora").json() == {"compatible": ["fal-ai/flux-lora"], "problems": {}}
    assert code(ask("none")) == (404, "IMG_008")


def test_what_is_made_for_another_model_is_refused_before_it_is_paid_for(
    admin: TestClient, creator: TestClient, database: Database[dict[str, Any]]
) -> None:
    add(admin, name="new", family="flux-2")
    chosen = generate(creator, {"name": "new"}).raise_for_status().json()
    assert chosen["request"]["model"] == "fal-ai/flux-2/lora", "the choice knows it too"
    refused = generate(creator, {"name": "new"}, model="fal-ai/flux-lora")
    assert code(refused) == (422, "IMG_009")
    assert "loras: Flux with LoRAs (Fal) takes no LoRAs made for flux-2." in refused.json()["error"]["message"]
    assert database.jobs.count_documents({}) == 1


def test_a_key_of_an_admin_needs_the_scope_to_change_anything(company: Studio, admin: TestClient) -> None:
    program = with_key(company, make_key(admin, "administer"))
    assert program.post("/image/loras", json=INK).status_code == 201
    (entry,) = company.audit.find(actions=["lora.added"], limit=5)
    assert entry.key == "a script"
    assert signed_in(company, person(company, "adm", "admin")).get("/image/loras").json()[0]["version"] == 0
