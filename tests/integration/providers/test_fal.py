"""Fal's client against a queue that is as strict as the real one, with each way in which it can go wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from pydantic import SecretStr

from imagegeneration.providers.endpoint import Endpoint
from imagegeneration.providers.fal import APPS, FalProvider
from imagegeneration.providers.generation import CallFailed, Lora
from imagegeneration.providers.provider import Call
from imagegeneration.providers.vendors import PROVIDERS
from tests.integration.providers.support import fetcher_of
from tests.unit.providers.requests import PROMPTS, image_request, row
from tests.wire.fal import KEY, FalStub
from tests.wire.loopback import HANG, RESET, Sent, answer_json

HTML = Sent(502, b"<html>Bad Gateway</html>", {"content-type": "text/html"})


@pytest.fixture
def stub() -> Iterator[FalStub]:
    with FalStub() as server:
        yield server


def provider_of(stub: FalStub, *, seconds: float = 10, key: str = KEY) -> FalProvider:
    return FalProvider(Endpoint(url=stub.url, key=SecretStr(key)), seconds, fetcher_of(stub))


@pytest.fixture
def provider(stub: FalStub) -> FalProvider:
    return provider_of(stub)


def failure_of(provider: FalProvider, handles: list[str] | None = None) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        provider.generate(image_request(), Call() if handles is None else Call(submitted=handles.append))
    return caught.value


@pytest.mark.parametrize("app", sorted(APPS))
def test_an_image_is_made_by_each_app(stub: FalStub, app: str) -> None:
    handles: list[str] = []
    loras = (Lora(path="a/b"),) * min(1, row(app).loras)
    answer = provider_of(stub).generate(image_request(model=app, seed=7, loras=loras), Call(submitted=handles.append))
    assert (answer.content, answer.provider_request_id, answer.usage) == (b"image", handles[0], None)
    assert [call.app for call in stub.calls.values()] == [app]


def test_loras_arrive_where_they_are_and_at_the_scale_of_the_wire(stub: FalStub) -> None:
    ink = Lora(path="owner/ink", weight=1.5, name="ink", family="flux-1")
    request = image_request(model="fal-ai/flux-lora", loras=(ink, Lora(path="owner/full", weight=2.0)))
    provider_of(stub).generate(request, Call())
    sent = json.loads(stub.received[0].body)["loras"]
    assert sent == [{"path": "owner/ink", "scale": 0.75}, {"path": "owner/full", "scale": 1.0}]


def test_the_handle_is_told_before_the_call_is_waited_for(stub: FalStub) -> None:
    stages: list[str] = []
    provider_of(stub).generate(image_request(), Call(submitted=lambda _: stages.extend(map(stub.stage, stub.received))))
    assert stages == ["submit"]


def test_the_server_is_told_neither_to_repeat_nor_to_start_too_late(stub: FalStub) -> None:
    provider_of(stub, seconds=12).generate(image_request(), Call())
    headers = stub.received[0].headers
    assert (headers["x-fal-no-retry"], headers["x-fal-request-start-timeout"]) == ("1", "6")


def test_the_key_is_not_shown_to_the_host_of_the_image(stub: FalStub) -> None:
    provider_of(stub).generate(image_request(), Call())
    (fetched,) = [received for received in stub.received if stub.stage(received) == "file"]
    assert "authorization" not in fetched.headers


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example("a\r\nx-fal-no-retry: 0\r\n\r\n")
@given(PROMPTS)
def test_the_prompt_on_the_wire_is_the_approved_one(stub: FalStub, provider: FalProvider, prompt: str) -> None:
    stub.polls = 0
    provider.generate(image_request(final_prompt=prompt), Call())
    (submit,) = [received for received in stub.received if stub.stage(received) == "submit"][-1:]
    assert json.loads(submit.body)["prompt"] == prompt


def test_a_call_goes_on_after_the_process_that_submitted_it(stub: FalStub) -> None:
    stub.always["status"] = HTML
    handles: list[str] = []
    assert failure_of(provider_of(stub, seconds=0.5), handles).certainty == "unknown"
    del stub.always["status"]
    again = provider_of(stub)
    assert again.is_resumable
    assert again.generate(image_request(), Call(handle=handles[0])).content == b"image"
    assert len(stub.calls) == 1


@pytest.mark.parametrize(
    ("refusal", "certainty", "retryable", "credentials"),
    [
        (answer_json({"detail": "User is locked. Reason: Exhausted balance."}, 403), "not_charged", False, True),
        (answer_json({"detail": "Bad request"}, 400), "not_charged", False, False),
        (answer_json({"detail": "Too many requests"}, 429, **{"retry-after": "7"}), "not_charged", True, False),
        (answer_json({"detail": "Internal Server Error"}, 500), "not_charged", True, False),
        (answer_json({"detail": "Unavailable"}, 503), "not_charged", True, False),
        (Sent(503, b"<html>"), "unknown", False, False),
        (HTML, "unknown", False, False),
        (Sent(302, b"", {"location": "https://elsewhere.example/"}), "unknown", False, False),
        (Sent(200, b"<html>"), "unknown", False, False),
        (answer_json({"status": "IN_QUEUE"}), "unknown", False, False),
        (answer_json({"request_id": "../../other/requests/1"}), "unknown", False, False),
        (Sent(200, b'{"request_id":', declared=500), "unknown", False, False),
        (RESET, "unknown", False, False),
    ],
)
def test_what_a_refused_or_lost_submit_says_of_the_money(
    stub: FalStub, refusal: Sent, certainty: str, retryable: bool, credentials: bool
) -> None:
    stub.faults["submit"].append(refusal)
    handles: list[str] = []
    failed = failure_of(provider_of(stub), handles)
    assert (failed.certainty, failed.retryable, failed.credentials) == (certainty, retryable, credentials)
    assert (handles, len(stub.received)) == ([], 1)


def test_a_limit_says_when_to_come_again(stub: FalStub) -> None:
    stub.faults["submit"].append(answer_json({"detail": "Too many requests"}, 429, **{"retry-after": "7"}))
    assert failure_of(provider_of(stub)).retry_after == 7


def test_a_wrong_key_is_no_charge_and_concerns_the_account(stub: FalStub) -> None:
    failed = failure_of(provider_of(stub, key="wrong"))
    assert (failed.certainty, failed.credentials) == ("not_charged", True)


def test_a_submit_whose_answer_never_comes_is_sent_once(stub: FalStub) -> None:
    stub.faults["submit"].append(lambda _: HANG)
    assert failure_of(provider_of(stub, seconds=0.3)).certainty == "unknown"
    assert len(stub.calls) == 1


def test_a_queue_that_cannot_be_reached_charges_nothing() -> None:
    with FalStub() as gone:
        provider = provider_of(gone)
    failed = failure_of(provider)
    assert (failed.certainty, failed.retryable) == ("not_charged", True)


def test_a_submitted_call_whose_queue_cannot_be_reached_is_in_doubt() -> None:
    with FalStub() as gone:
        provider = provider_of(gone, seconds=0.3)
    with pytest.raises(CallFailed, match="handle_1") as caught:
        provider.generate(image_request(), Call(handle="handle_1"))
    assert caught.value.certainty == "unknown"


def test_what_the_app_does_not_take_is_not_sent(stub: FalStub) -> None:
    with pytest.raises(CallFailed, match="no negative prompt") as caught:
        provider_of(stub).generate(image_request(negative_prompt="rain"), Call())
    assert (caught.value.certainty, stub.received) == ("not_charged", [])


@pytest.mark.parametrize("stage", ["status", "result", "file"])
@pytest.mark.parametrize("fault", [RESET, HTML, Sent(503, b""), Sent(429, b""), Sent(200, b"{", declared=99)])
def test_a_failure_to_ask_says_nothing_of_the_call(stub: FalStub, stage: str, fault: Sent) -> None:
    stub.faults[stage].append(fault)
    assert provider_of(stub).generate(image_request(), Call()).content == b"image"
    assert len(stub.calls) == 1


def test_a_gateway_that_speaks_for_the_queue_does_not_end_the_call(stub: FalStub) -> None:
    stub.faults["result"].append(answer_json({"detail": "Internal Server Error"}, 500))
    assert provider_of(stub).generate(image_request(), Call()).content == b"image"


@pytest.mark.parametrize(
    ("error", "result", "certainty"),
    [
        ("Internal Server Error", answer_json({"detail": "Internal Server Error"}, 500), "not_charged"),
        (None, answer_json({"detail": "gone", "error_type": "runner_disconnected"}, 503), "not_charged"),
        ("no", answer_json({"detail": [{"msg": "no", "type": "content_policy_violation"}]}, 422), "unknown"),
    ],
)
def test_what_a_failed_call_says_of_the_money(stub: FalStub, error: str | None, result: Sent, certainty: str) -> None:
    stub.error = error
    stub.always["result"] = result
    handles: list[str] = []
    failed = failure_of(provider_of(stub), handles)
    assert (failed.certainty, failed.retryable) == (certainty, certainty == "not_charged")
    assert failed.provider_request_id == handles[0]


def test_a_failed_call_behind_a_broken_gateway_is_in_doubt(stub: FalStub) -> None:
    stub.error = "failed"
    stub.always["result"] = HTML
    assert failure_of(provider_of(stub, seconds=0.5)).certainty == "unknown"


def test_an_input_that_the_app_refuses_was_perhaps_charged(stub: FalStub) -> None:
    handles: list[str] = []
    stub.faults["submit"].append(lambda _: RESET)
    failure_of(provider_of(stub))
    next(iter(stub.calls.values())).arguments["num_images"] = 9
    handles.extend(stub.calls)
    with pytest.raises(CallFailed, match="less than or equal to 4") as caught:
        provider_of(stub).generate(image_request(), Call(handle=handles[0]))
    assert caught.value.certainty == "unknown"


def test_a_blacked_out_image_is_not_fetched(stub: FalStub) -> None:
    stub.nsfw = True
    handles: list[str] = []
    failed = failure_of(provider_of(stub), handles)
    assert (failed.certainty, failed.moderated) == ("charged", True)
    assert failed.provider_request_id == handles[0]
    assert "file" not in map(stub.stage, stub.received)


@pytest.mark.parametrize("stage", ["status", "result", "file"])
def test_a_call_that_takes_too_long_is_in_doubt_and_says_under_which_number(
    stub: FalStub, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    monkeypatch.setattr("imagegeneration.providers.asynchronous.FETCH_SECONDS", 0.1)
    stub.always[stage] = HTML
    handles: list[str] = []
    failed = failure_of(provider_of(stub, seconds=1), handles)
    assert (failed.certainty, failed.provider_request_id) == ("unknown", handles[0])
    assert handles[0] in failed.message


def test_an_unknown_number_is_in_doubt(stub: FalStub) -> None:
    with pytest.raises(CallFailed, match="Request not found") as caught:
        provider_of(stub).generate(image_request(), Call(handle="other"))
    assert caught.value.certainty == "unknown"


def test_a_key_withdrawn_meanwhile_leaves_the_call_in_doubt(stub: FalStub) -> None:
    stub.always["status"] = answer_json({"detail": "No"}, 401)
    failed = failure_of(provider_of(stub))
    assert (failed.certainty, failed.credentials) == ("unknown", True)


@pytest.mark.parametrize(
    "file",
    [
        Sent(403, b"<Error>expired</Error>"),
        Sent(404),
        Sent(410),
        Sent(302, b"", {"location": "http://169.254.169.254/latest/meta-data/"}),
        Sent(200, b"image", {"content-encoding": "gzip"}),
    ],
)
def test_an_image_that_was_made_but_cannot_be_had_is_in_doubt(stub: FalStub, file: Sent) -> None:
    stub.always["file"] = file
    handles: list[str] = []
    failed = failure_of(provider_of(stub), handles)
    assert (failed.certainty, failed.provider_request_id) == ("unknown", handles[0])
    assert "made the image" in failed.message


def test_a_finished_image_is_fetched_also_when_the_time_of_the_call_is_up(stub: FalStub) -> None:
    stub.faults["file"].append(Sent(502, b"<html>", drip=0.05))
    assert provider_of(stub, seconds=1).generate(image_request(), Call()).content == b"image"


@pytest.mark.parametrize("result", [answer_json({"images": []}), Sent(200, b"garbage"), answer_json([])])
def test_a_result_without_an_image_is_kept_as_it_came(stub: FalStub, result: Sent) -> None:
    stub.always["result"] = result
    answer = provider_of(stub).generate(image_request(), Call())
    assert answer.content == result.body


def test_an_error_in_the_place_of_a_result_is_in_doubt(stub: FalStub) -> None:
    stub.always["result"] = answer_json({"detail": [{"msg": "The content was flagged.", "type": "other"}]})
    failed = failure_of(provider_of(stub))
    assert (failed.certainty, "The content was flagged." in failed.message) == ("unknown", True)


def test_a_server_that_hangs_when_asked_costs_no_more_than_the_time_of_the_call(
    stub: FalStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imagegeneration.providers.asynchronous.ASK_SECONDS", 0.2)
    stub.faults["status"].append(HANG)
    assert provider_of(stub).generate(image_request(), Call()).content == b"image"


def test_fal_is_in_the_table() -> None:
    assert PROVIDERS["fal"] is FalProvider


def test_every_picture_of_a_call_is_kept_and_none_costs_the_first(stub: FalStub) -> None:
    stub.more = [{"url": f"{stub.url}/files/more-{number}.png"} for number in range(2)] + [
        {"url": "https://x.invalid/"},
        {},
    ]
    answer = provider_of(stub).generate(image_request(), Call())
    assert (answer.content, answer.others) == (b"image", (b"image", b"image"))
