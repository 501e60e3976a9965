"""The Generate page's memory: the draft, what is under way, and what went wrong. Every change is stored."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

import streamlit as st
from pydantic import ValidationError

from imagegeneration.core.errors import Elsewhere, StudioError
from imagegeneration.core.ids import new_id
from imagegeneration.dashboard.frame import acting, actor, studio
from imagegeneration.models.criteria import Criteria
from imagegeneration.models.options import Options
from imagegeneration.models.quote import Quote
from imagegeneration.prompts.draft import Draft
from imagegeneration.providers.generation import GenerationParameters

Step = Literal["describe", "review", "images"]
Action = Literal["enhance", "approve"]

_DRAFT_ID = re.compile(r"draft_[0-9A-HJKMNP-TV-Z]{26}")
_FIELDS: Mapping[str, str] = {
    "intent": "intent",
    "prompt": "raw_prompt",
    "rawPrompt": "raw_prompt",
    "finalPrompt": "final_prompt",
    "negativePrompt": "negative_prompt",
}


_LIKE = ("intent", "raw_prompt", "suggestion", "final_prompt", "image_count", "style", "negative_prompt", "options")
"""The fields that a new draft may take from an earlier one."""


@dataclass
class Desk:
    """The draft that one session edits, with what is known of it.

    `revision` counts changes of the texts by a button rather than by typing. `choices` counts changes of the options by
    anything but their own fields. It begins at a random number, so that fields from before a restart of the server have
    other keys. `doing` is what a button asked for and the script has yet to do. `shown` is the hash of what the screen
    showed when the approval was pressed. `given_up` says which options are no longer available. `quote` is what was
    drawn last, or `quote_problem` why there is no quote. `criteria` is None if something that the options name is gone.
    `announced` is what was said to be in the way of `routes`, which would be approved. `elsewhere` says that another
    window changed or approved the draft. `is_short` says that the budget or the credits are too small.
    """

    draft: Draft
    rewriting: bool = False
    revision: int = 0
    choices: int = field(default_factory=lambda: secrets.randbelow(2**30))
    doing: Action | None = None
    shown: str = ""
    given_up: Sequence[str] = ()
    problem: StudioError | None = None
    unsaved: StudioError | None = None
    elsewhere: Elsewhere | None = None
    is_short: bool = False
    criteria: Criteria | None = None
    quote: Quote | None = None
    quote_problem: StudioError | None = None
    routes: Sequence[GenerationParameters] = ()
    announced: Sequence[str] = ()
    field_problems: dict[str, str] = field(default_factory=dict)

    @property
    def step(self) -> Step:
        """Return the step that the page shows."""
        if self.draft.job_id is not None:
            return "images"
        return "describe" if self.draft.final_prompt is None or self.rewriting else "review"

    @property
    def is_usual(self) -> bool:
        """Return whether nothing was chosen: an approval then makes what version 1 makes."""
        return self.draft.options == Options()

    def edit(self, **changes: object) -> None:
        """Store what was typed or chosen. An approved draft stays as it was approved.

        What could not be stored is stored by the next edit, even if that changes nothing.
        """
        if self.draft.job_id is not None:
            return
        draft = self.draft.model_copy(update=changes)
        if draft != self.draft or self.unsaved is not None:
            for name in changes:
                self.field_problems.pop(name, None)
            self.draft = draft
            self.save()

    def replace(self, **changes: object) -> None:
        """Change texts on the screen, as a button does."""
        self.revision += 1
        self.problem = None
        self.edit(**changes)

    def save(self) -> None:
        """Store the draft. If that fails, what was typed stays on the screen."""
        if self.elsewhere is not None:
            self.unsaved = self.elsewhere
            return
        try:
            self.draft = studio().drafts.save(acting("generate"), self.draft)
            self.unsaved = None
        except Elsewhere as error:
            self.elsewhere = self.unsaved = error
        except StudioError as error:
            self.unsaved = error

    @property
    def is_locked(self) -> bool:
        """Return whether its fields are locked: it is at work, or another window has to be answered."""
        return self.doing is not None or self.elsewhere is not None

    def look(self) -> bool:
        """Check whether another window changed or approved the draft. Return whether that is news."""
        if self.is_locked or self.draft.job_id is not None:
            return False
        stored = studio().drafts.version(actor(), self.draft.draft_id)
        if stored in (None, self.draft.version):
            return False
        unsaved = self.unsaved
        self.save()  # this is refused, with what the other window did
        if self.elsewhere is not None:
            self.unsaved = unsaved
        return self.elsewhere is not None

    def take_other(self) -> None:
        """Show what the other window stored."""
        stored = studio().drafts.get(actor(), self.draft.draft_id)
        if stored is not None:
            self._settle(stored)

    def keep_own(self) -> None:
        """Store this window's draft over the other window's. A draft that is gone or has become a job stays so.

        A draft that is gone may have become a job, so it is never stored anew: as version 0 it would be.
        """
        stored = studio().drafts.get(actor(), self.draft.draft_id)
        version = max(self.draft.version, 1) if stored is None else stored.version
        self._settle(self.draft.model_copy(update={"version": version}))
        self.save()

    def _settle(self, draft: Draft) -> None:
        self.draft, self.elsewhere, self.unsaved, self.problem = draft, None, None, None
        self.revision += 1
        self.choices += 1

    def complain(self, error: ValidationError) -> None:
        """Show beside the fields what is wrong with them."""
        self.field_problems |= in_words(error)

    def ask(self, action: Action, shown: str = "") -> None:
        """Note the button that was pressed; ignore it if it is pressed again while it works."""
        if self.doing is None and self.draft.job_id is None:
            self.doing, self.shown, self.problem = action, shown, None

    def rewrite(self, rewriting: bool) -> None:
        """Go back to the first step with a final prompt at hand, or leave it. The address keeps this for a reload."""
        self.rewriting, self.problem = rewriting, None
        if rewriting:
            st.query_params["step"] = "describe"
        elif "step" in st.query_params:
            del st.query_params["step"]


def in_words(error: ValidationError) -> dict[str, str]:
    """Return what is wrong with each field, as text to show beside it."""
    problems = {}
    for wrong in error.errors(include_url=False, include_input=False):
        name = str(wrong["loc"][0])
        problems[_FIELDS.get(name, name)] = f"This {wrong['msg']}."
    return problems


def open_desk() -> Desk:
    """Return the desk with the draft that the page's address names, or the session's, or a new one.

    An address with `edit` asks for a new draft that edits that image.
    """
    if (image_id := st.query_params.get("edit")) is not None:
        del st.query_params["edit"]
        editing = Desk(_editing(image_id))
        editing.save()
        lay(editing)
        return editing
    wanted = st.query_params.get("draft")
    desk: Desk | None = st.session_state.get("desk")
    if desk is not None and wanted is None and desk.draft.job_id is not None:
        desk = None  # back on the page after an approval: a new request
    if desk is None or wanted not in (None, desk.draft.draft_id):
        desk = Desk(_stored(wanted) or new_draft(), rewriting=st.query_params.get("step") == "describe")
    lay(desk)
    return desk


def _editing(image_id: str) -> Draft:
    """Return a new draft that edits an image, or an empty draft if this is no image's id."""
    try:
        options = Options(references=(image_id,))
    except ValidationError:
        return new_draft()
    return new_draft().model_copy(update={"options": options})


def lay(desk: Desk) -> None:
    """Make `desk` this session's, and its draft the page's address."""
    st.session_state["desk"] = desk
    if desk.rewriting is False and "step" in st.query_params:
        del st.query_params["step"]
    if st.query_params.get("draft") != desk.draft.draft_id:
        st.query_params["draft"] = desk.draft.draft_id


def start_over(like: Draft | None = None) -> None:
    """Start a new draft, empty or with the texts of another; the old one stays in the database for a week."""
    desk = Desk(new_draft(like))
    if like is not None:
        desk.save()  # a reload keeps the texts
    lay(desk)


def new_draft(like: Draft | None = None) -> Draft:
    """Return a new draft, with the texts and the number of images of another one if given."""
    draft = Draft(draft_id=new_id("draft"), user_id=actor().user_id, updated_at=datetime.now(UTC))
    if like is None:
        return draft
    return draft.model_copy(update={name: getattr(like, name) for name in _LIKE})


def _stored(draft_id: str | None) -> Draft | None:
    if draft_id is None or not _DRAFT_ID.fullmatch(draft_id):
        return None
    return studio().drafts.get(actor(), draft_id)
