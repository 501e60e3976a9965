"""An image that a provider made, bills and keeps to itself: no image, its whole price, and words that say so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from pydantic import SecretStr
from pymongo.database import Database

from imagegeneration.bootstrap import Studio, build_studio
from imagegeneration.core.actor import LOCAL
from imagegeneration.dashboard.kit import job_words
from imagegeneration.settings import Settings
from tests.integration.conftest import approve, assert_money_adds_up, one_round
from tests.wire import fal, stability


@pytest.fixture(params=["fal", "stability"])
def withholding(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Studio]:
    with ExitStack() as stack:
        if request.param == "fal":
            queue = stack.enter_context(fal.FalStub())
            queue.nsfw = True
            changes: dict[str, Any] = {"fal_key": SecretStr(fal.KEY), "fal_base_url": queue.url}
        else:
            services = stack.enter_context(stability.Stability(b"blurred"))
            services.finish_reason = "CONTENT_FILTERED"
            changes = {"stability_api_key": SecretStr(stability.KEY), "stability_base_url": services.url}
        built = build_studio(settings.model_copy(update=changes))
        stack.callback(built.close)
        yield built


def test_an_image_that_is_withheld_is_paid_for_at_its_price(
    withholding: Studio, database: Database[dict[str, Any]]
) -> None:
    job = approve(withholding)
    one_round(withholding)
    ended = withholding.queries.get(LOCAL, job.job_id)
    (image,) = ended.images
    assert (ended.status, ended.error_code, image.state) == ("FAILED", "MODERATION", "FAILED")
    assert (image.attempt.outcome, image.attempt.certainty) == ("moderated", "charged")
    assert image.attempt.cost_micros == image.attempt.held_micros == job.approval.quoted_micros > 0
    spend = withholding.spending.today(LOCAL)
    assert (spend.held_micros, spend.spent_micros) == (0, job.approval.quoted_micros)
    assert "It charges for that." in (ended.error or "")
    assert job_words.attempt_cost(image.attempt).endswith(": the provider charges for what it withholds")
    assert_money_adds_up(database)


def test_a_withheld_image_is_not_made_again_by_itself_and_pauses_nothing(withholding: Studio) -> None:
    job = approve(withholding)
    one_round(withholding)
    one_round(withholding)
    assert len(withholding.queries.get(LOCAL, job.job_id).images[0].attempts) == 1
    assert not withholding.pauses.board.of_provider(job.request.provider)
    quote = withholding.approvals.retry_quote(LOCAL, job.job_id)
    assert (quote.missing, quote.unknown) == (1, 0)
