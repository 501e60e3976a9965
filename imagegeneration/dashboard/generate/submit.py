"""What the buttons of Generate do with a draft: ask for a suggestion, use the typed prompt, approve."""

from __future__ import annotations

from pydantic import ValidationError

from imagegeneration.core.errors import Elsewhere, PromptRefused, StudioError
from imagegeneration.dashboard.frame import acting, actor, studio
from imagegeneration.dashboard.generate import wishes
from imagegeneration.dashboard.generate.desk import Desk, in_words
from imagegeneration.jobs.bodies import ExecuteBody, GenerateBody
from imagegeneration.models.options import Options
from imagegeneration.prompts.draft import Shown
from imagegeneration.providers.generation import EnhanceBody


def use_as_typed(desk: Desk) -> None:
    """Use the typed prompt as the final prompt."""
    if _enhance_body(desk) is not None:
        desk.rewrite(False)
        desk.edit(suggestion=None)
        wishes.put_prompt(desk, desk.draft.raw_prompt)


def enhance(desk: Desk) -> None:
    """Request a suggestion for the final prompt."""
    try:
        body = _enhance_body(desk)
        if body is None:
            return
        suggestion = studio().enhancement.enhance(acting("generate"), body)
        if _is_current(desk):
            desk.rewrite(False)
            desk.edit(suggestion=suggestion)
            wishes.put_prompt(desk, suggestion)
    except StudioError as error:
        desk.problem = error
    finally:
        desk.doing = None


def approve(desk: Desk) -> None:
    """Make the job that the screen showed, once: a draft becomes one job at most, however old it is."""
    try:
        body = _execute_body(desk)
        if body is None:
            return
        job = studio().approvals.approve(
            acting("generate"),
            body,
            source="dashboard",
            idempotency_key=None,
            shown=Shown(desk.draft.draft_id, desk.draft.version, desk.shown),
        )
        desk.draft = desk.draft.model_copy(update={"job_id": job.job_id})
    except Elsewhere as error:
        desk.elsewhere = error
    except StudioError as error:
        desk.problem = error
    finally:
        desk.doing = None


def _is_current(desk: Desk) -> bool:
    """Return whether no other window changed the texts while the enhancer worked, for example after a reload."""
    stored = studio().drafts.get(actor(), desk.draft.draft_id)
    return stored is None or (stored.intent, stored.raw_prompt) == (desk.draft.intent, desk.draft.raw_prompt)


def _enhance_body(desk: Desk) -> EnhanceBody | None:
    try:
        body = EnhanceBody(intent=desk.draft.intent, prompt=desk.draft.raw_prompt)
    except ValidationError as error:
        desk.field_problems = in_words(error)
        return None
    desk.field_problems = {}
    return body


def _execute_body(desk: Desk) -> ExecuteBody | None:
    """Return what is approved: the four fields of version 1, and the options only if something was chosen."""
    draft = desk.draft
    try:
        body = ExecuteBody(
            intent=draft.intent,
            raw_prompt=draft.raw_prompt,
            final_prompt=draft.final_prompt or "",
            image_count=draft.image_count,
        )
        Options(negative_prompt=draft.negative_prompt.strip() or None)
        if not desk.is_usual:
            body = GenerateBody(**dict(body), options=draft.options)
    except ValidationError as error:
        desk.field_problems = in_words(error)
        if (wrong := desk.field_problems.get("negative_prompt")) is not None:  # its field may be hidden
            desk.problem = PromptRefused(f"The negative prompt cannot be taken. {wrong}")
        return None
    desk.field_problems = {}
    return body
