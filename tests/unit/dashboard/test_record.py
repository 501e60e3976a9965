"""The audit record of a job in the dialog."""

from __future__ import annotations

from typing import Any

from imagegeneration.assets.reference import Reference
from imagegeneration.core.errors import ModelUnavailable
from imagegeneration.dashboard.jobs.cards import Reader, card
from imagegeneration.dashboard.jobs.record import record
from imagegeneration.dashboard.kit import words
from imagegeneration.jobs.approvals import RetryQuote
from imagegeneration.jobs.job import AttemptError
from imagegeneration.money.price import Price
from imagegeneration.prompts.moderation import Moderation
from imagegeneration.providers.generation import GenerationParameters, Lora
from tests.unit.dashboard.samples import NOW, approval, attempt, image, job, stored_image


def facts(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {row["label"]: row["value"] for row in rows}


def section(shown: dict[str, Any], title: str) -> dict[str, Any]:
    (rows,) = (one["rows"] for one in shown["sections"] if one["title"] == title)
    return facts(rows)


def test_typed_and_sent_are_apart_unless_they_are_the_same() -> None:
    assert section(record(job(), [], None), "Prompts") == {
        "Intent": "homepage card",
        "Sent": "a red kite over hills",
        "Typed": "a kite",
    }
    as_typed = section(record(job(raw_prompt="a kite", final_prompt="a kite"), [], None), "Prompts")
    assert as_typed["Typed and sent, without a change"] == "a kite"
    assert "Typed" not in as_typed


def test_user_text_is_marked_as_text() -> None:
    (rows,) = (one["rows"] for one in record(job(), [], None)["sections"] if one["title"] == "Prompts")
    assert {row["kind"] for row in rows} == {"text"}


def test_every_approval_is_there() -> None:
    shown = record(job(retries=[approval(27_400)]), [], None)
    assert section(shown, "Approval")["Price shown"] == "Up to $0.0137"
    assert section(shown, "Retry 1")["Price shown"] == "Up to $0.0274"
    assert section(shown, "Approval")["Request SHA-256"] == "a" * 64
    assert section(shown, "Job")["Quoted"] == "Up to $0.0411"


def test_an_approval_says_what_the_moderation_found() -> None:
    def shown(**facts: Any) -> dict[str, Any]:
        moderation = Moderation(policy="flag", **facts)
        moderated = job().approval.model_copy(update={"moderation": moderation})
        return section(record(job(approval=moderated), [], None), "Approval")

    assert "Moderation" not in section(record(job(), [], None), "Approval")
    assert shown(outcome="passed", model="omni")["Moderation"] == "Nothing was found in the prompt"
    assert shown(outcome="passed", model="omni")["Moderated by"] == "omni"
    flagged = shown(outcome="flagged", model="omni", categories=("hate", "sexual/minors"))
    assert flagged["Moderation"] == "The moderation found: hate, sexual content with minors."
    assert "not checked" in shown(outcome="not_checked")["Moderation"]


def test_what_was_asked_for_and_what_came() -> None:
    (as_asked,) = record(job(), [stored_image()], None)["details"]
    assert facts(as_asked["rows"])["Size"] == "1024 × 1024, as asked"
    assert facts(as_asked["rows"])["Format"] == "PNG, as asked"
    (other,) = record(job(), [stored_image(width=512, mime_type="image/webp")], None)["details"]
    assert facts(other["rows"])["Size"] == "512 × 1024 (asked for 1024 × 1024)"
    assert facts(other["rows"])["Format"] == "WEBP (asked for PNG)"


def test_an_attempt_says_why_it_failed_and_what_it_cost() -> None:
    error = AttemptError(code="PROVIDER", message="The provider refused.")
    failed = image("FAILED", started_at=NOW, finished_at=NOW, outcome="refused", certainty="not_charged", error=error)
    (detail,) = record(job("FAILED", [failed], error_code="PROVIDER"), [], None)["details"]
    (tried,) = detail["attempts"]
    assert facts(tried["rows"])["Why"] == "The provider refused."
    assert facts(tried["rows"])["Cost"] == "Nothing was charged"
    assert facts(tried["rows"])["Outcome"] == "Refused by the provider"


def test_a_retry_says_its_price_and_warns_only_of_money_that_may_be_lost() -> None:
    failed = job("FAILED", [image("FAILED")], error_code="PROVIDER")
    plain = record(failed, [], RetryQuote(2, 27_400, 0, 0))["offer"]
    assert (plain["label"], plain["accept"]) == ("Retry the 2 missing images for up to $0.0274", 27_400)
    assert plain["warning"] is None
    doubtful = record(failed, [], RetryQuote(1, 13_700, 1, 13_700))["offer"]
    assert doubtful["label"] == "Retry the missing image for up to $0.0137"
    assert "1 image was perhaps charged already: up to $0.0137." in doubtful["warning"]


def test_an_image_in_doubt_can_be_decided_in_its_record() -> None:
    unknown = image("UNKNOWN", attempt_id="att_1", certainty="unknown", cost_micros=13_700)
    shown = record(job("FAILED", [unknown], error_code="INTERRUPTED"), [], RetryQuote(1, 13_700, 1, 13_700))
    (choice,) = shown["choices"]
    assert choice["title"] == "Image 1 was perhaps charged: up to $0.0137"
    assert [action["label"] for action in choice["actions"]] == ["Accept as lost", "Mark as not charged"]


def test_an_image_can_be_declared_lost_only_when_its_machine_is_gone() -> None:
    made = image("GENERATED", attempt_id="att_1", certainty="charged", cost_micros=13_300)
    waiting = job("RUNNING", [made.model_copy(update={"spool_host": "web-2"})])
    assert record(waiting, [], None)["choices"] == []
    (choice,) = record(waiting, [], None, {"web-2"})["choices"]
    assert [action["label"] for action in choice["actions"]] == ["Declare 1 image lost"]


def test_an_attempt_says_who_made_it_and_why_it_was_not_the_first() -> None:
    second = GenerationParameters(
        provider="stability", model="stable-image-core", size="1536x640", quality="standard", output_format="webp"
    )
    passed_over = attempt(outcome="not_sent", certainty="not_charged")
    made = attempt(
        provider="stability",
        model="stable-image-core",
        why="openai is paused: <b>down</b>",
        held_micros=40_000,
        price=Price(micros=30_000),
    )
    fallen_back = image("STORED").model_copy(update={"attempts": (passed_over, made)})
    stored = stored_image(provider="stability", model="stable-image-core", width=1536, height=640)
    shown = record(job(images=[fallen_back], alternates=(second,)), [stored], None)
    assert section(shown, "Request")["Alternate 1"] == "stable-image-core of Stability, 1536 × 640, standard, WEBP"
    (detail,) = shown["details"]
    first, last = (facts(one["rows"]) for one in detail["attempts"])
    assert (first["Provider"], first["Model"]) == ("The sandbox", "gpt-image-2.5-flare")
    assert "Fell back because" not in first
    assert (last["Provider"], last["Model"]) == ("Stability", "stable-image-core")
    assert last["Fell back because"] == "openai is paused: <b>down</b>"
    assert last["Quoted"] == "Up to $0.03"
    assert facts(detail["rows"])["Size"] == "1536 × 640, as asked"


def test_every_parameter_that_was_sent_is_there() -> None:
    request = GenerationParameters(
        provider="stability",
        model="stable-image-core",
        size="1344x768",
        quality="standard",
        output_format="webp",
        background="opaque",
        seed=0,
        negative_prompt="fog",
        steps=30,
        guidance=3.5,
        loras=(Lora(path="owner/name", weight=0.5),),
    )
    assert section(record(job(request=request), [], None), "Request") == {
        "Provider": "Stability",
        "Model": "stable-image-core",
        "Images": "1",
        "Size": "1344 × 768",
        "Quality": "standard",
        "Format": "WEBP",
        "Background": "opaque",
        "Seed": "0",
        "Steps": "30",
        "Guidance": "3.5",
        "Negative prompt": "fog",
        "LoRA": "owner/name, weight 0.5",
    }
    assert set(section(record(job(), [], None), "Request")) == {
        "Provider",
        "Model",
        "Images",
        "Size",
        "Quality",
        "Format",
    }
    assert card(job(request=request))["made_as"] == (
        "Stability: stable-image-core, 1344 × 768, standard quality, WEBP, opaque background, seed 0, 30 steps, "
        "guidance 3.5, 1 LoRA, a negative prompt"
    )
    assert "a random seed" in words.made_as(request, draws_seed=True)


def test_an_edit_shows_what_it_is_made_from() -> None:
    kept = Reference(image_id="img_kept", sha256="1" * 64)
    gone = Reference(image_id="img_gone", sha256="2" * 64)
    request = job().request.model_copy(update={"references": (kept, gone)})
    source = stored_image().model_copy(update={"image_id": "img_kept"})
    shown = record(job(request=request), [], None, sources=[source])
    (rows,) = (one["rows"] for one in shown["sections"] if one["title"] == "Request")
    found = [(row["label"], row["value"], row["kind"], row.get("thumb")) for row in rows[-5:]]
    assert found == [
        ("Made from, 1", source.url, "image", source.thumbnail_url),
        ("Its image id", "img_kept", "code", None),
        ("Its SHA-256", "1" * 64, "code", None),
        ("Made from, 2", "img_gone", "code", None),
        ("Its SHA-256", "2" * 64, "code", None),
    ]


def test_only_a_stored_image_is_offered_to_be_edited_and_only_to_whom_may() -> None:
    made = job(images=[image("STORED").model_copy(update={"image_id": "img_1"}), image("FAILED")])
    assert [one["edit"] for one in record(made, [], None)["details"]] == ["img_1", None]
    reviewer = Reader(may_edit=False)
    assert [one["edit"] for one in record(made, [], None, reader=reviewer)["details"]] == [None, None]


def test_several_images_of_a_seed_show_the_seed_of_each() -> None:
    one = job().request.model_copy(update={"model": "stable-image-core", "seed": 41})
    several = one.model_copy(update={"seeds": (41, 42)})
    assert section(record(job(request=one), [], None), "Request")["Seed"] == "41"
    assert section(record(job(request=several), [], None), "Request")["Seeds, image by image"] == "41, 42"


def test_a_job_that_is_over_can_be_run_again_at_its_price_or_says_why_not() -> None:
    two = job(images=[image("STORED"), image("STORED", index=1)])
    again = record(two, [], None, again=26_820)["again"]
    assert (again["label"], again["accept"]) == ("Generate 2 images for up to $0.0269", 26_820)
    refused = record(two, [], None, again=ModelUnavailable("The model is retired."))["again"]
    assert refused["accept"] is None
    assert refused["text"].startswith("The model is retired. ")
    assert record(two, [], None)["again"] is None
