"""Replicate's client against an API that is as strict as the real one, with each way in which it can go wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from pydantic import SecretStr

from imagegeneration.providers.endpoint import Endpoint
from imagegeneration.providers.generation import CallFailed, GenerationRequest
from imagegeneration.providers.provider import Call
from imagegeneration.providers.replicate import MODELS, ReplicateProvider
from imagegeneration.providers.vendors import PROVIDERS
from tests.integration.providers.support import fetcher_of
from tests.unit.providers.requests import PROMPTS, image_request, row
from tests.wire.loopback import HANG, RESET, Sent, answer_json
from tests.wire.replicate import KEY, ReplicateStub, problem

HTML = Sent(502, b"<html>Bad Gateway</html>", {"content-type": "text/html"})


@pytest.fixture
def stub() -> Iterator[ReplicateStub]:
    with ReplicateStub() as server:
        yield server


def provider_of(stub: ReplicateStub, *, seconds: float = 10, key: str = KEY) -> ReplicateProvider:
    return ReplicateProvider(Endpoint(url=stub.endpoint, key=SecretStr(key)), seconds, fetcher_of(stub))


def a_request(**changes: object) -> GenerationRequest:
    return image_request(**{"provider": "replicate", "model": "black-forest-labs/flux-dev", **changes})


@pytest.fixture
def provider(stub: ReplicateStub) -> ReplicateProvider:
    return provider_of(stub)


def failure_of(provider: ReplicateProvider, handles: list[str] | None = None) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        provider.generate(a_request(), Call() if handles is None else Call(submitted=handles.append))
    return caught.value


@pytest.mark.parametrize("model", sorted(MODELS))
def test_an_image_is_made_by_each_model(stub: ReplicateStub, model: str) -> None:
    handles: list[str] = []
    loras = [{"path": "a/b"}] * row(model).loras
    answer = provider_of(stub).generate(a_request(model=model, seed=7, loras=loras), Call(submitted=handles.append))
    assert (answer.content, answer.provider_request_id, answer.usage) == (b"image", handles[0], None)
    assert stub.received[0].path == f"/v1/models/{model}/predictions"


def test_a_lora_arrives_where_it_is_and_at_the_scale_of_the_wire(stub: ReplicateStub) -> None:
    lora = {"path": "owner/name", "weight": 1.5, "name": "ink", "family": "flux-1"}
    provider_of(stub).generate(a_request(model="black-forest-labs/flux-dev-lora", loras=[lora]), Call())
    sent = json.loads(stub.received[0].body)["input"]
    assert (sent["lora_weights"], sent["lora_scale"]) == ("huggingface.co/owner/name", 0.75)


def test_the_handle_is_told_before_the_prediction_is_waited_for(stub: ReplicateStub) -> None:
    stages: list[str] = []
    provider_of(stub).generate(a_request(), Call(submitted=lambda _: stages.extend(map(stub.stage, stub.received))))
    assert stages == ["submit"]
    assert "prefer" not in stub.received[0].headers


def test_the_key_is_not_shown_to_the_host_of_the_image(stub: ReplicateStub) -> None:
    provider_of(stub).generate(a_request(), Call())
    (fetched,) = [received for received in stub.received if stub.stage(received) == "file"]
    assert "authorization" not in fetched.headers


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example('"}], "seed": 7, "x": "')
@given(PROMPTS)
def test_the_prompt_on_the_wire_is_the_approved_one(
    stub: ReplicateStub, provider: ReplicateProvider, prompt: str
) -> None:
    stub.polls = 0
    provider.generate(a_request(final_prompt=prompt), Call())
    (submit,) = [received for received in stub.received if stub.stage(received) == "submit"][-1:]
    assert json.loads(submit.body)["input"]["prompt"] == prompt


def test_a_prediction_goes_on_after_the_process_that_submitted_it(stub: ReplicateStub) -> None:
    stub.always["status"] = HTML
    handles: list[str] = []
    assert failure_of(provider_of(stub, seconds=0.5), handles).certainty == "unknown"
    del stub.always["status"]
    again = provider_of(stub)
    assert again.is_resumable
    assert again.generate(a_request(), Call(handle=handles[0])).content == b"image"
    assert len(stub.predictions) == 1


@pytest.mark.parametrize(
    ("refusal", "certainty", "retryable", "credentials"),
    [
        (
            problem("Insufficient credit", "You have no credit.", 402),
            "not_charged",
            False,
            True,
        ),
        (problem("Forbidden", "You do not have access.", 403), "not_charged", False, True),
        (problem("Bad request", "No.", 400), "not_charged", False, False),
        (
            problem("Throttled", "Request was throttled.", 429),
            "not_charged",
            True,
            False,
        ),
        (problem("Internal server error", "Sorry.", 500), "not_charged", True, False),
        (problem("Input validation failed", "- input.steps: must be at most 50", 422), "not_charged", False, False),
        (Sent(500, b"<html>"), "unknown", False, False),
        (HTML, "unknown", False, False),
        (Sent(307, b"", {"location": "https://elsewhere.example/"}), "unknown", False, False),
        (answer_json({"status": "starting"}, 201), "unknown", False, False),
        (answer_json({"id": "a/b"}, 201), "unknown", False, False),
        (Sent(201, b'{"id":', declared=500), "unknown", False, False),
        (RESET, "unknown", False, False),
    ],
)
def test_what_a_refused_or_lost_submit_says_of_the_money(
    stub: ReplicateStub, refusal: Sent, certainty: str, retryable: bool, credentials: bool
) -> None:
    stub.faults["submit"].append(refusal)
    handles: list[str] = []
    failed = failure_of(provider_of(stub), handles)
    assert (failed.certainty, failed.retryable, failed.credentials) == (certainty, retryable, credentials)
    assert (handles, len(stub.received)) == ([], 1)


def test_a_wrong_key_is_no_charge_and_concerns_the_account(stub: ReplicateStub) -> None:
    failed = failure_of(provider_of(stub, key="wrong"))
    assert (failed.certainty, failed.credentials) == ("not_charged", True)


def test_a_submit_whose_answer_never_comes_is_sent_once(stub: ReplicateStub) -> None:
    stub.faults["submit"].append(lambda _: HANG)
    assert failure_of(provider_of(stub, seconds=0.3)).certainty == "unknown"
    assert len(stub.predictions) == 1


def test_what_the_model_does_not_take_is_not_sent(stub: ReplicateStub) -> None:
    with pytest.raises(CallFailed, match="no word for 1000x1000") as caught:
        provider_of(stub).generate(a_request(size="1000x1000"), Call())
    assert (caught.value.certainty, stub.received) == ("not_charged", [])


@pytest.mark.parametrize("stage", ["status", "file"])
@pytest.mark.parametrize("fault", [RESET, HTML, Sent(503, b""), Sent(429, b""), Sent(200, b"{", declared=99)])
def test_a_failure_to_ask_says_nothing_of_the_prediction(stub: ReplicateStub, stage: str, fault: Sent) -> None:
    stub.faults[stage].append(fault)
    assert provider_of(stub).generate(a_request(), Call()).content == b"image"
    assert len(stub.predictions) == 1


@pytest.mark.parametrize(
    ("ended", "moderated"),
    [
        ({"status": "failed", "output": None, "error": "NSFW content detected. Try running it again."}, True),
        ({"status": "failed", "output": None, "error": "The input or output was flagged as sensitive. (E005)"}, True),
        ({"status": "failed", "output": None, "error": "CUDA out of memory"}, False),
        ({"status": "canceled", "output": None}, False),
    ],
)
def test_a_prediction_that_failed_is_in_doubt(stub: ReplicateStub, ended: dict[str, object], moderated: bool) -> None:
    stub.ended = ended
    handles: list[str] = []
    failed = failure_of(provider_of(stub), handles)
    assert (failed.certainty, failed.moderated, failed.provider_request_id) == ("unknown", moderated, handles[0])


@pytest.mark.parametrize("stage", ["status", "file"])
def test_a_prediction_that_takes_too_long_is_in_doubt_and_says_under_which_number(
    stub: ReplicateStub, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    monkeypatch.setattr("imagegeneration.providers.asynchronous.FETCH_SECONDS", 0.1)
    stub.always[stage] = HTML
    handles: list[str] = []
    failed = failure_of(provider_of(stub, seconds=1), handles)
    assert (failed.certainty, failed.provider_request_id) == ("unknown", handles[0])
    assert handles[0] in failed.message


def test_an_unknown_number_is_in_doubt(stub: ReplicateStub) -> None:
    with pytest.raises(CallFailed, match="could not be found") as caught:
        provider_of(stub).generate(a_request(), Call(handle="other"))
    assert caught.value.certainty == "unknown"


@pytest.mark.parametrize("file", [Sent(403), Sent(404), Sent(302, b"", {"location": "http://127.0.0.2:80/"})])
def test_an_image_that_was_made_but_cannot_be_had_is_in_doubt(stub: ReplicateStub, file: Sent) -> None:
    stub.always["file"] = file
    failed = failure_of(provider_of(stub))
    assert failed.certainty == "unknown"
    assert "made the image" in failed.message


@pytest.mark.parametrize("output", [None, [], {"image": 1}])
def test_a_success_without_an_image_is_kept_as_it_came(stub: ReplicateStub, output: object) -> None:
    stub.ended = {"output": output}
    answer = provider_of(stub).generate(a_request(), Call())
    assert json.loads(answer.content)["status"] == "succeeded"


def test_a_success_that_is_an_error_is_in_doubt(stub: ReplicateStub) -> None:
    stub.ended = {"output": None, "error": "No image was made."}
    failed = failure_of(provider_of(stub))
    assert (failed.certainty, "No image was made." in failed.message) == ("unknown", True)


def test_replicate_is_in_the_table() -> None:
    assert PROVIDERS["replicate"] is ReplicateProvider


def test_every_picture_of_a_call_is_kept_and_none_costs_the_first(stub: ReplicateStub) -> None:
    urls = [f"{stub.url}/files/{number}.png" for number in range(3)]
    stub.ended = {"output": [*urls, "https://x.invalid/", None]}
    answer = provider_of(stub).generate(a_request(), Call())
    assert (answer.content, answer.others) == (b"image", (b"image", b"image"))
