"""The data of a page of sections: rows, times that tick, and actions that ask first. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from imagegeneration.dashboard.kit import words

How = Literal["ago", "for", "until"]


@dataclass(frozen=True)
class Time:
    """A moment that the browser writes and updates: `5 s ago`, how long so far (`5 s`), or `in 5 s`."""

    at: int
    how: How = "ago"


Piece = str | Time
Line = tuple[Piece, ...]


@dataclass(frozen=True)
class Input:
    """A field of an action's form."""

    name: str
    label: str
    value: str
    hint: str = ""


@dataclass(frozen=True)
class Ask:
    """The question before an action: `text` says what it does, and `reason` is the suggested one (None: no reason).

    `warning` says what may be lost; `agree` then has to be checked.
    """

    text: str
    confirm: str
    reason: str | None = None
    warning: str | None = None
    agree: str | None = None
    fields: tuple[Input, ...] = ()
    danger: bool = False


@dataclass(frozen=True)
class Action:
    """A button. `order` is sent once it is confirmed, or at once without `ask`.

    With `opens` the answer to the order is the question to show.
    """

    key: str
    label: str
    order: Mapping[str, Any]
    ask: Ask | None = None
    opens: bool = False


@dataclass(frozen=True)
class Fact:
    """A labelled value; `note` is shown below it."""

    label: str
    value: Line
    tone: words.Tone = "neutral"
    note: str = ""


@dataclass(frozen=True)
class Change:
    """A value before and after; a value that did not exist is empty."""

    label: str
    before: str
    after: str


@dataclass(frozen=True)
class Details:
    """The part of a row that is shown on demand."""

    facts: tuple[Fact, ...] = ()
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True)
class Link:
    """A link to another page of the dashboard."""

    label: str
    href: str


@dataclass(frozen=True)
class Row:
    """One thing of a section. `bar` holds the shares of what is used up: spent, and held."""

    key: str
    title: str = ""
    pill: tuple[str, words.Tone] | None = None
    aside: str = ""
    lines: tuple[Line, ...] = ()
    facts: tuple[Fact, ...] = ()
    bar: tuple[float, float] | None = None
    links: tuple[Link, ...] = ()
    jump: str | None = None
    actions: tuple[Action, ...] = ()
    details: Details | None = None


@dataclass(frozen=True)
class Section:
    """A part of the page; `empty` is shown if it has no rows."""

    name: str
    title: str
    rows: tuple[Row, ...]
    about: str = ""
    empty: str = ""
    more: Action | None = None


def moment(at: datetime, how: How = "ago") -> Time:
    """Return a time for a line."""
    return Time(round(at.timestamp() * 1000), how)


def job_link(job_id: str, label: str = "Open the job") -> Link:
    """Return the link to a job's record."""
    return Link(label, f"jobs?job={job_id}")
