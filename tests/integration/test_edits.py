"""Edits: images made from one's own stored images, by the same approved request."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pymongo.database import Database
from starlette.testclient import TestClient

from imagegeneration.assets import imaging
from imagegeneration.assets.asset import StoredImage
from imagegeneration.assets.bucket import Storage
from imagegeneration.assets.reference import MAX_REFERENCE_BYTES
from imagegeneration.bootstrap import Studio, build_studio
from imagegeneration.configuration import bucket_of
from imagegeneration.core.actor import LOCAL, Actor
from imagegeneration.core.errors import InvalidRequest, NotFound, StorageFailed, TooLarge
from imagegeneration.jobs.bodies import GenerateBody
from imagegeneration.jobs.job import Job
from imagegeneration.local.sandbox import Sandbox
from imagegeneration.models.criteria import Criteria
from imagegeneration.models.options import Options
from imagegeneration.models.registry import ModelRegistry
from imagegeneration.providers.generation import Answer, GenerationParameters
from imagegeneration.runner.build import RunnerParts
from imagegeneration.runner.task import ImageTask
from imagegeneration.settings import Settings
from tests.integration.conftest import approve, assert_money_adds_up, claim, one_round
from tests.integration.test_execution import expire_lease
from tests.support import photo, s3

GONE = "img_01AAAAAAAAAAAAAAAAAAAAAAAA"


@pytest.fixture
def source(studio: Studio) -> StoredImage:
    """A stored image of the local admin."""
    job = approve(studio, "the source")
    one_round(studio)
    (image,) = studio.queries.images(LOCAL, job.job_id)
    return image


def asked(*image_ids: str, count: int = 1, **options: Any) -> GenerateBody:
    return GenerateBody(
        intent="a card",
        raw_prompt="at night",
        final_prompt="the same at night",
        image_count=count,
        options=Options(references=image_ids, **options),
    )


def edit(studio: Studio, *image_ids: str, actor: Actor = LOCAL, **more: Any) -> Job:
    body = asked(*image_ids, **more)
    return studio.approvals.approve(actor, body, source="api", idempotency_key=None)


def selected(studio: Studio, options: Options) -> GenerationParameters:
    """What would be asked of a provider first."""
    criteria = studio.selector.criteria(options, "a kite", LOCAL)
    return studio.selector.quote(criteria, 1, LOCAL.user_id).plan.request


def put(settings: Settings, key: str, content: bytes) -> None:
    """Put other bytes in the place of an object, as nothing of the studio does."""
    s3(settings).put_object(Bucket=settings.r2_bucket, Key=key, Body=content)


def test_an_edit_sends_the_approved_bytes_and_prompt(
    studio: Studio, source: StoredImage, sandbox: Sandbox, database: Database[dict[str, Any]], settings: Settings
) -> None:
    job = edit(studio, source.image_id, count=2)
    one_round(studio)
    done = studio.queries.get(LOCAL, job.job_id)
    assert done.status == "DONE"
    calls = sandbox.calls[1:]
    assert [(call.prompt, call.inputs) for call in calls] == [("the same at night", (source.sha256,))] * 2
    images = studio.queries.images(LOCAL, job.job_id)
    assert [image.is_edit for image in images] == [True, True]
    assert not source.is_edit
    stored = database.jobs.find_one({"jobId": job.job_id})
    assert stored is not None
    assert stored["request"]["references"] == [{"imageId": source.image_id, "sha256": source.sha256}]
    assert_money_adds_up(database)


def test_the_bill_has_the_images_that_were_read_and_stays_below_the_hold(studio: Studio, source: StoredImage) -> None:
    job = edit(studio, source.image_id)
    assert studio.registry.default is not None
    plain = studio.selector.quote_default(job.final_prompt, 1, LOCAL.user_id).total_micros
    assert job.approval.quoted_micros == plain + 53_600, "6,700 tokens at 8 dollars a million"
    one_round(studio)
    attempt = studio.queries.get(LOCAL, job.job_id).images[0].attempt
    assert attempt.usage is not None
    assert attempt.usage.input_image_tokens == 1024
    assert 1024 * 8 < attempt.cost_micros <= attempt.held_micros


def test_the_sandbox_shows_what_was_edited(studio: Studio, source: StoredImage, settings: Settings) -> None:
    job = edit(studio, source.image_id)
    one_round(studio)
    (made,) = studio.queries.images(LOCAL, job.job_id)
    storage = Storage(bucket_of(settings))
    with Image.open(io.BytesIO(storage.get(made.storage_key))) as drawn:
        shown = drawn.convert("RGB").crop((1024 - 21 - 10 - 299, 21 + 10, 1024 - 21 - 10, 21 + 10 + 299))
    with Image.open(io.BytesIO(storage.get(source.storage_key))) as original:
        wanted = original.convert("RGB").resize(shown.size)
    difference = sum(abs(a - b) for a, b in zip(shown.tobytes(), wanted.tobytes(), strict=True))
    assert difference / len(wanted.tobytes()) < 8


@pytest.mark.parametrize("how", ["other bytes", "more bytes", "no object", "no record"])
def test_what_is_not_what_was_approved_is_never_sent(
    how: str,
    studio: Studio,
    source: StoredImage,
    sandbox: Sandbox,
    database: Database[dict[str, Any]],
    settings: Settings,
) -> None:
    job = edit(studio, source.image_id)
    original = Storage(bucket_of(settings)).get(source.storage_key)
    if how == "other bytes":
        put(settings, source.storage_key, original[:-1] + b"x")
    elif how == "more bytes":
        put(settings, source.storage_key, original + b"x")
    elif how == "no object":
        s3(settings).delete_object(Bucket=settings.r2_bucket, Key=source.storage_key)
    else:
        database.images.delete_one({"imageId": source.image_id})
    one_round(studio)
    failed = studio.queries.get(LOCAL, job.job_id)
    assert (failed.status, failed.error_code, failed.cost_micros, failed.held_micros) == ("FAILED", "TAMPERED", 0, 0)
    assert "Nothing was sent" in str(failed.error)
    assert source.image_id in str(failed.error)
    assert len(sandbox.calls) == 1, "the source's own"
    assert_money_adds_up(database)
    if how != "no record":
        put(settings, source.storage_key, original)
        studio.approvals.retry(LOCAL, job.job_id, accept_micros=job.approval.quoted_micros)
        one_round(studio)
        assert studio.queries.get(LOCAL, job.job_id).status == "DONE"
        assert sandbox.calls[-1].inputs == (source.sha256,)


def test_a_record_that_was_changed_along_with_the_bytes_is_no_approval(
    studio: Studio,
    source: StoredImage,
    sandbox: Sandbox,
    database: Database[dict[str, Any]],
    settings: Settings,
) -> None:
    job = edit(studio, source.image_id)
    put(settings, source.storage_key, b"another image")
    sha256 = imaging.sha256(b"another image")
    database.images.update_one({"imageId": source.image_id}, {"$set": {"sha256": sha256, "sizeBytes": 13}})
    database.jobs.update_one({"jobId": job.job_id}, {"$set": {"request.references.0.sha256": sha256}})
    one_round(studio)
    assert studio.queries.get(LOCAL, job.job_id).error_code == "TAMPERED"
    assert len(sandbox.calls) == 1


def test_while_the_bucket_does_not_answer_the_image_waits_before_the_door(
    studio: Studio, source: StoredImage, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_answer(*_: object) -> bytes:
        raise StorageFailed("The image storage does not answer.")

    job = edit(studio, source.image_id)
    with monkeypatch.context() as outage:
        outage.setattr(Storage, "find", no_answer)
        one_round(studio)
    waiting = studio.queries.get(LOCAL, job.job_id)
    assert (waiting.images[0].state, waiting.images[0].attempt.attempt_id) == ("HELD", None)
    assert len(sandbox.calls) == 1


def test_a_call_that_was_in_flight_as_its_runner_died_is_not_made_again(
    studio: Studio,
    runner: RunnerParts,
    source: StoredImage,
    sandbox: Sandbox,
    database: Database[dict[str, Any]],
) -> None:
    job = edit(studio, source.image_id)
    claimed = claim(studio, "first")
    assert claimed is not None
    (task,) = runner.admission.tasks(claimed, lambda _: False)
    inputs = runner.door.inputs(claimed, task.index)
    assert inputs is not None
    assert runner.door.enter(claimed, task)
    runner.calls.make(claimed, task, inputs)
    expire_lease(database, job)
    one_round(studio)
    assert studio.queries.get(LOCAL, job.job_id).images[0].state == "UNKNOWN"
    assert len(sandbox.calls) == 2


def test_a_call_without_the_bytes_of_its_references_is_not_sent(
    studio: Studio, runner: RunnerParts, source: StoredImage, sandbox: Sandbox
) -> None:
    job = edit(studio, source.image_id)
    claimed = claim(studio, "first")
    assert claimed is not None
    with pytest.raises(Exception, match="1 images are to be edited, and 0 were read") as refused:
        runner.calls.make(job, ImageTask(0, "att_1"))
    assert getattr(refused.value, "certainty", None) == "not_charged"
    assert len(sandbox.calls) == 1


def test_what_is_anothers_does_not_exist(company: Studio, studio: Studio, source: StoredImage) -> None:
    creator = Actor(user_id="usr_other", roles=("creator",))
    reviewer = Actor(user_id="usr_reviewer", roles=("creator", "reviewer"))
    for ids in ((source.image_id,), (GONE,)):
        with pytest.raises(NotFound, match="there is no such image"):
            studio.references.named(creator, ids)
        assert studio.references.stored(creator, ids) == []
    assert [found.image_id for found in studio.references.named(reviewer, [source.image_id])] == [source.image_id]


def test_references_that_are_too_heavy_together_are_refused(
    studio: Studio, source: StoredImage, database: Database[dict[str, Any]], client: TestClient
) -> None:
    database.images.update_one({"imageId": source.image_id}, {"$set": {"sizeBytes": MAX_REFERENCE_BYTES + 1}})
    refused = client.post("/image/validate", json={"finalPrompt": "x", "options": {"references": [source.image_id]}})
    assert (refused.status_code, refused.json()["error"]["code"]) == (413, "IMG_007")
    assert "references" in refused.json()["error"]["message"]


def generate(client: TestClient, key: str | None = None, **options: Any) -> Any:
    body = {"intent": "a card", "rawPrompt": "kite", "finalPrompt": "a kite", "imageCount": 1, "options": options}
    return client.post("/image/generate", json=body, headers={} if key is None else {"Idempotency-Key": key})


def test_the_api_takes_references_and_replays(client: TestClient, studio: Studio, source: StoredImage) -> None:
    first = generate(client, key="k", references=[source.image_id]).raise_for_status().json()
    assert first["request"]["references"] == [{"imageId": source.image_id, "sha256": source.sha256}]
    assert generate(client, key="k", references=[source.image_id]).json()["jobId"] == first["jobId"]
    assert generate(client, key="k").json()["error"]["code"] == "IMG_009", "another body"


def test_the_api_refuses_in_words_and_writes_nothing(
    client: TestClient, source: StoredImage, database: Database[dict[str, Any]]
) -> None:
    gone = generate(client, references=[GONE])
    assert (gone.status_code, gone.json()["error"]["code"]) == (404, "IMG_008")
    for references in ([source.image_id] * 2, ["img_1"], [{"imageId": source.image_id}]):
        assert generate(client, references=references).json()["error"]["code"] == "IMG_009", references
    assert database.jobs.count_documents({}) == 1


def test_more_references_than_the_limit_are_refused_as_too_large(
    client: TestClient, database: Database[dict[str, Any]]
) -> None:
    many = [f"{GONE[:-2]}{number:02d}" for number in range(17)]
    question = {"finalPrompt": "a kite", "options": {"references": many}}
    answers = [client.post(f"/image/{path}", json=question) for path in ("validate", "estimate")]
    for refused in (generate(client, references=many), *answers):
        assert (refused.status_code, refused.json()["error"]["code"]) == (413, "IMG_007")
        assert "at most 16 images can be edited at once, and 17 were chosen" in refused.json()["error"]["message"]
        assert "fewer images" in refused.json()["error"]["resolution"]
    assert generate(client, references=many[:16]).json()["error"]["code"] == "IMG_008"
    assert database.jobs.count_documents({}) == 0


ONE_AT_A_TIME = """
[[image_models]]
name = "one"
provider = "openai"
label = "One"
sizes = ["1024x1024"]
edits = true
references = 1
source = "a test"
read_on = 2026-11-21
[image_models.prices]
image = [{ micros = 1 }]
image_in = 1_000_000
reference_tokens = 1
"""


def test_more_references_than_a_model_takes_are_refused_as_too_large(
    settings: Settings, studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = approve(studio, "the sources", image_count=2)
    one_round(studio)
    two = tuple(image.image_id for image in studio.queries.images(LOCAL, job.job_id))
    rows = tmp_path / "rows.toml"
    rows.write_text(ONE_AT_A_TIME)
    offering = build_studio(settings.model_copy(update={"catalog_file": rows}))

    def choose(*image_ids: str, **options: Any) -> str:
        return selected(offering, Options(references=image_ids, **options)).model

    assert choose(two[0], model="one") == "one"
    for options in ({"model": "one"}, {"fallback": ("one",)}):
        with pytest.raises(TooLarge, match="One edits at most 1 images at once") as refused:
            choose(*two, **options)
        assert "fewer images" in refused.value.resolution
    one = offering.registry.catalog.model("one", datetime.now(UTC).date())
    monkeypatch.setattr(ModelRegistry, "callable_models", lambda _self: [(one, "sandbox")])
    assert choose(two[0]) == "one"
    for options in ({}, {"provider": "sandbox"}):
        with pytest.raises(TooLarge, match="at most 1 images can be edited at once here, and 2 were chosen"):
            choose(*two, **options)
    with pytest.raises(InvalidRequest, match="takes no seed"):
        choose(two[0], seed=1)
    offering.close()


PLAIN = """
[[image_models]]
name = "plain"
provider = "openai"
label = "Plain"
sizes = ["1024x1024"]
source = "a test"
read_on = 2026-11-21
[image_models.prices]
image = [{ micros = 1 }]
"""


def test_models_that_cannot_edit_or_be_transparent_are_left_out_with_words(
    settings: Settings, studio: Studio, source: StoredImage, tmp_path: Path
) -> None:
    rows = tmp_path / "rows.toml"
    rows.write_text(PLAIN)
    offering = build_studio(settings.model_copy(update={"catalog_file": rows}))
    options = Options(references=(source.image_id,), background="transparent", priority="cost")
    criteria = offering.selector.criteria(options, "a kite", LOCAL)
    words = {found.model: found.limitations for found in offering.selector.estimate(criteria).recommendations}
    assert words["gpt-image-2.5-flare"] == ()
    assert words["plain"][:2] == ("Plain has no choice of this background.", "Plain edits no images.")
    assert selected(offering, options).model == "gpt-image-2.5-flare"
    by_name = options.model_copy(update={"model": "plain"})
    with pytest.raises(InvalidRequest, match="Plain edits no images"):
        selected(offering, by_name)
    cheapest = offering.selector.estimate(Criteria(final_prompt="a kite")).cheapest
    assert cheapest == "plain", "it is only left out where it cannot"
    offering.close()


def test_the_estimate_has_what_references_cost(client: TestClient, source: StoredImage) -> None:
    def price(*references: str) -> int:
        question = {"finalPrompt": "a kite", "options": {"references": references}}
        candidates = client.post("/image/estimate", json=question).raise_for_status().json()["recommendations"]
        found = next(one for one in candidates if one["model"] == "gpt-image-2.5-flare")
        return int(found["priceMicros"])

    assert price(source.image_id) - price() == 53_600
    assert (
        client.post("/image/estimate", json={"finalPrompt": "a kite", "options": {"references": [GONE]}}).status_code
        == 404
    )


def validated(client: TestClient, *image_ids: str, **options: Any) -> tuple[str, list[str]]:
    """The size that would be asked for, and what is said of it."""
    question = {"finalPrompt": "a kite", "options": {"references": image_ids, **options}}
    answer = client.post("/image/validate", json=question).raise_for_status().json()
    return answer["request"]["size"], answer["givenUp"]


def test_an_edit_without_a_size_keeps_the_proportions_of_its_first_image(
    client: TestClient, source: StoredImage, database: Database[dict[str, Any]]
) -> None:
    database.images.update_one({"imageId": source.image_id}, {"$set": {"width": 1800, "height": 1200}})
    assert validated(client, source.image_id) == ("1536x1024", [])
    assert validated(client, source.image_id, model="gpt-image-2.5-sunburst") == ("1536x1024", [])
    assert validated(client, source.image_id, size="1024x1024") == ("1024x1024", [])


def test_proportions_that_no_size_keeps_are_said_in_words(
    client: TestClient, source: StoredImage, database: Database[dict[str, Any]]
) -> None:
    database.images.update_one({"imageId": source.image_id}, {"$set": {"width": 1920, "height": 1080}})
    nearest = "makes {}, which is the nearest to the first image's 1920x1080."
    flare, square = f"GPT Image 2.5 Flare {nearest.format('1536x1024')}", f"GPT Image 2 {nearest.format('1024x1024')}"
    assert validated(client, source.image_id) == ("1536x1024", [flare])
    with_another = {"fallback": ["gpt-image-2"], "maxExtraMicros": 1_000_000}
    assert validated(client, source.image_id, **with_another) == ("1536x1024", [flare, square])
    assert validated(client, source.image_id, size="1024x1024") == ("1024x1024", []), "as it was asked for"


def test_a_photo_that_lies_on_its_side_is_edited_upright(
    client: TestClient, studio: Studio, runner: RunnerParts
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    approve(studio, "the source")
    job = claim(studio, "runner_a")
    assert job is not None
    assert runner.door.enter(job, ImageTask(0, "att_1"))
    received = runner.intake.receive(job, ImageTask(0, "att_1"), Answer(photo("JPEG", (96, 64), exif=exif), None, None))
    assert received is not None
    runner.delivery.deliver(received)
    (stored,) = studio.queries.images(LOCAL, job.job_id)
    assert (stored.width, stored.height) == (64, 96)
    assert validated(client, stored.image_id) == ("1024x1536", [])
