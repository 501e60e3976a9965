"""The vendor's client on the line with a strict stub of the ImageService."""

from __future__ import annotations

import pytest

from imagegeneration.providers.errors import RULES
from tests.integration.providers.conftest import IMAGE, line
from tests.wire import forge as wire


def test_a_call_is_one_unary_call_of_the_connect_protocol() -> None:
    with line("forge", timeout=12) as forge:
        answer = forge.call()
        (received,) = forge.stub.received
    assert (answer.content, answer.usage, answer.provider_request_id) == (IMAGE, None, "req-forge")
    assert received.path == "/images.v1.ImageService/GenerateImage"
    assert received.document == {"prompt": "a kite", "original_images": []}
    assert (received.headers["connect-timeout-ms"], received.headers["authorization"]) == (
        "12000",
        f"Bearer {wire.KEY}",
    )


CODES = [(code, rule.verdict) for rule in RULES if rule.vendor == "forge" for code in rule.codes]


@pytest.mark.parametrize(("code", "verdict"), CODES)
def test_the_code_counts_and_not_the_status_of_a_proxy_before_it(code: str, verdict: str) -> None:
    with line("forge") as forge:
        failure = forge.failure(fault=wire.refusal(500, code, "said"))
    assert (failure.certainty == "unknown") == (verdict == "unknown")
    assert (failure.retryable, failure.credentials) == (verdict == "later", verdict == "account")
