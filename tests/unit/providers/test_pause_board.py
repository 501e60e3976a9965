"""What is paused, by the breakers as they were read."""

from __future__ import annotations

from imagegeneration.providers.breaker import EVERYTHING, Barred, Breaker, Pause, PauseBoard
from imagegeneration.providers.generation import GenerationParameters
from tests.unit.dashboard.samples import NOW


def paused(scope: str, reason: str = "maintenance") -> Breaker:
    return Breaker(scope=scope, pause=Pause(cause="person", reason=reason, paused_by="ann", paused_at=NOW))


def wanted(provider: str = "fal", model: str = "flux") -> GenerationParameters:
    return GenerationParameters(
        provider=provider, model=model, size="1024x1024", quality="standard", output_format="png"
    )


def test_nothing_is_paused_without_breakers() -> None:
    board = PauseBoard([])
    assert (board.of_provider("fal"), board.wait_reason(wanted()), board.is_everything_paused) == (None, None, False)
    assert board.barred == Barred()
    assert board.breaker("fal") == Breaker(scope="provider:fal")


def test_failures_alone_are_no_pause() -> None:
    board = PauseBoard([Breaker(scope="provider:fal", failures=9)])
    assert (board.of_provider("fal"), board.barred) == (None, Barred())
    assert board.breaker("fal").failures == 9


def test_jobs_of_paused_providers_and_models_wait_and_no_others() -> None:
    board = PauseBoard([paused("provider:fal"), paused("model:gpt-image-2"), Breaker(scope="model:flux")])
    assert board.barred == Barred(models=("gpt-image-2",), providers=("fal",))
    assert board.wait_reason(wanted()) == "fal is paused: maintenance"
    assert board.wait_reason(wanted("openai", "gpt-image-2")) == "The model gpt-image-2 is paused: maintenance"
    assert board.wait_reason(wanted("openai", "flux")) is None


def test_the_switch_keeps_new_calls_from_every_provider() -> None:
    board = PauseBoard([paused(EVERYTHING, "a look at the bill"), paused("provider:fal")])
    assert board.is_everything_paused
    for provider in ("fal", "openai"):
        pause = board.of_provider(provider)
        assert pause is not None
        assert pause.reason == "a look at the bill"
