"""The choices beside the text, as the desk's draft holds them: model, parameters, style and negative prompt.

A style and a negative prompt are rendered into the final prompt on the screen. The negative prompt stays beside it if
the model takes it there. What the studio no longer offers is given up in words.
"""

from __future__ import annotations

from pydantic import ValidationError

from imagegeneration.core.errors import PromptRefused, StudioError
from imagegeneration.dashboard.frame import actor, studio
from imagegeneration.dashboard.generate.desk import Desk
from imagegeneration.models.options import Options, Priority
from imagegeneration.models.possible import keep_possible, without_fallbacks
from imagegeneration.models.style import STYLE_NAMES, StyleName, parts, render_prompt
from imagegeneration.prompts.draft import PREVIOUS_KEPT, Draft


def type_final_prompt(desk: Desk, text: str) -> None:
    """Store the final prompt as typed; the style and negative prompt that it renders count as chosen, no others."""
    found = parts(text)
    changes: dict[str, object] = {"style": found.style}
    if desk.draft.options.negative_prompt is None:
        changes["negative_prompt"] = found.negative_prompt or ""
    if any(getattr(desk.draft, name) != value for name, value in changes.items()):
        desk.choices += 1
    desk.edit(final_prompt=text, **changes)


def put_prompt(desk: Desk, text: str) -> None:
    """Put another final prompt on the screen, with the chosen style and negative prompt."""
    previous = desk.draft.final_prompt
    desk.replace(final_prompt=text)
    if desk.draft.style is None and not desk.draft.negative_prompt:
        type_final_prompt(desk, text)
    else:
        _render(desk)
    if previous and previous != desk.draft.final_prompt:
        kept = (one for one in desk.draft.previous_prompts if one not in (previous, desk.draft.final_prompt))
        desk.edit(previous_prompts=(*kept, previous)[-PREVIOUS_KEPT:])


def undo(desk: Desk) -> None:
    """Put back the final prompt that a button replaced last. The one on the screen is kept, so undo cycles."""
    draft = desk.draft
    if draft.previous_prompts:
        *older, last = draft.previous_prompts
        desk.replace(previous_prompts=(draft.final_prompt or "", *older))
        type_final_prompt(desk, last)


def choose(desk: Desk, **changes: object) -> None:
    """Choose options by their fields, and give up what the model cannot do with them."""
    _take(desk, desk.draft.options.model_copy(update=changes))


def choose_model(desk: Desk, model: str | None, priority: Priority | None) -> None:
    """Choose a model by name, or leave the choice to the studio, by a priority if one is given."""
    choose(desk, model=model, priority=priority, provider="auto")
    desk.choices += 1
    _render(desk)


def choose_style(desk: Desk, style: StyleName | None) -> None:
    """Choose a style: it becomes part of the final prompt on the screen."""
    desk.edit(style=style)
    _render(desk)


def type_negative_prompt(desk: Desk, text: str) -> None:
    """Store the negative prompt as typed: it becomes part of the final prompt, or stays beside it."""
    desk.edit(negative_prompt=text)
    _render(desk)


def choose_like(desk: Desk, other: Draft) -> None:
    """Choose everything as in another draft, except the images that are edited, which belong to the request."""
    desk.edit(style=other.style, negative_prompt=other.negative_prompt)
    _take(desk, other.options.model_copy(update={"references": desk.draft.options.references}))
    desk.choices += 1
    _render(desk)


def settle(desk: Desk) -> None:
    """Give up what the studio no longer offers, then quote the draft, once for all that a page draws."""
    if desk.draft.job_id is None:
        _give_up(desk)
        _quote(desk)


def _quote(desk: Desk) -> None:
    """Quote the draft, or note why there is no quote. Alternates that cannot make it are given up."""
    draft = desk.draft
    desk.criteria = desk.quote = desk.quote_problem = None
    try:
        criteria = studio().selector.criteria(draft.options, draft.prompt, actor())
        desk.criteria = criteria
        if desk.is_usual:
            desk.quote = studio().selector.quote_default(draft.prompt, draft.image_count, actor().user_id)
            return
        quote = studio().selector.quote(criteria, draft.image_count, actor().user_id, only_able=True)
    except StudioError as error:
        desk.quote_problem = error
        return
    desk.quote = quote
    if quote.unable:
        desk.choices += 1
        desk.given_up = [*desk.given_up, *quote.unable.values()]
        desk.edit(options=without_fallbacks(draft.options, quote.unable))


def _give_up(desk: Desk) -> None:
    draft = desk.draft
    _take(desk, draft.options)
    if draft.style is not None and draft.style not in STYLE_NAMES:
        desk.given_up = [*desk.given_up, f"There is no style {draft.style} any more."]
        desk.edit(style=None)
    if desk.draft.options != draft.options:
        _render(desk)


def _take(desk: Desk, options: Options) -> None:
    kept, given_up = keep_possible(options, studio().registry)
    if kept != options:
        desk.choices += 1
        desk.given_up = tuple(given_up)
    elif options != desk.draft.options:
        desk.given_up = ()
    desk.edit(options=kept)


def _render(desk: Desk) -> None:
    """Render the chosen style and negative prompt into the final prompt, or put them into the options."""
    draft = desk.draft
    try:
        unwanted = Options(negative_prompt=draft.negative_prompt.strip() or None).negative_prompt
        style = next((name for name in STYLE_NAMES if name == draft.style), None)
        model = None if draft.options.model is None else studio().registry.model(draft.options.model)
        rendered = render_prompt(draft.final_prompt or "", style, unwanted, model)
    except ValidationError as error:
        desk.complain(error)
        return
    except PromptRefused as error:  # it does not fit: what the prompt holds counts as chosen
        type_final_prompt(desk, draft.final_prompt or "")
        desk.problem = error
        return
    desk.problem = None
    desk.field_problems.pop("negative_prompt", None)
    options = draft.options.model_copy(update={"negative_prompt": rendered.negative_prompt})
    if draft.final_prompt is None:
        desk.edit(options=options)
    elif (rendered.final_prompt, options) != (draft.final_prompt, draft.options):
        desk.replace(final_prompt=rendered.final_prompt, options=options)
