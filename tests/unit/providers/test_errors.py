"""What statuses and codes say about money: the table, at every vendor that it speaks of, in the vendor's own form."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, get_args

import pytest
from google.genai import errors as google_errors
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import ResponseError

from imagegeneration.providers.errors import EVERY, RULES, Rule, Verdict
from imagegeneration.providers.forge import forge_answer
from imagegeneration.providers.generation import Answer, CallFailed
from imagegeneration.providers.google import google_answer, google_refusal
from imagegeneration.providers.openai import parse_image
from imagegeneration.providers.refusal import refusal
from imagegeneration.providers.reply import Reply
from imagegeneration.providers.stability import stability_answer

SAID = "said by the provider"

FORMS: Mapping[str, Callable[[str], dict[str, Any]]] = {
    "openai": lambda code: {"error": {"message": SAID, "type": "invalid_request_error", "param": None, "code": code}},
    "google": lambda code: {"error": {"message": SAID, "status": code, "details": [{"reason": code}]}},
    "fal": lambda code: {"detail": [{"loc": ["body", "prompt"], "msg": SAID, "type": code}]},
    "replicate": lambda code: {"title": code, "detail": SAID, "status": 400},
    "stability": lambda code: {"id": "1", "name": code, "errors": [SAID]},
    "forge": lambda code: {"code": code, "message": SAID},
}
"""An error of each vendor."""

FOLLOWS: Mapping[Verdict, tuple[str, bool, bool, bool, bool]] = {
    "prompt": ("not_charged", True, True, False, False),
    "account": ("not_charged", False, False, True, False),
    "later": ("not_charged", False, False, False, True),
    "other": ("not_charged", False, False, False, False),
    "refused": ("not_charged", False, True, False, False),
    "unknown": ("unknown", False, False, False, False),
}


def follows(failure: CallFailed) -> tuple[str, bool, bool, bool, bool]:
    return failure.certainty, failure.moderated, failure.stops, failure.credentials, failure.retryable


CASES = [
    (vendor, status, code, rule)
    for rule in RULES
    for vendor in (FORMS if rule.vendor == EVERY else [rule.vendor])
    for status in rule.statuses or (400, 403, 429, 500)
    for code in rule.codes or ("of_no_row",)
    if not (vendor == "forge" and rule.vendor == EVERY and rule.needs_words)
    if not (vendor == "replicate" and rule.statuses == (403,) and not rule.codes)  # it has no codes
]


@pytest.mark.parametrize(("vendor", "status", "code", "rule"), CASES, ids=lambda value: str(value)[:30])
def test_what_follows_from_each_row_in_the_vendors_own_form(vendor: str, status: int, code: str, rule: Rule) -> None:
    failure = refusal(vendor, status, {}, FORMS[vendor](code))
    assert follows(failure) == FOLLOWS[rule.verdict]
    assert SAID in failure.message


@pytest.mark.parametrize("vendor", FORMS)
def test_a_400_that_no_row_knows_is_free_and_goes_to_no_other_model(vendor: str) -> None:
    assert follows(refusal(vendor, 400, {}, FORMS[vendor]("new_safety_code"))) == FOLLOWS["refused"]
    assert follows(refusal(vendor, 400, {}, {})) == FOLLOWS["refused"]


@pytest.mark.parametrize("vendor", [vendor for vendor in FORMS if vendor != "replicate"])
def test_a_403_whose_code_no_row_knows_goes_to_no_other_model_and_pauses_nothing(vendor: str) -> None:
    assert follows(refusal(vendor, 403, {}, FORMS[vendor]("new_safety_code"))) == FOLLOWS["refused"]


@pytest.mark.parametrize(
    "document", [{}, {"detail": SAID}, {"error": SAID}, {"error": {"message": SAID, "code": None}}, {"message": SAID}]
)
@pytest.mark.parametrize("vendor", FORMS)
def test_a_403_without_a_code_is_a_matter_of_the_account(vendor: str, document: dict[str, Any]) -> None:
    assert follows(refusal(vendor, 403, {}, document)) == FOLLOWS["account"]


@pytest.mark.parametrize(
    ("vendor", "error", "verdict"),
    [
        ("openai", {"type": "invalid_request_error", "code": None}, "account"),
        ("openai", {"type": "invalid_request_error", "code": ""}, "account"),
        ("openai", {"type": "request_forbidden", "code": "unsupported_country_region_territory"}, "account"),
        ("openai", {"type": "invalid_request_error", "code": "organization_not_verified"}, "account"),
        ("openai", {"type": "invalid_request_error", "code": "model_not_found"}, "other"),
        ("openai", {"type": "image_generation_user_error", "code": None}, "refused"),
        ("openai", {"type": "permission_error", "code": "unsafe_image"}, "refused"),
        ("google", {"status": "PERMISSION_DENIED", "details": [{"reason": "SERVICE_DISABLED"}]}, "account"),
        ("google", {"status": "PERMISSION_DENIED", "details": [{"reason": "CONTENT_BLOCKED"}]}, "refused"),
    ],
)
def test_a_403_is_a_matter_of_the_account_only_where_each_of_its_codes_is(
    vendor: str, error: dict[str, Any], verdict: Verdict
) -> None:
    assert follows(refusal(vendor, 403, {}, {"error": {"message": SAID} | error})) == FOLLOWS[verdict]


@pytest.mark.parametrize("vendor", FORMS)
@pytest.mark.parametrize("status", [302, 408, 409, 416, 418, 423, 424, 499, 502, 504, 529])
def test_a_status_that_no_row_knows_is_perhaps_charged(vendor: str, status: int) -> None:
    assert refusal(vendor, status, {}, FORMS[vendor]("of_no_row")).certainty == "unknown"


@pytest.mark.parametrize("vendor", FORMS)
@pytest.mark.parametrize("status", [404, 500, 503])
def test_what_a_proxy_may_have_said_is_perhaps_charged(vendor: str, status: int) -> None:
    assert refusal(vendor, status, {}, {}).certainty == "unknown"


@pytest.mark.parametrize("status", [402, 405, 407, 413, 421, 422, 425, 426, 428])
@pytest.mark.parametrize("vendor", FORMS)
def test_a_request_that_was_turned_away_is_not_charged_whoever_says_so(vendor: str, status: int) -> None:
    failure = refusal(vendor, status, {}, {})
    assert (failure.certainty, failure.credentials) == ("not_charged", status == 402)


def test_azures_codes_of_its_filter_are_known_wherever_they_stand() -> None:
    inner = {"error": {"code": "BadRequest", "message": SAID, "innererror": {"code": "ResponsibleAIPolicyViolation"}}}
    assert refusal("openai", 400, {}, inner).moderated
    assert refusal("openai", 400, {}, {"error": {"code": "contentFilter", "message": SAID}}).moderated


def test_a_limit_without_a_hint_is_waited_for_as_its_vendor_documents() -> None:
    assert refusal("stability", 429, {}, {}).retry_after == 60
    assert refusal("stability", 429, {"retry-after": "5"}, {}).retry_after == 5
    assert refusal("stability", 429, {"retry-after": "0"}, {}).retry_after == 60
    assert refusal("openai", 429, {}, {}).retry_after is None


@pytest.mark.parametrize(
    ("document", "shown"),
    [
        ({"detail": "The model is loading."}, "The model is loading."),
        ({"detail": [{"loc": ["body", "size"], "msg": "Field required", "type": "missing"}]}, "Field required"),
        ({"detail": {"message": "No GPU"}}, "No GPU"),
        ({"error": "quota"}, "quota"),
        ({"error": {"message": "Billing", "code": "billing_hard_limit_reached"}}, "Billing (billing_hard"),
        ({"message": ["size is wrong", "n is wrong"]}, "size is wrong; n is wrong"),
        ({"errors": ["a", {"message": "b"}]}, "a; b"),
        ({"error": {"error": {"error": {"message": "too deep"}}}}, "HTTP 422"),
        ([], "HTTP 422"),
    ],
)
def test_the_words_of_an_error_are_shown_in_whatever_form_they_come(document: Any, shown: str) -> None:
    assert shown in refusal("openai", 422, {}, document if isinstance(document, dict) else {}).message


@given(
    st.sampled_from(sorted(FORMS)),
    st.integers(100, 599),
    st.dictionaries(
        st.sampled_from(["error", "detail", "details", "message", "code", "errors", "name", "retry_after"]),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.text(),
            lambda inner: (
                st.lists(inner) | st.dictionaries(st.sampled_from(["message", "code", "error", "details"]), inner)
            ),
        ),
    ),
)
def test_a_refusal_of_any_form_is_a_failed_call(vendor: str, status: int, document: dict[str, Any]) -> None:
    assert isinstance(refusal(vendor, status, {}, document), CallFailed)


SUCCESSES: Mapping[str, Callable[[bytes], Answer]] = {
    "openai": lambda body: parse_image(body, None),
    "google": google_answer,
    "stability": lambda body: stability_answer(Reply(200, {}, body)),
    "forge": lambda body: forge_answer(Reply(200, {}, body)),
}


def inside(vendor: str, code: str) -> CallFailed:
    with pytest.raises(CallFailed) as failed:
        SUCCESSES[vendor](json.dumps(FORMS[vendor](code)).encode())
    assert SAID in failed.value.message
    return failed.value


@pytest.mark.parametrize("vendor", SUCCESSES)
def test_an_error_inside_a_200_is_perhaps_charged(vendor: str) -> None:
    assert follows(inside(vendor, "of_no_row")) == FOLLOWS["unknown"]


PROVEN = [
    (rule.vendor, code, rule.verdict)
    for rule in RULES
    if rule.vendor in SUCCESSES and not rule.statuses
    for code in rule.codes
]


@pytest.mark.parametrize(("vendor", "code", "verdict"), PROVEN)
def test_inside_a_200_only_a_code_of_prompt_or_account_proves_that_nothing_was_charged(
    vendor: str, code: str, verdict: Verdict
) -> None:
    assert follows(inside(vendor, code)) == FOLLOWS[verdict if verdict in ("prompt", "account") else "unknown"]


def test_the_sdk_of_google_hands_its_errors_over_as_they_came() -> None:
    error = google_errors.APIError(400, FORMS["google"]("API_KEY_INVALID"))
    assert follows(google_refusal(error)) == FOLLOWS["account"]


def test_every_policy_that_the_sdk_of_openai_names_stops_the_image() -> None:
    codes = get_args(ResponseError.model_fields["code"].annotation)
    policies = [code for code in codes if "policy" in code or code == "invalid_prompt"]
    assert len(policies) > 2
    assert [code for code in policies if not refusal("openai", 400, {}, FORMS["openai"](code)).moderated] == []
