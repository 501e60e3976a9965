"""Self-hosted servers that speak OpenAI's images API their own way, and what becomes of their answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from imagegeneration.providers.endpoint import DROPPED_BY_OPENAI, Endpoint, ImageField
from imagegeneration.providers.openai import OpenAIProvider
from tests.integration.providers.conftest import IMAGE, VENDORS, Line, request
from tests.wire.compatible import Compatible, Strict


@contextmanager
def server(left_out: tuple[ImageField, ...] = DROPPED_BY_OPENAI, **manner: Any) -> Iterator[Line]:
    with ExitStack() as stack:
        stub = stack.enter_context(Compatible(IMAGE, **manner))
        provider = OpenAIProvider(Endpoint(url=stub.url, left_out=left_out), 10)
        stack.callback(provider.close)
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


def test_a_server_that_would_answer_a_url_is_asked_for_the_image() -> None:
    with server(answers="url", left_out=()) as local:
        assert local.call().content == IMAGE
        assert local.stub.received[0].document["response_format"] == "b64_json"


def test_fields_that_a_server_does_not_know_are_left_out() -> None:
    with server(answers="b64_json", form=Strict, left_out=("quality", "output_format", "background")) as local:
        answer = local.call(request("local", "flux", background="opaque"))
        assert set(local.stub.received[0].document) == {"model", "prompt", "n", "size", "response_format"}
    assert answer.content == IMAGE


def test_a_server_that_refuses_fields_it_does_not_know_charges_nothing_and_names_one() -> None:
    with server(answers="b64_json", form=Strict) as local:
        failure = local.failure()
    assert (failure.certainty, failure.retryable) == ("not_charged", False)
    assert "quality" in failure.message
