"""The vendor's client on the line with a strict stub of the generate services."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagegeneration.providers.generation import LARGEST_SEED
from imagegeneration.providers.stability import ASPECT_RATIOS, SERVICES
from tests.integration.providers.conftest import IMAGE, Line, line
from tests.unit.providers.requests import row
from tests.wire import stability as wire


@pytest.fixture(scope="module")
def stability() -> Iterator[Line]:
    with line("stability") as connected:
        yield connected


POSSIBLE = st.sampled_from([(name, wanted) for name in SERVICES for wanted in row(name).formats])
SEED = st.none() | st.integers(1, LARGEST_SEED)


@given(POSSIBLE, st.sampled_from(list(ASPECT_RATIOS)), SEED, st.none() | st.text(max_size=1000))
@settings(max_examples=60, deadline=None)
def test_whatever_a_service_can_do_is_taken_as_it_was_approved(
    stability: Line, model_and_format: tuple[str, str], size: str, seed: int | None, negative_prompt: str | None
) -> None:
    model, output_format = model_and_format
    wanted = {"model": model, "output_format": output_format, "size": size, "seed": seed}
    asked = stability.vendor.request.model_copy(update=wanted | {"negative_prompt": negative_prompt})
    answer = stability.call(asked)
    assert (answer.content, answer.provider_request_id) == (IMAGE, "req-stability")
    sent = wire.fields(stability.stub.received[-1])
    assert stability.stub.received[-1].path == f"/v2beta/stable-image/generate/{SERVICES[model].path}"
    assert (sent["aspect_ratio"], sent["output_format"]) == (ASPECT_RATIOS[size], output_format)
    assert sent.get("seed") == (None if seed is None else str(seed))
    assert sent.get("negative_prompt") == negative_prompt
    assert sent.get("model") == SERVICES[model].model


def test_a_blurred_image_is_not_taken_for_the_one_that_was_asked_for(stability: Line) -> None:
    assert isinstance(stability.stub, wire.Stability)
    stability.stub.finish_reason = "CONTENT_FILTERED"
    failure = stability.failure()
    stability.stub.finish_reason = "SUCCESS"
    assert (failure.certainty, failure.moderated) == ("charged", True)
    assert failure.provider_request_id == "req-stability"


def test_a_flagged_prompt_is_not_charged(stability: Line) -> None:
    failure = stability.failure(fault=wire.refusal(403, "content_moderation", "Your request was flagged."))
    assert (failure.certainty, failure.moderated, failure.credentials) == ("not_charged", True, False)
