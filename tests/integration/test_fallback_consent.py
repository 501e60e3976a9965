"""What an approval may name as alternates, what it says of them, and what it costs in credits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database
from starlette.testclient import TestClient

from imagegeneration.bootstrap import Studio, build_studio
from imagegeneration.core.actor import LOCAL
from imagegeneration.local.sandbox import Sandbox
from imagegeneration.settings import Settings
from tests.integration.conftest import assert_money_adds_up, one_round
from tests.integration.people import build_company, enter
from tests.integration.servers import CHEAP, DEAR, FIRST, NOWHERE, SECOND, THIRD, order, two_servers


@pytest.fixture
def studio(settings: Settings, sandbox: Sandbox, tmp_path: Path) -> Iterator[Studio]:
    built = build_studio(two_servers(settings, tmp_path, NOWHERE, sandbox.url))
    yield built
    built.close()


def ask(client: TestClient, path: str = "validate", *, key: str | None = None, **options: Any) -> Any:
    sent: dict[str, Any] = {"finalPrompt": "a red kite", "imageCount": 2, "options": {"model": FIRST, **options}}
    if path == "generate":
        sent |= {"intent": "a card", "rawPrompt": "kite"}
    return client.post(f"/image/{path}", json=sent, headers={} if key is None else {"Idempotency-Key": key})


@pytest.mark.parametrize(
    ("options", "status", "code", "words"),
    [
        ({"fallback": ["no-such-model"], "maxExtraMicros": 10**6}, 422, "IMG_013", ("no-such-model",)),
        ({"fallback": ["dall-e-3"], "maxExtraMicros": 10**6}, 422, "IMG_013", ("dall-e-3", "shut down")),
        ({"fallback": ["fal-ai/flux-lora"], "maxExtraMicros": 10**6}, 503, "IMG_001", ("fal", "not configured")),
        ({"fallback": [SECOND]}, 402, "IMG_006", (SECOND, "$0.03", "$0.02")),
        ({"fallback": [SECOND], "maxExtraMicros": DEAR - CHEAP - 1}, 402, "IMG_006", (SECOND, "maxExtraMicros")),
        (
            {"fallback": [SECOND], "maxExtraMicros": 10**6, "maxMicrosPerImage": DEAR - 1},
            402,
            "IMG_006",
            (SECOND, "$0.029999"),
        ),
        ({"fallback": [THIRD], "size": "256x256"}, 422, "IMG_009", (f"fallback: {THIRD}", "size:", "1024x1024")),
        ({"fallback": [THIRD, THIRD]}, 422, "IMG_009", ("named twice",)),
        ({"fallback": ["a", "b", "c", "d"]}, 422, "IMG_009", ("fallback",)),
        ({"fallback": SECOND}, 422, "IMG_009", ("fallback",)),
        ({"fallback": [THIRD], "maxExtraMicros": -1}, 422, "IMG_009", ("maxExtraMicros",)),
    ],
)
def test_an_alternate_that_cannot_be_is_refused_in_words_that_name_it(
    client: TestClient, database: Database[dict[str, Any]], options: dict[str, Any], status: int, code: str, words: Any
) -> None:
    for path in ("validate", "generate"):
        answer = ask(client, path, **options)
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (status, code)
        assert all(word in f"{error['message']} {error['resolution']}" for word in words), error
    assert database.jobs.count_documents({}) == database.ledger.count_documents({}) == 0


def test_the_price_shown_is_that_of_the_dearest(client: TestClient) -> None:
    asked: dict[str, Any] = {"fallback": [SECOND, THIRD], "maxExtraMicros": DEAR - CHEAP}
    answer = ask(client, **asked).raise_for_status().json()
    assert answer["quotedMicros"] == 2 * DEAR
    assert [(one["provider"], one["model"]) for one in answer["alternates"]] == [("two", SECOND), ("two", THIRD)]
    assert ask(client).raise_for_status().json()["quotedMicros"] == 2 * CHEAP
    assert ask(client, "estimate", **asked).raise_for_status().json()["cheapest"]


def test_what_was_asked_for_is_not_its_own_alternate(client: TestClient) -> None:
    answer = ask(client, fallback=[FIRST]).raise_for_status().json()
    assert (answer["alternates"], answer["quotedMicros"]) == ([], 2 * CHEAP)


def test_alternates_get_the_same_wishes(client: TestClient) -> None:
    answer = ask(client, fallback=[SECOND], maxExtraMicros=DEAR, background="transparent").raise_for_status().json()
    assert answer["alternates"][0]["background"] == answer["request"]["background"] == "transparent"


def test_a_program_names_alternates_and_reads_who_made_it_and_why(
    client: TestClient, studio: Studio, database: Database[dict[str, Any]]
) -> None:
    accepted = ask(client, "generate", fallback=[SECOND], maxExtraMicros=DEAR - CHEAP).raise_for_status().json()
    assert accepted["alternates"][0]["model"] == SECOND
    studio.pauses.pause(LOCAL, "provider:one", "maintenance")
    one_round(studio)
    record = client.get(f"/image/jobs/{accepted['jobId']}").raise_for_status().json()
    job = record.get("job", record)
    terms = job["approval"]["alternates"]
    assert terms == [{"endpointSha256": studio.registry.endpoints["two"], "price": {"micros": DEAR, "credits": 0}}]
    assert job["approval"]["maxExtraMicros"] == DEAR - CHEAP
    last = job["images"][0]["attempts"][-1]
    assert (last["provider"], last["model"], last["why"]) == ("two", SECOND, "one is paused: maintenance")
    assert_money_adds_up(database)


def test_the_same_key_with_other_alternates_is_refused(client: TestClient) -> None:
    first = ask(client, "generate", key="k", fallback=[THIRD]).raise_for_status().json()
    assert ask(client, "generate", key="k", fallback=[THIRD]).json()["jobId"] == first["jobId"]
    assert ask(client, "generate", key="k").json()["error"]["code"] == "IMG_009"


@pytest.mark.parametrize("falls_back", [False, True])
def test_credits_are_spent_for_the_larger_and_given_back_for_the_smaller(
    settings: Settings, sandbox: Sandbox, tmp_path: Path, database: Database[dict[str, Any]], falls_back: bool
) -> None:
    """FIRST makes small images and THIRD large ones, which cost a credit more."""
    company = build_company(two_servers(settings, tmp_path, sandbox.url, f"{sandbox.url}/"))
    ann = enter(company, "ann", plan="enterprise")
    company.credits.grant(LOCAL, ann.user_id, 5, "for the campaign")
    job = order(company, THIRD, actor=ann)
    assert (job.images[0].attempt.credits, company.credits.balance(ann.user_id)) == (2, 3)
    if falls_back:
        company.pauses.pause(LOCAL, "provider:one", "maintenance")
    one_round(company)
    assert company.queries.get(ann, job.job_id).status == "DONE"
    assert company.credits.balance(ann.user_id) == (3 if falls_back else 4)
    assert_money_adds_up(database)
    company.close()
