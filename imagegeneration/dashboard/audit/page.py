"""The Audit page: who decided what, newest first, with an export and a check of the chain."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import streamlit as st

from imagegeneration.audit.entry import Action, AuditEntry
from imagegeneration.dashboard.audit.entries import action_words, entry_row
from imagegeneration.dashboard.audit.exports import as_csv, as_json_lines
from imagegeneration.dashboard.frame import acting_later, errors_in_words, loading, notice, studio
from imagegeneration.dashboard.kit.pager import cursor, pager, to_first
from imagegeneration.dashboard.kit.rows import Section
from imagegeneration.dashboard.kit.sections import draw_sections

PER_PAGE = 25
MOST_EXPORTED = 10_000
AT_ONCE = 500
"""How many entries are read at once for a file."""

MOST_PEOPLE = 100
"""How many users a search by name may match."""

_KEY = "audit"


@dataclass(frozen=True)
class Wanted:
    """The filters of the page."""

    actors: Sequence[str] = ()
    actions: Sequence[Action] = ()
    subject: str | None = None

    def find(self, before: int | None, limit: int) -> Sequence[AuditEntry]:
        """Return up to `limit` matching entries, newest first, numbered below `before`."""
        return studio().audit.find(
            actors=self.actors, actions=self.actions, subject=self.subject, before=before, limit=limit
        )

    @property
    def is_everything(self) -> bool:
        """Return whether nothing is filtered."""
        return self == Wanted()


@errors_in_words()
def audit() -> None:
    """Draw the filters, the chain, and a page of entries."""
    wanted = _filters()
    _tools(wanted)
    with loading(420) as place:
        found = wanted.find(_cursor(), PER_PAGE + 1)
        shown = found[:PER_PAGE]
        names = studio().people.names({who for entry in shown for who in (entry.actor, entry.subject)})
    empty = "Nobody has decided anything yet." if wanted.is_everything else "No entry is like this."
    rows = tuple(entry_row(entry, names) for entry in shown)
    with place:
        draw_sections([Section("entries", "Entries", rows, empty=empty)], _nothing, key=_KEY)
        pager(str(shown[-1].number) if len(found) > PER_PAGE else None)


def _nothing(_key: str, _order: Mapping[str, Any]) -> None:
    """Do nothing: the record has no actions."""


def _cursor() -> int | None:
    last = cursor() or ""
    return int(last) if last.isascii() and last.isdigit() and len(last) < 16 else None


def _filters() -> Wanted:
    who_column, action_column, subject_column = st.columns(3)
    who = who_column.text_input(
        "By whom",
        key="who",
        bind="query-params",
        placeholder="Name, e-mail address or id",
        max_chars=100,
        on_change=to_first,
    )
    chosen = action_column.multiselect(
        "What",
        get_args(Action),
        key="action",
        bind="query-params",
        format_func=action_words,
        placeholder="Everything",
        on_change=to_first,
    )
    subject = subject_column.text_input(
        "About",
        key="subject",
        bind="query-params",
        placeholder="Id of a job, person or key",
        max_chars=200,
        on_change=to_first,
    )
    return Wanted(_actors((who or "").strip()), tuple(chosen), (subject or "").strip() or None)


def _actors(text: str) -> Sequence[str]:
    """Return the ids of the users with this name; the text may be an id itself."""
    if not text:
        return ()
    people = studio().people.page(None, MOST_PEOPLE + 1, text)
    if len(people) > MOST_PEOPLE:
        notice(
            "neutral", f"More than {MOST_PEOPLE} people are called so.", "The first of them are looked at.", key="many"
        )
    ids = [person.person_id for person in people[:MOST_PEOPLE]]
    return tuple(dict.fromkeys([text, *ids]))


def _tools(wanted: Wanted) -> None:
    """Draw the tools for the record as a whole."""
    may_export = acting_later("administer")

    def export(write: Callable[[Iterable[AuditEntry]], bytes]) -> Callable[[], bytes]:
        def made() -> bytes:
            may_export()
            return write(exported(wanted))

        return made

    with st.container(horizontal=True, vertical_alignment="center"):
        check = st.button("Check the chain", icon=":material/verified_user:")
        st.download_button(
            "Export as CSV", export(as_csv), "audit.csv", "text/csv", icon=":material/download:", on_click="ignore"
        )
        st.download_button(
            "Export as JSON lines",
            export(as_json_lines),
            "audit.jsonl",
            "application/x-ndjson",
            icon=":material/download:",
            on_click="ignore",
        )
    st.caption(
        f"A check reads every entry. An export has what is filtered, the newest {MOST_EXPORTED:,} entries at most."
    )
    if check:
        _check()


def exported(wanted: Wanted) -> Iterator[AuditEntry]:
    """Yield the matching entries, newest first, at most MOST_EXPORTED."""
    before, left = None, MOST_EXPORTED
    while left and (entries := wanted.find(before, min(left, AT_ONCE))):
        yield from entries
        before, left = entries[-1].number, left - len(entries)


def _check() -> None:
    """Read the whole chain, show the progress in a bar, and say whether it is whole."""
    bar = st.progress(0.0, text="Reading every entry")

    def progress(done: int, of: int) -> None:
        bar.progress(min(done / of, 1.0), text=f"Reading entry {done:,} of {of:,}")

    broken = studio().audit.first_break(progress=progress)
    bar.empty()
    head = studio().audit.head()
    entries = "1 entry" if head.number == 1 else f"{head.number:,} entries"
    if broken is not None:
        notice("bad", f"The chain is broken at entry {broken.number:,}: {broken.problem}.", _BROKEN, key="chain")
        return
    notice("good", f"The chain is whole, {entries}.", _WHOLE, key="chain")
    st.code(f"{head.number}:{head.sha256}", language=None, wrap_lines=True)


_BROKEN = "Somebody has changed the record in the database. Compare it with an export, and find out who could."
_WHOLE = (
    "Below is its head. Keep it somewhere else: python -m imagegeneration.audit verify --anchor HEAD then also shows "
    "whether all of it was made anew."
)
