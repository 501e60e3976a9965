"""Hooks of schemathesis for rules that the OpenAPI document cannot express."""

from __future__ import annotations

import itertools
import re
from typing import Any

import schemathesis
from schemathesis import Case, HookContext

from imagegeneration.jobs.repeats import KEY_PATTERN

CEILINGS = {"dailyMicros": 20_000_000, "dailyPerUserMicros": 10_000_000, "perImageMicros": 1_000_000}
NEEDS = {
    *(
        "provider",
        "model",
        "size",
        "width",
        "height",
        "quality",
        "outputFormat",
        "background",
        "seed",
        "negativePrompt",
    ),
    *("steps", "guidance", "loras", "references", "maxMicrosPerImage", "fallback"),
}
_NUMBERS = itertools.count()


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, object]) -> None:
    """JSON Schema takes 3.0 for an integer, and here it is refused; a good key stands for one body only."""
    if isinstance(case.body, dict):
        body = _with_integers(case.body)
        _keep_spending_possible(body.get("limits"))
        if case.meta is not None and case.meta.generation.mode.is_positive:
            _keep_models_possible(body)
        if str(body.get("scope")).startswith("model:gpt-image-2"):
            body["scope"] = "model:dall-e-2"  # the others are approved with
        case.body = body
    if case.meta is not None and case.meta.generation.mode.is_positive and "job-events" in case.path:
        case.query = {}  # which events a job has is not in the document
        if case.headers:
            case.headers.pop("last-event-id", None)
    headers = case.headers
    key = headers.get("idempotency-key") if headers else None
    if isinstance(key, str) and re.fullmatch(KEY_PATTERN, key):
        headers["idempotency-key"] = f"{key[:200]}{next(_NUMBERS)}"


def _keep_models_possible(body: dict[str, Any]) -> None:
    """What a model can do, costs, and who is configured, is in the catalog, not in the schema."""
    if isinstance(body.get("model"), str):
        body["model"] = "fal-ai/flux-lora"
    if str(body.get("scope")).startswith(("model:", "provider:")):
        body["scope"] = "model:dall-e-2"
    if isinstance(body.get("loras"), list):
        body["loras"] = [{"path": "owner/name"} for lora in body["loras"] if isinstance(lora, dict)] or body["loras"]
    if "style" in body and isinstance(body.get("finalPrompt"), str):
        body["finalPrompt"] = body["finalPrompt"][:2000]  # with what is folded in it has to fit as well
    if isinstance(body.get("maxCostPerImage"), int | float):
        body["maxCostPerImage"] = 1
    options = body.get("options")
    if isinstance(options, dict):
        for name in set(options) & NEEDS:
            del options[name]


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
        if isinstance(limits.get("providers"), list):
            limits["providers"] = []
