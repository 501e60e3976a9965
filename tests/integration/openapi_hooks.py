"""What the OpenAPI document cannot say, told to schemathesis."""

from __future__ import annotations

import itertools
import re
from typing import Any

import schemathesis
from schemathesis import Case, HookContext

from imagegeneration.services.jobs import KEY_PATTERN

CEILINGS = {"dailyMicros": 20_000_000, "dailyPerUserMicros": 10_000_000, "perImageMicros": 1_000_000}
_NUMBERS = itertools.count()


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, object]) -> None:
    """JSON Schema takes 3.0 for an integer, and here it is refused; a good key stands for one body only."""
    if isinstance(case.body, dict):
        body = _with_integers(case.body)
        _keep_spending_possible(body.get("limits"))
        if str(body.get("scope")).startswith("model:gpt-image-2"):
            body["scope"] = "model:dall-e-2"  # the others are approved with
        case.body = body
    headers = case.headers
    key = headers.get("idempotency-key") if headers else None
    if isinstance(key, str) and re.fullmatch(KEY_PATTERN, key):
        headers["idempotency-key"] = f"{key[:200]}{next(_NUMBERS)}"


def _with_integers(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _with_integers(inner) for name, inner in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _keep_spending_possible(limits: Any) -> None:
    """A valid limit of nothing would have every later approval refused: it becomes the ceiling."""
    if isinstance(limits, dict):
        for name, ceiling in CEILINGS.items():
            if isinstance(limits.get(name), int):
                limits[name] = max(limits[name], ceiling)
