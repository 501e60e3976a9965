"""Redaction of secrets in what is written or shown: configured ones by value, others by shape."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

HIDDEN = "[hidden]"

SHORTEST = 6
"""The length below which a value is not redacted: it protects nothing, and most lines would lose text."""

# Clients write most of what is logged, so each pattern must run in linear time. A lookbehind lets it start
# only at the beginning of a run, and possessive quantifiers do not backtrack.
_SHAPES = tuple(
    (re.compile(pattern, re.IGNORECASE), replacement)
    for pattern, replacement in (
        (r"(/auth/callback/[^\s?\"'/]*+\?)[^\s\"']+", rf"\1{HIDDEN}"),
        (r"\b(mongodb(?:\+srv)?://)(?:(?!mongodb(?:\+srv)?://)\S)*@", rf"\1{HIDDEN}@"),
        (r"(?<![a-z0-9+.-])([a-z0-9+.-]++://)[^\s/@]++@", rf"\1{HIDDEN}@"),
        (r"\bisk_\w+", f"isk_{HIDDEN}"),
        (r"\bsk-[\w*-]{8,}", f"sk-{HIDDEN}"),
        (r"(?<![\w-])eyJ[\w-]++\.[\w-]++\.[\w-]*+", HIDDEN),  # a JWT
        (r"\b(bearer|basic)\s+[\w.~+/=-]{16,}", rf"\1 {HIDDEN}"),
        (r"\b((?:set-)?cookie['\"]?\s*[:=,]\s*)[^\r\n]+", rf"\1{HIDDEN}"),
        (r"\b(studio_\w+=)[^\s;,'\"]+", rf"\1{HIDDEN}"),
        (r"([?&](?:code|state)=)[^\s&'\"]+", rf"\1{HIDDEN}"),
        (r"\b((?:code|state|nonce)=)[\w.~%+/=-]{16,}", rf"\1{HIDDEN}"),
        (r"\b((?:\w+_token|\w*password|\w+_secret|code_verifier)['\"]?\s*[=:]\s*['\"]?)[^\s&'\",}]+", rf"\1{HIDDEN}"),
    )
)

_values: set[str] = set()


def hide(secrets: Iterable[str]) -> None:
    """Redact these secrets from now on, in plain and URL-encoded form."""
    for secret in secrets:
        if len(secret) >= SHORTEST:
            _values.update({secret, quote(secret, safe=""), quote_plus(secret)})


def redact(text: str) -> str:
    """Return `text` without secrets."""
    for secret in sorted(_values, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    for pattern, replacement in _SHAPES:
        text = pattern.sub(replacement, text)
    return text
