"""The sandbox as the openai SDK sees it."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from openai.types import ImagesResponse
from PIL import Image, UnidentifiedImageError
from pydantic import BaseModel

from imagegeneration.local.sandbox import Sandbox
from imagegeneration.local.sandbox.faults import FaultKind

PROMPT = 'a "cat"\non a sofa 🐈 \u200f\u05d7\u05ea\u05d5\u05dc'


class Suggestion(BaseModel):
    finalPrompt: str  # noqa: N815 - the name on the wire


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key="any", base_url=sandbox.url, max_retries=0, timeout=10) as client:
        yield client


def _generate(client: openai.OpenAI, prompt: str = PROMPT, **options: Any) -> ImagesResponse:
    options.setdefault("model", "gpt-image-2.5-flare")
    answer: ImagesResponse = client.images.generate(prompt=prompt, **options)
    return answer


def _content(answer: ImagesResponse) -> bytes:
    assert answer.data is not None
    return base64.b64decode(answer.data[0].b64_json or "", validate=True)


def _enhance(client: openai.OpenAI, intent: str = "card", prompt: str = "a cat") -> Any:
    content = json.dumps({"intent": intent, "prompt": prompt})
    return client.responses.parse(
        model="gpt-6-luna",
        reasoning={"effort": "none"},
        store=False,
        input=[{"role": "user", "content": content}],
        text_format=Suggestion,
    )


@pytest.mark.parametrize("output_format", ["png", "jpeg", "webp"])
@pytest.mark.parametrize("size", ["1024x1024", "1536x1024"])
def test_an_image_is_what_was_asked_for(client: openai.OpenAI, output_format: str, size: str) -> None:
    answer = _generate(client, size=size, quality="low", output_format=output_format)

    with Image.open(io.BytesIO(_content(answer))) as picture:
        picture.load()
        assert picture.format == output_format.upper()
        assert picture.size == tuple(map(int, size.split("x")))
    assert (answer.size, answer.quality, answer.output_format) == (size, "low", output_format)
    assert answer.usage is not None
    assert answer.usage.input_tokens_details.text_tokens == -(-len(PROMPT.encode()) // 4)
    assert answer._request_id


def test_the_same_sequence_of_calls_gives_the_same_bytes_and_no_two_alike(
    client: openai.OpenAI, sandbox: Sandbox
) -> None:
    first = [_content(_generate(client)) for _ in range(3)]
    sandbox.reset()
    again = [_content(_generate(client)) for _ in range(3)]

    assert first == again
    assert len({hashlib.sha256(content).hexdigest() for content in first}) == 3


def test_a_text_answer_is_structured_and_says_what_it_used(client: openai.OpenAI) -> None:
    answer = _enhance(client)

    assert answer.output_parsed.finalPrompt.startswith("A cat. Intended use: card.")
    assert answer.usage.input_tokens > 0
    assert answer.usage.output_tokens > 0


def test_every_billable_call_is_recorded_as_it_was_received(client: openai.OpenAI, sandbox: Sandbox) -> None:
    _generate(client, quality="high")
    _enhance(client)

    image, text = sandbox.calls
    assert (image.number, image.kind, image.prompt, image.outcome) == (1, "image", PROMPT, "image")
    assert (image.model, image.size, image.quality) == ("gpt-image-2.5-flare", "1024x1024", "high")
    assert (text.number, text.kind, json.loads(text.prompt)) == (2, "text", {"intent": "card", "prompt": "a cat"})
    listed = httpx2.get(sandbox.url.removesuffix("/v1") + "/sandbox/calls").json()
    assert [call["number"] for call in listed] == [1, 2]


def test_a_bill_is_recorded_before_the_answer(client: openai.OpenAI, sandbox: Sandbox) -> None:
    sandbox.set_fault("hang")

    with pytest.raises(openai.APITimeoutError):
        _generate(client, timeout=0.3)
    assert [call.outcome for call in sandbox.calls] == ["hang"]


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("429", 429, "rate_limit_exceeded"),
        ("429_quota", 429, "insufficient_quota"),
        ("402", 402, None),
        ("400_billing", 400, "billing_hard_limit_reached"),
        ("400_unknown", 400, None),
        ("content_policy", 400, "content_policy_violation"),
        ("500", 500, None),
        ("500_html", 500, None),
        ("503", 503, "server_overloaded"),
        ("401", 401, "invalid_api_key"),
        ("403", 403, "organization_not_verified"),
        ("400", 400, "invalid_value"),
        ("moderation", 400, "moderation_blocked"),
        ("refusal", 400, "moderation_blocked"),
    ],
)
def test_a_refusal_is_not_billed(
    client: openai.OpenAI, sandbox: Sandbox, kind: FaultKind, status: int, code: str | None
) -> None:
    sandbox.set_fault(kind, retry_after=7)

    with pytest.raises(openai.APIStatusError) as refused:
        _generate(client)

    assert (refused.value.status_code, refused.value.code) == (status, code)
    assert refused.value.response.headers["retry-after"] == "7"
    assert refused.value.request_id
    assert sandbox.calls == []
    assert _content(_generate(client)), "the fault was for one call"


@pytest.mark.parametrize(("kind", "bills"), [("reset", 0), ("reset_after_billing", 1)])
def test_a_reset_connection_may_or_may_not_have_cost_money(
    client: openai.OpenAI, sandbox: Sandbox, kind: FaultKind, bills: int
) -> None:
    sandbox.set_fault(kind)

    with pytest.raises(openai.APIConnectionError) as broken:
        _generate(client)

    assert isinstance(broken.value.__cause__, httpx2.ReadError)
    assert "reset" in str(broken.value.__cause__)
    assert len(sandbox.calls) == bills


@pytest.mark.parametrize("kind", ["html_200", "truncated", "junk_base64", "empty_data", "one_byte_png", "huge_png"])
def test_an_answer_without_a_usable_image_is_billed(client: openai.OpenAI, sandbox: Sandbox, kind: FaultKind) -> None:
    sandbox.set_fault(kind)

    with pytest.raises(
        (
            json.JSONDecodeError,
            AttributeError,  # the SDK hands a page of HTML over as a string
            ValueError,
            IndexError,
            UnidentifiedImageError,
            Image.DecompressionBombError,
        )
    ):
        Image.open(io.BytesIO(_content(_generate(client)))).load()

    assert [call.outcome for call in sandbox.calls] == [kind]


def test_an_answer_can_lack_its_usage(client: openai.OpenAI, sandbox: Sandbox) -> None:
    sandbox.set_fault("no_usage")

    answer = _generate(client)

    assert answer.usage is None
    assert _content(answer)


def test_an_answer_can_come_in_drips(client: openai.OpenAI, sandbox: Sandbox) -> None:
    sandbox.set_fault("slow_drip", delay=0.01)

    begun = time.monotonic()
    assert _content(_generate(client))
    assert time.monotonic() - begun > 0.5


@pytest.mark.parametrize("kind", ["overlong_text", "empty_text", "bad_text_json", "refusal"])
def test_a_bad_text_is_billed(client: openai.OpenAI, sandbox: Sandbox, kind: FaultKind) -> None:
    sandbox.set_fault(kind, target="text")

    try:
        parsed = _enhance(client).output_parsed
    except ValueError:
        parsed = None

    assert {
        "overlong_text": parsed is not None and len(parsed.finalPrompt) > 4000,
        "empty_text": parsed is not None and parsed.finalPrompt == "",
        "bad_text_json": parsed is None,
        "refusal": parsed is None,
    }[kind]
    assert [call.outcome for call in sandbox.calls] == [kind]


def test_a_fault_written_into_a_prompt_meets_the_image_and_not_the_enhancer(
    client: openai.OpenAI, sandbox: Sandbox
) -> None:
    suggestion = _enhance(client, prompt="a cat [sandbox:moderation count=1]").output_parsed.finalPrompt

    with pytest.raises(openai.BadRequestError):
        _generate(client, suggestion)
    assert _content(_generate(client, suggestion))


def test_faults_are_set_and_cleared_over_http(client: openai.OpenAI, sandbox: Sandbox) -> None:
    faults = sandbox.url.removesuffix("/v1") + "/sandbox/faults"

    assert httpx2.post(faults, json={"kind": "503", "count": -1}).status_code == 200
    with pytest.raises(openai.InternalServerError):
        _generate(client)
    assert httpx2.delete(faults).status_code == 200
    assert _content(_generate(client))
    assert httpx2.post(faults, json={"kind": "no such"}).status_code == 400


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"model": "gpt-image-2.5-flare"}, 400, "missing_required_parameter"),
        ({"model": "gpt-image-2.5-flare", "prompt": ""}, 400, "invalid_value"),
        ({"model": "gpt-image-2.5-flare", "prompt": "a cat", "n": 2}, 400, "invalid_value"),
        ({"model": "gpt-image-2.5-flare", "prompt": "a cat [sandbox:nonsense]"}, 400, None),
        ({"model": "nobody", "prompt": "a cat"}, 404, "model_not_found"),
        ({"model": "dall-e-3", "prompt": "a cat"}, 404, "model_not_found"),
        ([], 400, None),
    ],
)
def test_a_request_that_openai_would_refuse_is_refused_in_its_form(
    sandbox: Sandbox, body: object, status: int, code: str | None
) -> None:
    answer = httpx2.post(f"{sandbox.url}/images/generations", json=body)

    assert answer.status_code == status
    assert answer.json()["error"]["code"] == code
    assert answer.json()["error"]["message"]
    assert answer.headers["x-request-id"]
    assert sandbox.calls == []


@pytest.mark.parametrize(
    "head",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example:80"},
        {"Host": ""},
    ],
)
def test_a_web_page_can_neither_call_nor_read(sandbox: Sandbox, head: dict[str, str]) -> None:
    calls = [("GET", "/v1/models"), ("GET", "/sandbox/calls"), ("DELETE", "/sandbox/faults")]
    calls += [("POST", "/v1/images/generations"), ("POST", "/sandbox/faults"), ("OPTIONS", "/v1/images/generations")]

    with httpx2.Client(headers=head) as page:
        answers = [page.request(method, sandbox.url.removesuffix("/v1") + path) for method, path in calls]

    assert [answer.status_code for answer in answers] == [403] * len(calls)
    assert not any(name.startswith("access-control") for answer in answers for name in answer.headers)
    assert sandbox.calls == []


@pytest.mark.parametrize("host", ["localhost:80", "127.0.0.1", "LOCALHOST"])
def test_a_client_on_this_machine_may_use_any_of_its_names(sandbox: Sandbox, host: str) -> None:
    assert httpx2.get(f"{sandbox.url}/models", headers={"Host": host}).status_code == 200


def test_calls_side_by_side_are_each_billed_once_and_all_differ(client: openai.OpenAI, sandbox: Sandbox) -> None:
    contents: list[bytes] = []
    threads = [threading.Thread(target=lambda: contents.append(_content(_generate(client)))) for _ in range(5)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(contents)) == 5
    assert [call.number for call in sandbox.calls] == [1, 2, 3, 4, 5]


def test_the_log_file_has_a_line_for_each_call(tmp_path: Path) -> None:
    log = tmp_path / "calls.jsonl"
    for _ in range(2):  # a second run of the process goes on in the same file
        with Sandbox(log=log) as sandbox, openai.OpenAI(api_key="any", base_url=sandbox.url) as client:
            _generate(client)

    assert [json.loads(line)["prompt"] for line in log.read_text().splitlines()] == [PROMPT, PROMPT]


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.com", "::"])
def test_it_refuses_to_listen_beyond_loopback(host: str) -> None:
    command = [sys.executable, "-m", "imagegeneration.local.sandbox", "--port", "0", "--host", host]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    assert ended.returncode == 2
    assert ended.stderr == f"The sandbox listens on loopback only, not on {host}.\n"
