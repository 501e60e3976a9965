"""Generating with a choice of model and parameters: the same job by the same rules."""

from __future__ import annotations

from typing import Any

from pymongo.database import Database
from starlette.testclient import TestClient

from imagegeneration.bootstrap import Studio
from imagegeneration.core.actor import LOCAL
from imagegeneration.local.sandbox import Sandbox
from imagegeneration.models.criteria import Criteria
from tests.integration.conftest import assert_money_adds_up, one_round
from tests.support import Clock


def generate(client: TestClient, key: str | None = None, **options: Any) -> Any:
    body = {
        "intent": "a card",
        "rawPrompt": "kite",
        "finalPrompt": " a red kite\n",
        "imageCount": 2,
        "options": options,
    }
    return client.post("/image/generate", json=body, headers={} if key is None else {"Idempotency-Key": key})


def test_what_was_asked_for_is_sent_and_stored(
    client: TestClient, studio: Studio, sandbox: Sandbox, database: Database[dict[str, Any]]
) -> None:
    answer = generate(client, model="gpt-image-2.5-sunburst", size="1536x1024", quality="low", outputFormat="webp")
    accepted = answer.raise_for_status().json()
    assert (answer.status_code, accepted["status"]) == (202, "QUEUED")
    assert accepted["estimatedSeconds"] > 0
    one_round(studio)
    status = client.get(accepted["statusUrl"]).raise_for_status().json()
    assert (status["status"], status["imagesDone"], len(status["cdnUrls"])) == ("DONE", 2, 2)
    assert {call.model for call in sandbox.calls} == {"gpt-image-2.5-sunburst"}
    assert {call.prompt for call in sandbox.calls} == {" a red kite\n"}
    stored = database.jobs.find_one({"jobId": accepted["jobId"]})
    assert stored is not None
    assert stored["request"] == {
        "provider": "sandbox",
        "model": "gpt-image-2.5-sunburst",
        "size": "1536x1024",
        "quality": "low",
        "outputFormat": "webp",
    }
    images = studio.queries.images(LOCAL, accepted["jobId"])
    assert {(image.width, image.height, image.mime_type) for image in images} == {(1536, 1024, "image/webp")}
    assert_money_adds_up(database)


def test_without_options_it_is_what_version_1_makes(client: TestClient, studio: Studio) -> None:
    assert studio.registry.default is not None
    assert generate(client).json()["request"] == studio.registry.default.document()


def test_the_same_key_gives_the_same_job_and_another_body_is_refused(client: TestClient, studio: Studio) -> None:
    first = generate(client, key="k", quality="low").json()
    studio.pauses.pause(LOCAL, "model:gpt-image-2.5-flare", "its price is being looked into")
    assert generate(client, key="k", quality="low").json()["jobId"] == first["jobId"], "a replay chooses nothing"
    assert generate(client, key="k", quality="high").json()["error"]["code"] == "IMG_009"


def test_a_refusal_writes_nothing(client: TestClient, database: Database[dict[str, Any]]) -> None:
    assert generate(client, seed=7, model="gpt-image-2.5-flare").json()["error"]["code"] == "IMG_009"
    assert generate(client, model="dall-e-3").json()["error"]["code"] == "IMG_013"
    assert generate(client, provider="fal").json()["error"]["code"] == "IMG_001"
    assert generate(client, surprise=1).json()["error"]["code"] == "IMG_009"
    too_dear = generate(client, model="gpt-image-2.5-flare", quality="max", maxMicrosPerImage=100_000)
    assert (too_dear.status_code, too_dear.json()["error"]["code"]) == (402, "IMG_006")
    assert database.jobs.count_documents({}) == 0
    assert database.ledger.count_documents({}) == 0


def test_a_price_limit_of_the_request_bounds_the_choice(client: TestClient) -> None:
    answer = generate(client, priority="quality", maxMicrosPerImage=14_000)
    assert answer.raise_for_status().json()["request"]["model"] in ("gpt-image-2.5-flare", "gpt-image-2.5-sunburst")
    nothing = generate(client, priority="cost", maxMicrosPerImage=1)
    assert (nothing.status_code, nothing.json()["error"]["code"]) == (402, "IMG_006")
    assert "is the cheapest that can make this" in nothing.json()["error"]["message"]
    impossible = generate(client, priority="cost", maxMicrosPerImage=1, steps=30, quality="max")
    assert impossible.json()["error"]["code"] == "IMG_009"
    assert "at most $0.000001 was allowed" in nothing.json()["error"]["message"]


def test_a_request_may_carry_its_price_limit_in_dollars(client: TestClient, database: Database[dict[str, Any]]) -> None:
    body = {"intent": "a card", "rawPrompt": "kite", "finalPrompt": "a red kite", "maxCostPerImage": 0.01}
    dear = body | {"options": {"model": "gpt-image-2.5-flare", "quality": "high"}}
    refused = client.post("/image/generate", json=dear)
    assert (refused.status_code, refused.json()["error"]["code"]) == (402, "IMG_006")
    assert "at most $0.01 was allowed" in refused.json()["error"]["message"]
    asked = {"finalPrompt": "a red kite", "maxCostPerImage": 0.01, "options": dear["options"]}
    assert client.post("/image/validate", json=asked).json()["error"]["code"] == "IMG_006"
    rows = client.post("/image/estimate", json=asked).raise_for_status().json()["recommendations"]
    assert {"model": "gpt-image-2.5-flare", "able": False}.items() <= next(
        row for row in rows if row["model"] == "gpt-image-2.5-flare"
    ).items()
    assert client.post("/image/generate", json=dear | {"maxCostPerImage": 0.06}).status_code == 202
    assert client.post("/image/generate", json=body | {"maxCostPerImage": -1}).status_code == 422
    assert client.post("/image/generate", json=body | {"maxCostPerImage": "0.01"}).status_code == 422
    assert database.jobs.count_documents({}) == 1


def test_the_answer_says_where_to_ask_and_about_how_long_it_takes(client: TestClient, studio: Studio) -> None:
    accepted = generate(client).raise_for_status().json()
    assert accepted["statusUrl"] == f"/image/status/{accepted['jobId']}"
    assert accepted["estimatedSeconds"] == studio.forecast.seconds_of("gpt-image-2.5-flare") > 0
    assert client.get(accepted["statusUrl"]).json()["estimatedSeconds"] == accepted["estimatedSeconds"]


def test_how_long_an_image_takes_is_one_figure_from_one_source(
    client: TestClient, studio: Studio, sandbox: Sandbox, clock: Clock
) -> None:
    def told(job: dict[str, Any]) -> set[float]:
        rows = client.post("/image/estimate", json={"finalPrompt": "a kite"}).json()["recommendations"]
        side_by_side = studio.selector.compare(Criteria(final_prompt="a kite")).estimate.recommendations
        progress = studio.feed.progress(studio.queries.get(LOCAL, job["jobId"]))
        assert progress is not None
        return {
            job["estimatedSeconds"],
            client.get(job["statusUrl"]).json()["estimatedSeconds"],
            progress.expected_seconds,
            next(row["expectedSeconds"] for row in rows if row["model"] == "gpt-image-2.5-flare"),
            next(row.expected_seconds for row in side_by_side if row.model == "gpt-image-2.5-flare"),
        }

    assert told(generate(client).json()) == {20.0}, "before there is any history it is the catalog's"
    one_round(studio)
    clock.now += 60
    (seconds,) = told(generate(client).json())
    assert 0 < seconds < 20
