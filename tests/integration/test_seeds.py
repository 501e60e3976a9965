"""Several images of one seed: each call sends a seed of its own, and each of them was approved."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient

from imagegeneration.api.app import build_asgi
from imagegeneration.bootstrap import Studio
from imagegeneration.core.actor import LOCAL
from imagegeneration.jobs.bodies import ExecuteBody, GenerateBody
from imagegeneration.jobs.job import request_sha256
from imagegeneration.models.options import Options
from imagegeneration.providers.generation import LARGEST_SEED
from imagegeneration.settings import Settings
from tests.integration.conftest import approve, body
from tests.integration.servers import running, work_until_over
from tests.support import png
from tests.wire import stability

CORE = "stable-image-core"


@pytest.fixture
def stub() -> Iterator[stability.Stability]:
    with stability.Stability(png()) as listening:
        yield listening


@pytest.fixture
def studio(settings: Settings, stub: stability.Stability) -> Iterator[Studio]:
    configured = {"stability_api_key": SecretStr(stability.KEY), "stability_base_url": stub.url}
    with running(settings.model_copy(update=configured)) as built:
        yield built


def sent_seeds(stub: stability.Stability) -> list[str]:
    return sorted(stability.fields(received)["seed"] for received in stub.received)


def approved(studio: Studio, asked: ExecuteBody, **options: object) -> str:
    wanted = Options.model_validate({"model": CORE} | options)
    wished = GenerateBody(**dict(asked), options=wanted)
    return studio.approvals.approve(LOCAL, wished, source="api", idempotency_key=None).job_id


def test_each_call_sends_a_seed_of_its_own_and_all_were_approved(studio: Studio, stub: stability.Stability) -> None:
    job = studio.queries.get(LOCAL, approved(studio, body(image_count=5), seed=41))
    assert job.request.seeds == (41, 42, 43, 44, 45)
    without = job.request.model_copy(update={"seeds": ()})
    assert job.approval.request_sha256 == request_sha256(job.final_prompt, 5, job.request)
    assert job.approval.request_sha256 != request_sha256(job.final_prompt, 5, without)
    (ended,) = work_until_over(studio, [job])
    assert ended.status == "DONE"
    assert sent_seeds(stub) == ["41", "42", "43", "44", "45"]


def test_after_the_largest_seed_comes_the_least_that_the_model_takes(studio: Studio, stub: stability.Stability) -> None:
    job = studio.queries.get(LOCAL, approved(studio, body(image_count=3), seed=LARGEST_SEED))
    assert job.request.seeds == (LARGEST_SEED, 1, 2)
    work_until_over(studio, [job])
    assert sent_seeds(stub) == ["1", "2", str(LARGEST_SEED)]


def test_a_random_seed_is_another_for_each_image(studio: Studio, stub: stability.Stability) -> None:
    job = studio.queries.get(LOCAL, approved(studio, body(image_count=4), seed=-1))
    work_until_over(studio, [job])
    assert sent_seeds(stub) == sorted(map(str, job.request.seeds))
    assert len(set(job.request.seeds)) == 4


def test_one_image_or_no_seed_is_approved_as_ever(studio: Studio) -> None:
    one = studio.queries.get(LOCAL, approved(studio, body(), seed=41))
    assert (one.request.seed, one.request.seeds) == (41, ())
    assert "seeds" not in approve(studio, image_count=3).request.document()


def test_what_would_be_sent_is_told_with_every_seed(studio: Studio) -> None:
    asked = {"finalPrompt": "a kite", "imageCount": 3, "options": {"model": CORE, "seed": 7}}
    with TestClient(build_asgi(lambda: studio), base_url="http://localhost:8501") as client:
        told = client.post("/image/validate", json=asked).raise_for_status().json()
    assert told["request"]["seeds"] == [7, 8, 9]
