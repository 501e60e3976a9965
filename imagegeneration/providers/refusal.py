"""The reading of a refusal: its words and codes, in every vendor's form. The table in `errors.py` judges it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from imagegeneration.providers.errors import Rule, plain, rule_of
from imagegeneration.providers.generation import CallFailed, Json
from imagegeneration.providers.hints import wait_asked
from imagegeneration.providers.provider import brief

_OWN: Mapping[str, Callable[[Json], bool]] = {
    "openai": lambda said: isinstance(_error(said).get("message"), str) or "detail" in said,
    "google": lambda said: isinstance(_error(said).get("message"), str),
    "fal": lambda said: isinstance(said.get("detail"), str | list),
    "replicate": lambda said: isinstance(said.get("detail"), str),
    "stability": lambda said: isinstance(said.get("name"), str) and isinstance(said.get("errors"), list),
    "forge": lambda said: isinstance(said.get("code"), str) and isinstance(said.get("message", ""), str),
}
"""Whether a document is an error in the vendor's own form: only that proves that no proxy has answered."""

_CODES = ("code", "type", "status", "name", "reason", "error_type")
_WORDS = ("error", "detail", "message", "errors", "msg", "title", "name")
_MANY = 20


def refusal(
    vendor: str, status: int, headers: Mapping[str, str], document: Json, *, request_id: str | None = None
) -> CallFailed:
    """Return what an HTTP status other than a success says about the charge."""
    own = _OWN[vendor](document)
    codes = frozenset(_codes(document))
    rule = rule_of(vendor, status, codes, has_words=own)
    said = words_of(document)
    asked = wait_asked(headers, document, said)
    return _failure(rule, f"HTTP {status}" if said is None else brief(said), asked, request_id)


def error_instead(vendor: str, document: object, *, request_id: str | None = None) -> CallFailed | None:
    """Return what an error inside a success says about the charge, or None if it is no error.

    Only a code about the prompt or the account proves that nothing was charged.
    """
    if not isinstance(document, dict) or not (_OWN[vendor](document) or words_of(document.get("error"))):
        return None
    rule = rule_of(vendor, 200, frozenset(_codes(document)), has_words=False)
    if rule is not None and rule.verdict not in ("prompt", "account"):
        rule = None
    return _failure(rule, brief(words_of(document) or ""), None, request_id)


def words_of(document: object, depth: int = 3) -> str | None:
    """Return the words of an error, in any form that a vendor or a framework uses, or None if it has none."""
    if isinstance(document, str):
        return document or None
    if isinstance(document, list):
        return "; ".join(filter(None, (words_of(part, depth - 1) for part in document[:_MANY]))) or None
    if not isinstance(document, dict) or not depth:
        return None
    message, code = document.get("message"), document.get("code")
    if isinstance(message, str) and isinstance(code, str):
        return f"{message} ({code})".strip()
    parts = (words_of(document.get(name), depth - 1) for name in _WORDS)
    return next((words for words in parts if words), None)


def _error(document: Json) -> Json:
    found = document.get("error")
    return found if isinstance(found, dict) else {}


def _codes(document: Json) -> Iterator[str]:
    """Yield every machine-readable name of the error's kind."""
    error = _error(document)
    nested: list[Any] = [document, error]
    for name in ("inner_error", "innererror", "detail", "details"):
        for level in (document, error):
            found = level.get(name)
            nested += found[:_MANY] if isinstance(found, list) else [found]
    for level in nested:
        if isinstance(level, dict):
            yield from (plain(level[name]) for name in _CODES if isinstance(level.get(name), str) and level[name])


def _failure(rule: Rule | None, words: str, asked: float | None, request_id: str | None) -> CallFailed:
    verdict = "unknown" if rule is None else rule.verdict
    told = {
        "prompt": "The provider refused the prompt",
        "account": "The provider does not accept this account",
        "later": "The provider is overloaded or limits requests",
        "other": "The provider does not offer this",
        "refused": "The provider refused the request",
        "unknown": "The provider failed without saying whether it charged",
    }
    waits = rule.wait_seconds if not asked and rule is not None and rule.wait_seconds else asked
    return CallFailed(
        f"{told[verdict]}: {words}",
        certainty="unknown" if verdict == "unknown" else "not_charged",  # guard: stream-error-unknown
        moderated=verdict == "prompt",
        stops=verdict == "refused",
        credentials=verdict == "account",
        retryable=verdict == "later",
        retry_after=waits if verdict == "later" else None,
        provider_request_id=request_id,
    )
