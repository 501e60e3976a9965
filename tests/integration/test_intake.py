"""Whatever comes as the answer of a paid call: it is kept, settled, and its image ends where a person can act on it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from pymongo.database import Database
from starlette.testclient import TestClient

from imagegeneration.assets import imaging
from imagegeneration.assets.bucket import Storage
from imagegeneration.assets.decoder import Decoder
from imagegeneration.bootstrap import Studio
from imagegeneration.core.actor import LOCAL
from imagegeneration.core.errors import InternalFault, WrongState
from imagegeneration.dashboard.kit import job_words
from imagegeneration.jobs.bodies import GenerateBody
from imagegeneration.jobs.decision import Decision
from imagegeneration.jobs.job import Job
from imagegeneration.local.sandbox import Sandbox
from imagegeneration.models.catalog import Catalog
from imagegeneration.models.options import Options
from imagegeneration.operations.state import OpenImage
from imagegeneration.providers.generation import Answer, Usage
from imagegeneration.runner import spool_delivery
from imagegeneration.runner.build import RunnerParts
from imagegeneration.runner.intake import READINGS, Intake
from imagegeneration.runner.spool import Spool, SpoolEntry
from imagegeneration.runner.spool_delivery import MOST_FAILURES
from imagegeneration.runner.task import ImageTask
from imagegeneration.settings import Settings
from tests.integration.conftest import approve, assert_money_adds_up, claim, one_round
from tests.support import FORMS, mutants, photo, png

ATTEMPT = "att_1"
TASK = ImageTask(0, ATTEMPT)


@pytest.fixture
def calling(studio: Studio, runner: RunnerParts) -> Job:
    """A job whose one image is being paid for."""
    approve(studio)
    job = claim(studio, "runner_a")
    assert job is not None
    assert runner.door.enter(job, TASK)
    return job


def taken_in(studio: Studio, runner: RunnerParts, job: Job, answer: Answer, index: int = 0) -> Job:
    """The job after the answer to the call for one of its images."""
    attempt_id = studio.queries.get(LOCAL, job.job_id).images[index].attempt.attempt_id or ""
    received = runner.intake.receive(job, ImageTask(index, attempt_id), answer)
    if received is not None:
        runner.delivery.deliver(received)
    return studio.queries.get(LOCAL, job.job_id)


def answer_of(content: bytes, **said: Any) -> Answer:
    return Answer(content, **({"usage": None, "provider_request_id": None} | said))


def spooled(runner: RunnerParts, job: Job, content: bytes) -> Path:
    """The file of an answer whose runner stopped before it did anything else with it."""
    answer = answer_of(content)
    runner.spool.write(SpoolEntry.of(job.job_id, TASK, answer), answer)
    return runner.spool.folder / f"{ATTEMPT}.answer"


def set_aside(studio: Studio) -> OpenImage:
    """The one image that operators see as set aside."""
    (image,) = studio.operations.state(LOCAL).set_aside
    return image


def assert_set_aside(studio: Studio, runner: RunnerParts, job: Job, why: str) -> None:
    """The image is over, charged, shown, and its bytes are kept here and in the bucket."""
    ended = studio.queries.get(LOCAL, job.job_id)
    image = ended.images[0]
    assert (ended.status, ended.error_code, image.state) == ("FAILED", "STORAGE", "FAILED")
    assert (image.attempt.outcome, image.attempt.certainty) == ("set_aside", "charged")
    assert image.attempt.cost_micros > 0
    assert ended.held_micros == 0
    shown = set_aside(studio)
    assert (shown.job_id, shown.attempt_id, shown.cost_micros) == (job.job_id, ATTEMPT, image.attempt.cost_micros)
    assert why in (shown.message or "")
    assert (runner.spool.aside(), list(runner.spool.attempt_ids())) == ([ATTEMPT], [])
    (copy,) = studio.storage.keys("set-aside/")
    assert ATTEMPT in copy


def decide(studio: Studio, job: Job, decision: Decision) -> Job:
    return studio.decisions.decide(LOCAL, job.job_id, 0, attempt_id=ATTEMPT, decision=decision, reason="looked at")


def deliver(runner: RunnerParts, monkeypatch: pytest.MonkeyPatch, rounds: int = 1) -> None:
    """Rounds over the spool, as if time passed between them."""
    monkeypatch.setattr(spool_delivery, "SETTLED_SECONDS", 0)
    monkeypatch.setattr(spool_delivery, "LONGEST_PAUSE_SECONDS", 0)
    delivery = runner.spool_delivery
    for _ in range(rounds):
        delivery.run()


def unforeseen(*_: object, **__: object) -> Any:
    raise RuntimeError("this was not foreseen")


@pytest.mark.parametrize(
    "content",
    [photo("MPO"), photo("JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff"), photo("PNG", exif=b"Exif\0\0junk")],
    ids=["two pictures in one file", "broken EXIF in a JPEG", "broken EXIF in a PNG"],
)
def test_an_image_with_odd_metadata_is_stored_as_it_came(
    studio: Studio, runner: RunnerParts, calling: Job, content: bytes
) -> None:
    done = taken_in(studio, runner, calling, answer_of(content))
    assert done.status == "DONE"
    served = httpx.get(done.cdn_urls[0], trust_env=False)
    assert served.content == content
    is_png = content.startswith(b"\x89PNG")
    assert served.headers["content-type"] == ("image/png" if is_png else "image/jpeg")
    assert done.cdn_urls[0].endswith(".png" if is_png else ".jpg")


@pytest.mark.parametrize(
    "said",
    ["x" * 17_000_000, "a\x00kite", "a \ud800 kite", "\ud83d", "\x00" * 100_000, ""],
    ids=["17 MB", "NUL", "lone surrogate", "half an emoji", "many NULs", "nothing"],
)
def test_nothing_that_a_provider_says_costs_the_image(
    studio: Studio, runner: RunnerParts, calling: Job, said: str, database: Database[dict[str, Any]]
) -> None:
    answer = answer_of(png(), revised_prompt=said, provider_request_id=said)
    done = taken_in(studio, runner, calling, answer)
    assert done.status == "DONE"
    kept = done.images[0].attempt.revised_prompt
    assert kept is not None
    assert len(kept) <= 32_000
    assert "\x00" not in kept
    assert_money_adds_up(database)


def test_what_nobody_foresaw_sets_the_answer_aside_until_it_is_tried_again(
    studio: Studio,
    runner: RunnerParts,
    calling: Job,
    monkeypatch: pytest.MonkeyPatch,
    database: Database[dict[str, Any]],
    sandbox: Sandbox,
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(imaging, "inspect", unforeseen)
        taken_in(studio, runner, calling, answer_of(png()))
    assert_set_aside(studio, runner, calling, "settling it failed (RuntimeError)")
    with pytest.raises(WrongState):
        studio.cancellation.cancel(LOCAL, calling.job_id)
    again = decide(studio, calling, "try_again")
    assert (again.status, again.images[0].state) == ("RUNNING", "GENERATED")
    deliver(runner, monkeypatch)
    done = studio.queries.get(LOCAL, calling.job_id)
    assert (done.status, done.error, done.images[0].attempt.outcome) == ("DONE", None, "generated")
    assert httpx.get(done.cdn_urls[0], trust_env=False).content == png()
    assert (studio.operations.state(LOCAL).set_aside, runner.spool.aside(), sandbox.calls) == ((), [], [])
    assert_money_adds_up(database)


@pytest.mark.parametrize(
    ("owner", "step"),
    [(Intake, "_judged"), (Catalog, "judged"), (Spool, "keep_other"), (SpoolEntry, "of")],
    ids=lambda part: part if isinstance(part, str) else part.__name__,
)
def test_an_answer_reaches_the_spool_whatever_is_wrong_with_what_is_said_of_it(
    studio: Studio,
    runner: RunnerParts,
    calling: Job,
    owner: type,
    step: str,
    monkeypatch: pytest.MonkeyPatch,
    database: Database[dict[str, Any]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    work, tries = getattr(owner, step), itertools.count()

    def fails_at_first(*given: Any, **named: Any) -> Any:
        return unforeseen() if next(tries) == 0 else work(*given, **named)

    monkeypatch.setattr(owner, step, fails_at_first)
    usage = Usage(input_text_tokens=10, input_image_tokens=0, output_tokens=440)
    received = runner.intake.receive(calling, TASK, answer_of(png(1), usage=usage, others=(png(2),)))
    assert received is not None
    assert list(runner.spool.attempt_ids()) == [ATTEMPT]
    runner.delivery.deliver(received)
    done = studio.queries.get(LOCAL, calling.job_id)
    attempt = done.images[0].attempt
    assert (done.status, attempt.usage, attempt.cost_micros) == ("DONE", None, calling.approval.quoted_micros)
    assert attempt.others == ()
    assert httpx.get(done.cdn_urls[0], trust_env=False).content == png(1)
    assert "this was not foreseen" in caplog.text
    assert_money_adds_up(database)


@pytest.mark.parametrize(("quality", "is_believed"), [("max", False), ("low", True)])
def test_a_dear_image_with_the_count_of_a_cheap_one_is_booked_at_the_quote(
    studio: Studio, runner: RunnerParts, quality: str, is_believed: bool, database: Database[dict[str, Any]]
) -> None:
    approved = GenerateBody(
        intent="a card", raw_prompt="a kite", final_prompt="a kite", options=Options(quality=quality)
    )
    studio.approvals.approve(LOCAL, approved, source="api", idempotency_key=None)
    job = claim(studio, "runner_a")
    assert job is not None
    assert runner.door.enter(job, TASK)
    cheap = Usage(input_text_tokens=10, input_image_tokens=0, output_tokens=200)
    attempt = taken_in(studio, runner, job, answer_of(png(), usage=cheap)).images[0].attempt
    assert attempt.usage == cheap.model_copy(update={"implausible": not is_believed})
    assert attempt.cost_micros == (6_050 if is_believed else job.approval.quoted_micros)
    assert job_words.attempt_cost(attempt).endswith("cannot be right") is not is_believed
    assert_money_adds_up(database)


def test_a_count_that_nothing_approved_can_be_compared_with_is_not_believed(
    studio: Studio, runner: RunnerParts, calling: Job
) -> None:
    usage = Usage(input_text_tokens=10, input_image_tokens=0, output_tokens=440)
    another = calling.request.model_copy(update={"model": "gpt-image-2"})
    changed = calling.model_copy(update={"request": another})
    answer = runner.intake._judged(changed, TASK, answer_of(png(), usage=usage))
    assert answer.usage == usage.model_copy(update={"implausible": True})


def test_what_still_cannot_be_taken_in_is_set_aside_again(
    studio: Studio, runner: RunnerParts, calling: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imaging, "inspect", unforeseen)
    cost = taken_in(studio, runner, calling, answer_of(png())).cost_micros
    decide(studio, calling, "try_again")
    deliver(runner, monkeypatch)
    assert_set_aside(studio, runner, calling, "settling it failed (RuntimeError)")
    assert studio.queries.get(LOCAL, calling.job_id).cost_micros == cost


def test_an_answer_that_was_set_aside_can_be_given_up(
    studio: Studio, runner: RunnerParts, calling: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imaging, "inspect", unforeseen)
    taken_in(studio, runner, calling, answer_of(png()))
    lost = decide(studio, calling, "declare_lost")
    assert (lost.status, lost.error_code, lost.images[0].state) == ("FAILED", "STORAGE", "FAILED")
    assert studio.operations.state(LOCAL).set_aside == ()
    for decision in ("try_again", "declare_lost"):
        with pytest.raises(WrongState):
            decide(studio, calling, decision)


def test_an_image_that_was_set_aside_can_be_made_again(
    studio: Studio,
    runner: RunnerParts,
    calling: Job,
    monkeypatch: pytest.MonkeyPatch,
    database: Database[dict[str, Any]],
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(imaging, "inspect", unforeseen)
        taken_in(studio, runner, calling, answer_of(png()))
    quote = studio.approvals.retry_quote(LOCAL, calling.job_id)
    assert (quote.missing, quote.unknown) == (1, 0)
    studio.approvals.retry(LOCAL, calling.job_id, accept_micros=quote.total_micros)
    one_round(studio)
    assert studio.queries.get(LOCAL, calling.job_id).status == "DONE"
    assert studio.operations.state(LOCAL).set_aside == ()
    assert_money_adds_up(database)


def test_the_decisions_about_it_are_in_the_api(
    client: TestClient, studio: Studio, runner: RunnerParts, calling: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imaging, "inspect", unforeseen)
    taken_in(studio, runner, calling, answer_of(png()))
    (shown,) = client.get("/image/operations").raise_for_status().json()["setAside"]
    assert (shown["jobId"], shown["attemptId"]) == (calling.job_id, ATTEMPT)
    body = {"decision": "try_again", "attemptId": ATTEMPT, "reason": "another Pillow"}
    decided = client.post(f"/image/jobs/{calling.job_id}/images/0/decision", json=body).raise_for_status()
    assert decided.json()["status"] == "RUNNING"
    assert client.get("/image/operations").json()["setAside"] == []


def test_a_document_that_the_database_refuses_sets_the_answer_aside_without_the_providers_words(
    studio: Studio, runner: RunnerParts, calling: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply = runner.intake._transitions.apply

    def refuse_usage(job_id: str, index: int, transition: Callable[..., Any]) -> Any:
        def checked(image: Any, now: Any) -> Any:
            new = transition(image, now)
            if new.attempt.revised_prompt:
                raise InternalFault("The database refused a document.")
            return new

        return apply(job_id, index, checked)

    monkeypatch.setattr(runner.intake._transitions, "apply", refuse_usage)
    taken_in(studio, runner, calling, answer_of(png(), revised_prompt="a kite"))
    assert_set_aside(studio, runner, calling, "settling it failed (InternalFault)")


def change_a_byte(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[:-30] + bytes([content[-30] ^ 1]) + content[-29:])


DAMAGE: dict[str, tuple[Callable[[Path], Any], str]] = {
    "changed": (change_a_byte, "its bytes have changed"),
    "cut off": (lambda file: file.write_bytes(file.read_bytes()[:-1]), "its bytes have changed"),
    "first line": (lambda file: file.write_bytes(b"?" + file.read_bytes()[1:]), "cannot be read any more"),
    "empty": (lambda file: file.write_bytes(b""), "cannot be read any more"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_an_answer_that_was_damaged_before_it_was_settled_is_charged_and_never_stored(
    studio: Studio, runner: RunnerParts, calling: Job, damage: str, database: Database[dict[str, Any]]
) -> None:
    harm, why = DAMAGE[damage]
    harm(spooled(runner, calling, photo("JPEG")))
    runner.recovery.recover(calling, TASK)
    assert_set_aside(studio, runner, calling, why)
    assert_money_adds_up(database)


@pytest.mark.parametrize("damage", DAMAGE)
def test_an_answer_that_was_damaged_while_it_waited_for_the_bucket_is_never_stored(
    studio: Studio,
    runner: RunnerParts,
    calling: Job,
    damage: str,
    monkeypatch: pytest.MonkeyPatch,
    database: Database[dict[str, Any]],
) -> None:
    harm, why = DAMAGE[damage]
    assert runner.intake.receive(calling, TASK, answer_of(photo("JPEG"))) is not None
    harm(runner.spool.folder / f"{ATTEMPT}.answer")
    deliver(runner, monkeypatch)
    assert_set_aside(studio, runner, calling, why)
    assert_money_adds_up(database)


def test_a_damaged_answer_that_no_job_waits_for_is_put_away(
    runner: RunnerParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    (runner.spool.folder / "att_old.answer").write_bytes(b"")
    deliver(runner, monkeypatch)
    assert list(runner.spool.attempt_ids()) == []


def test_an_answer_that_ended_its_runners_is_not_read_once_more(
    studio: Studio, runner: RunnerParts, calling: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    spooled(runner, calling, png())
    for _ in range(READINGS):
        runner.spool.readings.count(ATTEMPT)
    monkeypatch.setattr(imaging, "inspect", lambda _content: pytest.fail("it was read once more"))
    deliver(runner, monkeypatch)
    assert_set_aside(studio, runner, calling, f"begun {READINGS} times")


def test_an_image_that_needs_too_much_memory_is_set_aside_and_harms_no_other(
    studio: Studio, runner: RunnerParts, calling: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = Decoder(memory_bytes=160 * 1024**2)
    monkeypatch.setattr(imaging, "_DECODER", small)
    taken_in(studio, runner, calling, answer_of(photo("PNG", (6_000, 6_000))))
    assert_set_aside(studio, runner, calling, "more memory")
    job = approve(studio)
    one_round(studio)
    assert studio.queries.get(LOCAL, job.job_id).status == "DONE"
    small.close()


def test_a_decoder_that_was_killed_once_costs_no_image(
    studio: Studio, runner: RunnerParts, calling: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    inspect, tries = imaging.inspect, itertools.count()

    def killed_at_first(content: bytes) -> Any:
        if next(tries) == 0:
            raise imaging.Unreadable("it broke what reads images")
        return inspect(content)

    monkeypatch.setattr(imaging, "inspect", killed_at_first)
    assert taken_in(studio, runner, calling, answer_of(png())).status == "DONE"


def test_waiting_for_the_bucket_is_never_taken_for_poison(
    studio: Studio, runner: RunnerParts, calling: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as outage:
        outage.setattr(studio.storage, "bucket", "gone")
        assert runner.intake.receive(calling, TASK, answer_of(png())) is not None
        deliver(runner, monkeypatch, rounds=READINGS + MOST_FAILURES + 1)
        assert studio.queries.get(LOCAL, calling.job_id).images[0].state == "GENERATED"
    deliver(runner, monkeypatch)
    assert studio.queries.get(LOCAL, calling.job_id).status == "DONE"


def test_what_cannot_be_delivered_for_no_known_reason_is_set_aside_in_the_end(
    studio: Studio, runner: RunnerParts, calling: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner.delivery, "_record", unforeseen)
    assert runner.intake.receive(calling, TASK, answer_of(png())) is not None
    deliver(runner, monkeypatch, rounds=MOST_FAILURES)
    assert_set_aside(studio, runner, calling, "storing it failed (RuntimeError)")


def test_an_image_whose_place_in_the_bucket_is_taken_is_set_aside(
    studio: Studio, runner: RunnerParts, calling: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    received = runner.intake.receive(calling, TASK, answer_of(png()))
    assert received is not None
    put = Storage.put

    def taken(self: Storage, key: str, content: bytes, content_type: str, *, compare: bool) -> None:
        if compare:
            put(self, key, b"something else", content_type, compare=False)
        put(self, key, content, content_type, compare=compare)

    monkeypatch.setattr(Storage, "put", taken)
    runner.delivery.deliver(received)
    assert_set_aside(studio, runner, calling, "Another object")


def test_what_neither_disk_nor_reader_takes_is_in_the_bucket(
    studio: Studio, runner: RunnerParts, calling: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(runner.spool, "write", refuse)
    monkeypatch.setattr(imaging, "inspect", unforeseen)
    ended = taken_in(studio, runner, calling, answer_of(png()))
    assert "kept in the bucket" in (ended.error or "")
    (key,) = studio.storage.keys("generated/")
    assert studio.storage.get(key) == png()
    with pytest.raises(WrongState):
        decide(studio, calling, "try_again")
    assert decide(studio, calling, "declare_lost").images[0].state == "FAILED"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """A budget for thousands of images."""
    return settings.model_copy(update={"daily_budget_usd": Decimal(1_000), "daily_budget_per_user_usd": Decimal(1_000)})


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("count", [5, pytest.param(800, marks=[pytest.mark.long, pytest.mark.timeout(1_800)])])
def test_every_damaged_image_ends_its_job_and_is_charged(
    studio: Studio,
    runner: RunnerParts,
    form: str,
    count: int,
    monkeypatch: pytest.MonkeyPatch,
    database: Database[dict[str, Any]],
) -> None:
    monkeypatch.setattr(studio.breakers, "count_failure", lambda *_: None)  # else the provider is paused
    damaged = mutants(photo(**FORMS[form], exif=b"Exif\0\0II*\0"), count, seed=count)
    while contents := list(itertools.islice(damaged, 5)):
        approve(studio, image_count=5)
        job = claim(studio, "runner_a")
        assert job is not None
        ended = job
        for index in range(5):
            content = contents[index % len(contents)]
            assert runner.door.enter(job, ImageTask(index, f"{job.job_id}-{index}"))
            ended = taken_in(studio, runner, job, answer_of(content), index)
            image = ended.images[index]
            assert image.attempt.certainty == "charged"
            if image.state == "STORED":
                assert studio.storage.get(_key(studio, image.url)) == content
            else:
                assert (image.state, image.attempt.outcome) == ("FAILED", "not_an_image")
        assert ended.is_over
    assert (list(runner.spool.attempt_ids()), studio.operations.state(LOCAL).set_aside) == ([], ())
    assert_money_adds_up(database)


def _key(studio: Studio, url: str | None) -> str:
    return (url or "").removeprefix(studio.storage.url(""))
