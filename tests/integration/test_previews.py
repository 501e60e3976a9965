"""Images on the way: shown by their addresses while the call goes on, priced before, and never in its way."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from pymongo.database import Database
from starlette.testclient import TestClient

from imagegeneration.api.app import build_asgi
from imagegeneration.assets.asset import storage_prefix
from imagegeneration.assets.bucket import Storage
from imagegeneration.bootstrap import Studio, build_studio
from imagegeneration.configuration import bucket_of
from imagegeneration.core.actor import LOCAL
from imagegeneration.core.errors import StorageFailed
from imagegeneration.jobs.job import Job
from imagegeneration.local.sandbox import Sandbox
from imagegeneration.models.options import Options
from imagegeneration.runner import previews
from imagegeneration.settings import Settings
from tests.integration.conftest import assert_money_adds_up, one_round
from tests.integration.test_events import blocks

MODEL = "gpt-image-2.5-flare"


def generate(client: TestClient, prompt: str = "a red kite", **options: Any) -> Any:
    body = {"intent": "a card", "rawPrompt": "kite", "finalPrompt": prompt, "options": {"model": MODEL} | options}
    return client.post("/image/generate", json=body)


def made(client: TestClient, studio: Studio, prompt: str = "a red kite", **options: Any) -> Job:
    """The job, once it is over."""
    job_id = generate(client, prompt, **options).raise_for_status().json()["jobId"]
    one_round(studio)
    return studio.queries.get(LOCAL, job_id)


@pytest.fixture
def slow_sandbox(settings: Settings) -> Iterator[Settings]:
    """A sandbox that takes its time for an image, so that each one on the way is up before the next comes."""
    with Sandbox(image_delay=3) as sandbox:
        yield settings.model_copy(update={"sandbox_url": sandbox.url})


@pytest.fixture
def slow_studio(slow_sandbox: Settings) -> Iterator[Studio]:
    built = build_studio(slow_sandbox)
    yield built
    built.close()


def test_images_on_the_way_are_told_of_by_their_addresses(
    slow_studio: Studio, slow_sandbox: Settings, database: Database[dict[str, Any]]
) -> None:
    app = build_asgi(lambda: slow_studio)
    with TestClient(app, base_url="http://localhost:8501") as client:
        job = made(client, slow_studio, partialImages=2)
        answer = client.get(f"/image/job-events/{job.job_id}")
        status = client.get(f"/image/jobs/{job.job_id}").json()
    assert job.status == "DONE"
    told = [json.loads(one["data"]) for one in blocks(iter(answer.text.splitlines())) if "id" in one]
    assert [one["type"] for one in told] == [
        "queued",
        "started",
        "partial",
        "partial",
        "generated",
        "image",
        "completed",
    ]
    urls = [one["url"] for one in told if one["type"] == "partial"]
    assert status["job"]["images"][0]["attempts"][0]["partialUrls"] == list(job.images[0].attempt.partial_urls) == urls
    assert "base64" not in answer.text
    for url in urls:
        picture = httpx.get(url, trust_env=False)
        assert (picture.status_code, picture.headers["content-type"]) == (200, "image/webp")
    assert_money_adds_up(database)
    storage = Storage(bucket_of(slow_sandbox))
    assert len(storage.keys("partial/")) == 2
    prefix = storage_prefix(job.user_id, job.created_at, job.job_id, 0)
    assert not any("partial" in key for key in storage.keys(prefix)), "a recovery takes none for the image"


def test_they_are_part_of_the_price_that_is_shown_held_and_billed(client: TestClient, studio: Studio) -> None:
    plain = client.post("/image/validate", json={"finalPrompt": "a red kite", "options": {"model": MODEL}}).json()
    asked = {"finalPrompt": "a red kite", "options": {"model": MODEL, "partialImages": 3}}
    priced = client.post("/image/validate", json=asked).json()
    assert priced["quotedMicros"] - plain["quotedMicros"] == 9_000
    before, after = made(client, studio), made(client, studio, partialImages=3)
    assert after.approval.quoted_micros - before.approval.quoted_micros == 9_000
    assert after.cost_micros - before.cost_micros == 9_000
    assert after.cost_micros <= after.approval.quoted_micros


def test_without_them_the_request_is_what_it_was(client: TestClient, studio: Studio) -> None:
    jobs = made(client, studio), made(client, studio, partialImages=0)
    assert jobs[0].approval.request_sha256 == jobs[1].approval.request_sha256
    assert "partialImages" not in jobs[0].request.document()


def test_an_alternate_that_shows_none_is_asked_for_none(settings: Settings) -> None:
    keys = {"openai_api_key": SecretStr("sk-test"), "fal_key": SecretStr("fal-test")}
    with contextlib.closing(build_studio(settings.model_copy(update=keys))) as both:
        options = Options(model=MODEL, partial_images=2, fallback=("fal-ai/flux/dev",), max_extra_micros=10**6)
        quote = both.selector.quote(both.selector.criteria(options, "a red kite", LOCAL), 1, LOCAL.user_id)
    assert [route.partial_images for route in quote.plan.routes] == [2, 0]


@pytest.mark.parametrize("options", [{"partialImages": 4}, {"partialImages": -1}, {"partialImages": "two"}])
def test_a_number_that_is_none_is_refused_by_the_name_of_its_field(client: TestClient, options: Any) -> None:
    answer = generate(client, **options)
    assert answer.status_code == 422
    assert "partialImages" in answer.text


def test_a_bucket_that_is_away_costs_the_looks_and_not_the_image(
    client: TestClient, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = Storage.put

    def away(self: Storage, key: str, content: bytes, content_type: str, *, compare: bool) -> None:
        if key.startswith("partial/"):
            raise StorageFailed("The bucket does not answer.")
        put(self, key, content, content_type, compare=compare)

    monkeypatch.setattr(Storage, "put", away)
    job = made(client, studio, partialImages=2)
    assert (job.status, job.images[0].attempt.partial_urls) == ("DONE", ())


def test_a_bucket_that_hangs_keeps_no_call_waiting(
    client: TestClient, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, answers = Storage.put, threading.Event()

    def hanging(self: Storage, key: str, content: bytes, content_type: str, *, compare: bool) -> None:
        if key.startswith("partial/"):
            answers.wait(10)
        put(self, key, content, content_type, compare=compare)

    monkeypatch.setattr(Storage, "put", hanging)
    job = made(client, studio, partialImages=2)
    answers.set()
    assert (job.status, job.images[0].attempt.partial_urls) == ("DONE", ())


@pytest.mark.parametrize("fault", ["truncated", "reset_after_billing"])
def test_a_stream_that_breaks_leaves_the_image_in_doubt(client: TestClient, studio: Studio, fault: str) -> None:
    job = made(client, studio, f"a red kite [sandbox:{fault}]", partialImages=1)
    assert [image.state for image in job.images] == ["UNKNOWN"]
    assert job.unknown_micros == job.approval.quoted_micros


def test_what_is_no_image_on_the_way_is_not_shown(client: TestClient, studio: Studio) -> None:
    job = made(client, studio, "a red kite [sandbox:one_byte_png]", partialImages=2)
    assert job.images[0].attempt.partial_urls == ()
    assert job.images[0].attempt.outcome == "not_an_image"


def test_no_more_are_shown_than_there_may_be(slow_studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(previews, "MAX_PARTIAL_IMAGES", 1)
    with TestClient(build_asgi(lambda: slow_studio), base_url="http://localhost:8501") as client:
        job = made(client, slow_studio, partialImages=2)
    assert (job.status, len(job.images[0].attempt.partial_urls)) == ("DONE", 1)


def test_where_there_is_no_room_they_are_passed_over(slow_sandbox: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(previews, "WAITING", 0)
    with (
        contextlib.closing(build_studio(slow_sandbox)) as crowded,
        TestClient(build_asgi(lambda: crowded), base_url="http://localhost:8501") as client,
    ):
        job = made(client, crowded, partialImages=3)
    assert (job.status, job.images[0].attempt.partial_urls) == ("DONE", ())
