"""The table of what each vendor's statuses and codes say about the charge, with the source of each row.

`docs/providers.md` prints it. The first matching row decides. An answer without a row, such as 408, 409, 416, 423, 424
and 499, has an unclear charge: the request may have been worked on (docs/adr/0018-refusals.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["prompt", "account", "later", "other", "refused", "unknown"]
"""The meaning of an answer. Nothing is charged, except perhaps for `unknown`.

`prompt`: the prompt breaks the provider's rules, so the image fails and no other model is asked. `account`: the
provider is paused. `later`: it is tried again. `other`: the model or a parameter is refused, so an alternate may make
the image. `refused`: the request is refused, perhaps for its prompt, so no other model is asked. `unknown`: the charge
is unclear.
"""

EVERY = "every"
"""The name for all vendors."""


@dataclass(frozen=True)
class Rule:
    """A row. Without statuses it matches every status, also an error inside an HTTP 200; likewise without codes.

    `needs_words`: it matches only an error in the vendor's own form, because a proxy may have answered.
    `no_other_codes`: it matches only if all codes are among its own, or there are none. `wait_seconds` is the wait by
    the vendor's documentation if the answer gives none.
    """

    vendor: str
    statuses: tuple[int, ...]
    codes: tuple[str, ...]
    verdict: Verdict
    source: str
    needs_words: bool = False
    no_other_codes: bool = False
    wait_seconds: float | None = None


_OPENAI_IMAGES = "developers.openai.com/api/docs/guides/image-generation"
_OPENAI_ERRORS = "developers.openai.com/docs/guides/error-codes"
_OPENAI_CODES = "github.com/openai/openai-python/blob/main/src/openai/types/responses/response_error.py"
_AZURE = "learn.microsoft.com/azure/ai-services/openai/concepts/content-filter"
_GOOGLE = "ai.google.dev/gemini-api/docs/generate-content/api-errors"
_FAL = "fal.ai/docs/documentation/model-apis/errors"
_REPLICATE = "replicate.com/docs/topics/predictions/rate-limits"
_STABILITY = "platform.stability.ai/docs/api-reference"
_CONNECT = "connectrpc.com/docs/protocol/#error-codes"
_HTTP = "RFC 9110"

_OF_THE_ACCOUNT = (
    *("403", "error", "about:blank", "invalid_request_error"),  # say no more than the status
    *("forbidden", "request_forbidden", "access_denied", "permission_denied", "permission_error"),
    *("unauthorized", "not_authorized", "unauthenticated", "authentication_error", "authorization_error"),
    *("insufficient_permissions", "missing_scope", "unsupported_country_region_territory", "ip_not_authorized"),
    *("SERVICE_DISABLED", "BILLING_DISABLED", "CONSUMER_SUSPENDED", "CONSUMER_INVALID", "ACCOUNT_STATE_INVALID"),
    *("USER_PROJECT_DENIED", "IAM_PERMISSION_DENIED", "ACCESS_TOKEN_SCOPE_INSUFFICIENT", "API_KEY_SERVICE_BLOCKED"),
    *("API_KEY_HTTP_REFERRER_BLOCKED", "API_KEY_IP_ADDRESS_BLOCKED"),
)
"""Codes of a 403 about the account or its rights: common ones, OpenAI's, and Google's `ErrorReason`."""

RULES = (
    Rule("openai", (), ("moderation_blocked", "content_policy_violation"), "prompt", _OPENAI_IMAGES),
    Rule(
        "openai",
        (),
        ("image_content_policy_violation", "invalid_prompt", "bio_policy", "misalignment_policy_violation"),
        "prompt",
        _OPENAI_CODES,
    ),
    Rule("openai", (), ("content_filter", "contentFilter", "ResponsibleAIPolicyViolation"), "prompt", _AZURE),
    Rule(
        "openai",
        (),
        ("insufficient_quota", "credit_balance_exhausted", "billing_not_active", "account_deactivated"),
        "account",
        _OPENAI_ERRORS,
    ),
    Rule("openai", (), ("billing_hard_limit_reached",), "account", "github.com/dfinke/PowerShellAI/issues/127"),
    Rule("openai", (), ("invalid_api_key", "organization_not_verified"), "account", _OPENAI_ERRORS),
    Rule("openai", (400, 403, 404), ("model_not_found",), "other", _OPENAI_ERRORS),
    Rule(
        "openai",
        (400, 422),
        ("invalid_value", "unknown_parameter", "unsupported_parameter", "unsupported_value"),
        "other",
        _OPENAI_IMAGES,
    ),
    Rule("google", (), ("API_KEY_INVALID",), "account", _GOOGLE),
    Rule("google", (400,), ("FAILED_PRECONDITION",), "account", _GOOGLE),
    Rule("fal", (), ("content_policy_violation",), "prompt", _FAL),
    Rule("stability", (403,), ("content_moderation",), "prompt", _STABILITY),
    Rule("stability", (429,), (), "later", _STABILITY, wait_seconds=60),
    Rule("replicate", (429,), (), "later", _REPLICATE, wait_seconds=10),
    Rule("forge", (), ("unauthenticated", "permission_denied"), "account", _CONNECT),
    Rule("forge", (), ("invalid_argument", "failed_precondition", "out_of_range"), "refused", _CONNECT),
    Rule("forge", (), ("not_found", "unimplemented"), "other", _CONNECT),
    Rule("forge", (), ("resource_exhausted", "internal", "unavailable"), "later", _CONNECT),
    Rule(
        "forge",
        (),
        ("unknown", "canceled", "aborted", "data_loss", "already_exists", "deadline_exceeded"),
        "unknown",
        _CONNECT,
    ),
    Rule("forge", (500, 503), (), "unknown", _CONNECT),
    Rule(EVERY, (402,), (), "account", _HTTP),
    Rule(EVERY, (401,), (), "account", _HTTP),
    Rule(EVERY, (403,), _OF_THE_ACCOUNT, "account", _HTTP, no_other_codes=True),
    Rule(EVERY, (403,), (), "refused", _HTTP),
    Rule(EVERY, (451,), (), "prompt", "RFC 7725"),
    Rule(EVERY, (404, 410), (), "other", _HTTP, needs_words=True),
    Rule(EVERY, (429,), (), "later", "RFC 6585"),
    Rule(EVERY, (500, 503), (), "later", _HTTP, needs_words=True),
    Rule(EVERY, (405, 406, 407, 411, 413, 414, 415, 417, 421, 426), (), "other", _HTTP),
    Rule(EVERY, (425,), (), "other", "RFC 8470"),
    Rule(EVERY, (428, 431), (), "other", "RFC 6585"),
    Rule(EVERY, (400, 422), (), "refused", _HTTP),
)


def rule_of(vendor: str, status: int, codes: frozenset[str], *, has_words: bool) -> Rule | None:
    """Return the first row that matches an answer with `plain` codes, or None if none does."""
    return next((rule for rule in RULES if _fits(rule, vendor, status, codes, has_words=has_words)), None)


def plain(code: str) -> str:
    """Return a code without case and punctuation: `contentFilter` and `content_filter` are one."""
    return "".join(character for character in code.lower() if character.isalnum())


def _fits(rule: Rule, vendor: str, status: int, codes: frozenset[str], *, has_words: bool) -> bool:
    named = frozenset(map(plain, rule.codes))
    return (
        rule.vendor in (vendor, EVERY)
        and (not rule.statuses or status in rule.statuses)
        and (codes <= named if rule.no_other_codes else not named or not codes.isdisjoint(named))
        and (has_words or not rule.needs_words)
    )
