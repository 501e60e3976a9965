"""Self-hosted servers that speak OpenAI's images API their own way, and what becomes of their answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from imagegeneration.domain.provider import Endpoint
from imagegeneration.providers.openai import OpenAIProvider
from tests.integration.providers.conftest import IMAGE, VENDORS, Line
from tests.wire.compatible import Compatible, Strict


@contextmanager
def server(**manner: Any) -> Iterator[Line]:
    with Compatible(IMAGE, **manner) as stub, closing(OpenAIProvider(Endpoint(url=stub.url), 10)) as provider:
        yield Line(VENDORS["compatible"], stub, provider)


def test_an_image_without_usage_is_billed_as_unknown_tokens() -> None:
    with server(answers="b64_json") as local:
        answer = local.call()
    assert (answer.content, answer.usage) == (IMAGE, None)


def test_an_answer_that_is_a_url_is_kept_as_it_came_and_fetched_by_nobody() -> None:
    with server(answers="url") as local:
        answer = local.call()
        assert json.loads(answer.content)["data"] == [{"url": f"{local.stub.url}/generated/b64.png"}]
        assert len(local.stub.received) == 1


def test_a_server_that_refuses_fields_it_does_not_know_charges_nothing_and_names_one() -> None:
    with server(answers="b64_json", form=Strict) as local:
        failure = local.failure()
    assert (failure.certainty, failure.retryable) == ("not_charged", False)
    assert "quality" in failure.message
