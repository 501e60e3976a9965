"""The models side by side."""

from __future__ import annotations

from imagegeneration.dashboard.generate.offers import AUTOMATIC, offers, read_pick
from imagegeneration.models.automatic import Automatic, Comparison
from imagegeneration.models.options import Options
from imagegeneration.models.ranking import Candidate, Estimate


def candidate(model: str, price: int | None, *limitations: str, is_estimate: bool = False) -> Candidate:
    return Candidate(
        model=model,
        provider="fal",
        label=model.title(),
        price_micros=price,
        is_estimate=is_estimate,
        expected_seconds=12,
        quality_score=7,
        limitations=limitations,
        able=not limitations,
    )


ESTIMATE = Estimate(
    recommendations=(
        candidate("flux", 25_001),
        candidate("flow", 30_000, is_estimate=True),
        candidate("old", None, "It has no price."),
    ),
    cheapest="flux",
    fastest="flux",
    best_quality="flow",
)
LEFT = [
    Automatic(None, ESTIMATE.recommendations[0], "Flux: what this studio usually makes."),
    Automatic("speed", None, "No model can do all of this."),
]
FOUND = Comparison(ESTIMATE, LEFT)


def test_each_model_has_its_price_its_time_and_its_quality() -> None:
    usual, speed, flux, flow, old = offers(Options(), FOUND, {})
    assert (flux["price"], flux["time"], flux["quality"]) == ("$0.0251", "12 s", "7 of 10")
    assert (flux["tags"], flow["tags"]) == (["cheapest", "fastest"], ["best quality"])
    assert [(row["price"], row["estimate"]) for row in (flux, flow)] == [("$0.0251", False), ("$0.03", True)]
    assert (old["off"], old["about"], old["price"]) == (True, "It has no price.", None)
    assert (usual["title"], usual["about"]) == ("As usual", "Flux: what this studio usually makes.")
    assert usual["price"] == flux["price"]
    assert (speed["off"], speed["about"], speed["price"]) == (True, "No model can do all of this.", None)


def test_one_row_is_chosen_and_says_which_it_is() -> None:
    for options in (Options(), Options(model="flow"), Options(priority="speed")):
        (chosen,) = [row for row in offers(options, FOUND, {}) if row["checked"]]
        assert read_pick(chosen["key"]) == (options.model, options.priority)


def test_what_is_no_row_is_what_is_usual() -> None:
    for wrong in ("", "auto:", "auto:fame", "model:", "surprise:x"):
        assert read_pick(wrong) == (None, None)
    assert read_pick("model:fal-ai/flux:dev") == ("fal-ai/flux:dev", None)
    assert [read_pick(f"auto:{priority}")[1] for priority in AUTOMATIC if priority] == ["speed", "quality", "cost"]


def test_a_provider_that_does_not_work_is_told_beside_its_models() -> None:
    usual, _, flux, _, old = offers(Options(), FOUND, {"fal": "Fal does not work at present."})
    assert usual["about"] == "Flux: what this studio usually makes. Fal does not work at present."
    assert (flux["off"], flux["about"]) == (False, "Fal does not work at present.")
    assert old["about"] == "It has no price. Fal does not work at present."
