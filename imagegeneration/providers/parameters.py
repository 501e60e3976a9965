"""The checks of vendor files before anything is sent: no requested parameter is ever dropped.

What a model can do is in the catalog, and was checked before the approval.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from imagegeneration.providers.generation import CallFailed, GenerationRequest

_OPTIONAL = ("background", "seed", "negative_prompt", "steps", "guidance", "loras", "references")


def prepared(payload: Callable[[GenerationRequest], dict[str, Any]], request: GenerationRequest) -> dict[str, Any]:
    """Return the body of a call. Raises CallFailed if the provider does not take the request: nothing is sent."""
    try:
        return payload(request)
    except ValueError as error:
        raise CallFailed(f"The request was not sent: {error}", certainty="not_charged") from error


def refuse_what_is_not_taken(request: GenerationRequest, taken: frozenset[str]) -> None:
    """Raise ValueError for a requested parameter that the model does not take."""
    for name in _OPTIONAL:
        if name not in taken and getattr(request, name) not in (None, ()):
            raise ValueError(f"{request.model} takes no {name.replace('_', ' ')}.")
    if request.partial_images:
        raise ValueError(f"{request.model} shows no images before they are done.")
    if request.quality != "standard":
        raise ValueError(f"{request.model} knows no quality but standard.")


def lora_scale(weight: float) -> float:
    """Return a weight of 0 to 2 on the scale of 0 to 1 ("Image Generation v2", section 4.2).

    Fal takes 0 to 4 and Replicate -1 to 3, and both call 0 to 1 the range of good images. Therefore 2 is the full
    strength of a LoRA.
    """
    return min(weight * 0.5, 1.0)
