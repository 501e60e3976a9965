"""A check of schemathesis for what no answer may tell; it runs beside the hooks of openapi_hooks."""

from __future__ import annotations

import os
import re
from typing import Any

import schemathesis
from schemathesis import Case, CheckContext, Response

from tests.integration import openapi_hooks

SECRETS = "LEAK_MARKS"
"""The variable with texts that are nowhere to be seen, a line each."""

INSIDE = re.compile(r"Traceback|site-packages|\.py\b|/usr/|/home/|/tmp/|mongodb|pymongo|\$where|0x[0-9a-f]{8}")
"""What tells of the inside: stacks, files, addresses, the database."""

before_call = openapi_hooks.before_call


@schemathesis.check
def no_leak(context: CheckContext, response: Response, case: Case[Any]) -> None:
    """Nothing of the inside and nothing of others is in an answer, nor in its headers."""
    said = f"{response.text}\n{response.headers}"
    found = INSIDE.search(response.text)
    assert found is None, f"an answer tells of the inside: {found}"
    for mark in os.environ[SECRETS].splitlines():
        assert mark not in said, f"an answer tells {mark!r}"
