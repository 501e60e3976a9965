"""What can be had, what it costs, and what of a request cannot be done, as programs ask."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from pymongo.database import Database
from starlette.testclient import TestClient

from imagegeneration.api.app import build_asgi
from imagegeneration.bootstrap import Studio, build_studio
from imagegeneration.core.actor import LOCAL
from imagegeneration.settings import Settings


@pytest.fixture
def many(settings: Settings) -> Iterator[Studio]:
    """A studio with several providers; none of them is called."""
    nowhere = "http://127.0.0.1:9"
    built = build_studio(
        settings.model_copy(
            update={
                "openai_api_key": SecretStr("sk-none"),
                "openai_base_url": nowhere,
                "fal_key": SecretStr("none"),
                "fal_base_url": nowhere,
                "stability_api_key": SecretStr("none"),
                "stability_base_url": nowhere,
            }
        )
    )
    yield built
    built.close()


@pytest.fixture
def client(many: Studio) -> Iterator[TestClient]:
    app = build_asgi(lambda: many)
    with TestClient(app, base_url="http://localhost:8501", raise_server_exceptions=False) as opened:
        yield opened


def ask(client: TestClient, path: str, **options: Any) -> Any:
    return client.post(f"/image/{path}", json={"finalPrompt": "a red kite", "options": options, "imageCount": 2})


def test_an_estimate_has_every_able_model_and_the_best_of_them(client: TestClient) -> None:
    estimate = ask(client, "estimate").raise_for_status().json()
    rows = {row["model"]: row for row in estimate["recommendations"]}
    assert rows["stable-image-core"]["priceMicros"] == 30_000
    assert rows["fal-ai/flux-lora"]["priceMicros"] == 35_000
    assert "black-forest-labs/flux-dev" not in rows, "its provider is not configured"
    assert (estimate["cheapest"], estimate["fastest"]) == ("fal-ai/flux-2", "stable-image-core")
    assert not rows["gpt-image-1.5"]["able"]
    assert "no price" in rows["gpt-image-1.5"]["limitations"][0]


def test_with_loras_only_those_that_take_them_are_able(client: TestClient) -> None:
    estimate = ask(client, "estimate", loras=[{"path": "owner/name"}] * 2).json()
    able = {row["model"] for row in estimate["recommendations"] if row["able"]}
    assert able == {"fal-ai/flux-lora", "fal-ai/flux-2/lora", "rundiffusion-fal/juggernaut-flux-lora"}


def test_what_would_be_sent_is_told_with_its_price_and_nothing_is_written(
    client: TestClient, database: Database[dict[str, Any]]
) -> None:
    answer = ask(client, "validate", model="stable-image-core", width=1920, height=1080, seed=-1, negativePrompt="fog")
    body = answer.raise_for_status().json()
    assert (body["request"]["provider"], body["request"]["size"]) == ("stability", "1344x768")
    assert 0 <= body["request"]["seed"] < 2**31
    assert body["request"]["negativePrompt"] == "fog"
    assert body["quotedMicros"] == 2 * 30_000
    assert "asked for by name" in body["choice"]["why"]
    assert database.jobs.count_documents({}) == 0


def test_a_refusal_names_each_field(client: TestClient) -> None:
    answer = ask(client, "validate", model="gpt-image-2.5-flare", seed=7, negativePrompt="fog", size="999x999")
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "IMG_009")
    message = answer.json()["error"]["message"]
    assert all(field in message for field in ("size:", "seed:", "negativePrompt:"))


@pytest.mark.parametrize(
    ("model", "code", "word"),
    [
        ("dall-e-3", "IMG_013", "gpt-image-2.5-flare"),
        ("imagen-4.0-generate-001", "IMG_013", "gemini-nano-banana-2.1"),
        ("midjourney", "IMG_013", "no official API"),
        ("black-forest-labs/flux-dev", "IMG_001", "not configured"),
        ("no-such-model", "IMG_013", "not in the catalog"),
    ],
)
def test_a_model_that_cannot_be_had_says_why(client: TestClient, model: str, code: str, word: str) -> None:
    error = ask(client, "validate", model=model).json()["error"]
    assert error["code"] == code
    assert word in error["message"]


def test_an_explicit_provider_is_kept_to(client: TestClient) -> None:
    assert ask(client, "validate", provider="fal", priority="cost").json()["choice"]["provider"] == "fal"
    assert ask(client, "validate", provider="google").json()["error"]["code"] == "IMG_001"


def test_auto_without_a_wish_is_what_version_1_makes(client: TestClient, many: Studio) -> None:
    assert many.registry.default is not None
    assert ask(client, "validate").json()["request"]["model"] == many.registry.default.model


def test_nothing_moves_a_request_to_a_dearer_model_without_a_word(client: TestClient) -> None:
    refused = ask(client, "validate", size="1536x768")
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "IMG_009")
    message = refused.json()["error"]["message"]
    assert "Only dearer models can make this: fal-ai/flux-2 up to $0.024" in message
    for said in ({"priority": "cost"}, {"model": "fal-ai/flux-2"}, {"maxMicrosPerImage": 50_000}):
        assert ask(client, "validate", size="1536x768", **said).status_code == 200, said
    cheaper = ask(client, "validate", size="1024x768").raise_for_status().json()
    assert cheaper["request"]["model"] == "fal-ai/flux-2"
    assert cheaper["quotedMicros"] < ask(client, "validate").json()["quotedMicros"]


def test_a_paused_provider_is_not_chosen(client: TestClient, many: Studio) -> None:
    many.pauses.pause(LOCAL, "provider:openai", "maintenance")
    answer = ask(client, "validate", priority="speed").raise_for_status().json()
    assert answer["choice"]["provider"] == "stability"


def test_without_a_wish_a_pause_moves_nobody_to_another_price(client: TestClient, many: Studio) -> None:
    before = ask(client, "validate").json()
    many.pauses.pause(LOCAL, "provider:openai", "maintenance")
    assert ask(client, "validate").json() == before


def test_compatibility_of_loras(client: TestClient) -> None:
    three = [{"path": f"owner/{number}"} for number in range(3)]
    answer = client.post("/image/compatibility", json={"loras": three}).raise_for_status().json()
    assert answer["compatible"] == ["fal-ai/flux-lora", "fal-ai/flux-2/lora"]
    assert "at most 2" in answer["problems"]["rundiffusion-fal/juggernaut-flux-lora"]
    gone = client.post("/image/compatibility", json={"loras": three, "model": "dall-e-3"})
    assert gone.json()["error"]["code"] == "IMG_013"


def test_providers_are_told_with_their_models_and_health(client: TestClient, many: Studio) -> None:
    many.pauses.pause(LOCAL, "provider:fal", "maintenance")
    facts = {row["name"]: row for row in client.get("/image/providers").raise_for_status().json()}
    assert (facts["fal"]["isConfigured"], facts["fal"]["paused"]) == (True, "maintenance")
    assert not facts["google"]["isConfigured"]
    (midjourney,) = facts["midjourney"]["models"]
    assert "no official API" in midjourney["problem"]
    dying = {row["model"]["name"] for row in facts["openai"]["models"] if row["isDying"]}
    assert dying == {"gpt-image-1.5", "gpt-image-1-mini"}


def test_the_sandbox_stands_in_for_openai(studio: Studio, settings: Settings, tmp_path: Path) -> None:
    with TestClient(build_asgi(lambda: studio), base_url="http://localhost:8501") as opened:
        answer = ask(opened, "validate", model="gpt-image-2.5-sunburst").json()
        assert answer["request"]["provider"] == "sandbox"
        assert ask(opened, "validate", model="fal-ai/flux-lora").json()["error"]["code"] == "IMG_001"


def fold(client: TestClient, **body: Any) -> Any:
    return client.post("/image/fold-prompt", json={"finalPrompt": "a red kite", **body})


def test_styles_are_told_with_what_they_add(client: TestClient) -> None:
    told = client.get("/image/styles").raise_for_status().json()
    assert [style["name"] for style in told][:2] == ["photorealistic", "artistic"]
    assert told[6]["adds"] in fold(client, style="vintage").json()["finalPrompt"]


def test_a_prompt_is_folded_for_any_model_and_nothing_is_written(
    client: TestClient, database: Database[dict[str, Any]]
) -> None:
    answer = fold(client, style="vintage", negativePrompt="fog").raise_for_status().json()
    assert answer["finalPrompt"].startswith("a red kite\n\nStyle: vintage, ")
    assert answer["finalPrompt"].endswith("\nDo not show: fog.")
    assert answer["negativePrompt"] is None
    assert fold(client, **{**answer, "style": "vintage", "negativePrompt": "fog"}).json() == answer
    assert database.jobs.count_documents({}) == database.ledger.count_documents({}) == 0


def test_a_negative_prompt_stays_beside_the_prompt_where_the_model_takes_it(client: TestClient) -> None:
    words = fold(client, negativePrompt="fog", model="gpt-image-2.5-flare").json()
    assert words == {"finalPrompt": "a red kite\n\nDo not show: fog.", "negativePrompt": None}
    beside = fold(client, finalPrompt=words["finalPrompt"], negativePrompt="fog", model="stable-image-core").json()
    assert beside == {"finalPrompt": "a red kite", "negativePrompt": "fog"}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"style": "baroque"}, "IMG_009"),
        ({"negativePrompt": "x" * 1001}, "IMG_003"),
        ({"finalPrompt": "x" * 4000, "style": "modern"}, "IMG_003"),
        ({"model": "dall-e-3"}, "IMG_013"),
        ({"surprise": 1}, "IMG_009"),
    ],
)
def test_what_cannot_be_folded_is_refused_in_words(client: TestClient, body: dict[str, Any], code: str) -> None:
    answer = fold(client, **body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, code)
