"""What the OpenAPI document cannot say, told to schemathesis."""

from __future__ import annotations

import itertools
import re
from typing import Any

import schemathesis
from schemathesis import Case, HookContext

from imagegeneration.services.jobs import KEY_PATTERN

_NUMBERS = itertools.count()


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, object]) -> None:
    """JSON Schema takes 3.0 for an integer, and here it is refused; a good key stands for one body only."""
    if isinstance(case.body, dict):
        case.body = {
            name: int(value) if isinstance(value, float) and value.is_integer() else value
            for name, value in case.body.items()
        }
    headers = case.headers
    key = headers.get("idempotency-key") if headers else None
    if isinstance(key, str) and re.fullmatch(KEY_PATTERN, key):
        headers["idempotency-key"] = f"{key[:200]}{next(_NUMBERS)}"
