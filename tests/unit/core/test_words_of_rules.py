"""What the rules say in words, and small decisions that several pages share."""

from __future__ import annotations

import pytest

from imagegeneration.assets.reference import InputImage, Reference
from imagegeneration.models.lora import LoraWish
from imagegeneration.models.options import PRIORITIES, Options
from imagegeneration.models.ranking import WITH_LORAS, Candidate, best, choose, or_waiting
from imagegeneration.money.money import ProviderLimits
from imagegeneration.prompts.moderation import Moderation, in_words
from imagegeneration.providers.breaker import model_scope, provider_scope
from imagegeneration.providers.endpoint import Endpoint
from imagegeneration.providers.generation import CallDetached, CallFailed, GenerationRequest
from imagegeneration.providers.health import Checked, HealthStatus, ProviderHealth
from tests.unit.dashboard.samples import NOW, job


def test_a_finding_is_said_in_words_and_one_without_words_as_it_is() -> None:
    assert in_words(["sexual/minors", "illicit", "new/category"]) == (
        "sexual content with minors, illicit acts, new/category"
    )
    flagged = Moderation(policy="flag", outcome="flagged", categories=("self-harm/intent",))
    assert flagged.remark == "The moderation found: intent of self-harm."
    assert Moderation(policy="flag", outcome="passed").remark == ""
    silent = Moderation(policy="flag", outcome="not_checked")
    assert silent.remark == "The prompt was not checked: the moderation service did not answer."


def test_scopes_of_pauses_are_named_by_provider_and_model() -> None:
    assert (provider_scope("fal"), model_scope("fal-ai/flux")) == ("provider:fal", "model:fal-ai/flux")


@pytest.mark.parametrize(
    ("status", "is_trouble"), [("works", False), ("reached", False), ("refused", True), ("unreachable", True)]
)
def test_a_provider_is_in_trouble_where_calls_would_fail(status: HealthStatus, is_trouble: bool) -> None:
    assert Checked(status=status).is_trouble == is_trouble
    kept = ProviderHealth(provider="fal", claim_id="chk_1", claimed_at=NOW, fingerprint="f", status=status)
    assert kept.is_trouble == is_trouble
    assert not kept.model_copy(update={"status": None}).is_trouble


def test_an_endpoint_is_told_apart_by_address_and_key() -> None:
    endpoints = [Endpoint(url=url, key=key) for url in ("https://a", "https://b") for key in (None, "k")]  # type: ignore[arg-type]
    assert len({endpoint.fingerprint for endpoint in endpoints}) == 4
    assert len({endpoint.sha256 for endpoint in endpoints}) == 2
    assert all(len(endpoint.fingerprint) == 16 for endpoint in endpoints)


def test_a_provider_is_paced_where_it_has_a_rate_or_a_number_of_calls() -> None:
    assert not ProviderLimits(provider="fal", daily_micros=1).is_paced
    assert ProviderLimits(provider="fal", concurrency=1).is_paced
    assert ProviderLimits(provider="fal", per_minute=1).is_paced


def test_an_edit_is_sent_with_all_of_its_images_or_not_at_all() -> None:
    two = (Reference(image_id="img_1", sha256="0"), Reference(image_id="img_2", sha256="1"))
    asked: GenerationRequest = job().generation_request(job().request.model_copy(update={"references": two}), 0)
    picture = InputImage(content=b"x", mime_type="image/png")
    assert asked.model_copy(update={"inputs": (picture, picture)}).images_to_edit() == (picture, picture)
    with pytest.raises(ValueError, match=r"^2 images are to be edited, and 1 were read\.$"):
        asked.model_copy(update={"inputs": (picture,)}).images_to_edit()


def test_a_failed_call_says_what_is_known_and_no_more() -> None:
    plain = CallFailed("No answer.", certainty="unknown")
    assert (str(plain), plain.message, plain.certainty, plain.retry_after) == (
        "No answer.",
        "No answer.",
        "unknown",
        None,
    )
    assert (plain.moderated, plain.stops, plain.retryable, plain.credentials) == (False,) * 4
    busy = CallFailed("Busy.", certainty="not_charged", retryable=True, retry_after=2.5)
    assert (busy.retryable, busy.retry_after, busy.stops) == (True, 2.5, False)
    assert CallFailed("No such key.", certainty="not_charged", credentials=True).credentials
    assert CallFailed("No.", certainty="not_charged", moderated=True).stops, "no other model is asked"


def test_a_call_that_is_left_at_its_provider_keeps_its_handle() -> None:
    left = CallDetached("req_7")
    assert (left.handle, str(left)) == ("req_7", "The call req_7 is left at the provider.")


def candidate(model: str, seconds: float, micros: int | None, score: int, able: bool = True) -> Candidate:
    return Candidate(
        model=model,
        provider=f"p-{model}",
        label=model.upper(),
        price_micros=micros,
        is_estimate=False,
        expected_seconds=seconds,
        quality_score=score,
        limitations=(),
        able=able,
    )


FAST, CHEAP, GOOD = candidate("fast", 1, 9, 1), candidate("cheap", 9, 1, 1), candidate("good", 9, 9, 9)
ALL = [candidate("unknown", 1, None, 9), FAST, CHEAP, GOOD]


def test_each_priority_has_its_best_and_the_price_decides_among_equals() -> None:
    assert [best(ALL, priority).model for priority in ("speed", "cost", "quality")] == ["fast", "cheap", "good"]
    assert best([candidate("a", 2, 1, 1), candidate("b", 1, 1, 1)], "cost").model == "b"


def test_a_choice_says_why() -> None:
    said = [choose(ALL, options) for options in (Options(priority="speed"), Options(priority="cost"), Options())]
    assert [chosen[1] for chosen in said if chosen] == [
        "FAST: the fastest of those that can do it.",
        "CHEAP: the cheapest of those that can do it.",
        "GOOD: the best of those that can do it.",
    ]
    assert choose(ALL, Options(provider="p-cheap")) == (CHEAP, "CHEAP: of p-cheap, which is preferred.")
    own = [one.model_copy(update={"provider": "own"}) for one in ALL]
    chosen = [choose(own, Options(provider="own", priority=priority)) for priority in (None, *PRIORITIES)]
    assert [found[0].model for found in chosen if found] == ["good", "fast", "good", "cheap"]
    assert choose([candidate("a", 1, 1, 1, able=False)], Options(provider="p-a")) is None


def test_where_all_are_paused_a_job_waits_for_those_that_can_do_it() -> None:
    paused = candidate("a", 1, 1, 1, able=False)
    limited = paused.model_copy(update={"limitations": ("no",)})
    assert [one.able for one in or_waiting([paused, limited])] == [True, False]
    assert or_waiting([FAST, paused]) == [FAST, paused]


def test_loras_have_a_standard_model_where_no_priority_is_asked_for() -> None:
    standard = candidate("standard", 99, 99, 1).model_copy(update={"model": WITH_LORAS, "label": "Flux"})
    ink = (LoraWish(name="ink"),)
    assert choose([GOOD, standard], Options(loras=ink)) == (standard, "Flux: the standard model for LoRAs.")
    for options in (Options(), Options(loras=ink, priority="quality")):
        other = choose([GOOD, standard], options)
        assert other is not None
        assert other[0].model == "good"
