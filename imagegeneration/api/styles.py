"""Routes of styles, which are rendered into a final prompt before approval (PRD-037, FR-001.7 and FR-001.8)."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter
from pydantic import Field

from imagegeneration.api.dependencies import CurrentStudio
from imagegeneration.core.text import Prompt
from imagegeneration.core.value import Value
from imagegeneration.models.options import NegativePrompt
from imagegeneration.models.style import RenderedPrompt, Style, StyleName, render_prompt, styles
from imagegeneration.web.answers import documented
from imagegeneration.web.routes import JSON_ONLY, requires

router = APIRouter(tags=["prompts"])


class FoldBody(Value):
    """A final prompt, and what to render into it. `model` (null: any) may take a negative prompt natively."""

    final_prompt: Prompt
    style: StyleName | None = None
    negative_prompt: NegativePrompt | None = None
    model: str | None = Field(default=None, min_length=1, max_length=100)


@router.get("/styles", responses=documented(401))
@requires("signed-in")
def all_styles() -> Sequence[Style]:
    """List the styles, and what each adds to a prompt."""
    return styles()


@router.post("/fold-prompt", dependencies=[JSON_ONLY], responses=documented(401, 415))
@requires("generate")
def fold_prompt(body: FoldBody, studio: CurrentStudio) -> RenderedPrompt:
    """Render a style and a negative prompt into the final prompt, for review and approval.

    An earlier rendering is replaced, or removed if neither is given. `negativePrompt` is returned if the model takes it
    natively: send it in the options. Writes nothing and costs nothing.
    """
    model = None if body.model is None else studio.registry.model(body.model)
    return render_prompt(body.final_prompt, body.style, body.negative_prompt, model)
