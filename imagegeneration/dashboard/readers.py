"""A page of sections as its reader may see it: actions and links that work, and names in place of ids. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from imagegeneration.core.actor import Actor
from imagegeneration.dashboard.kit.rows import Action, Line, Link, Row, Section

_PERSON = re.compile(r"\busr_[0-9A-Za-z]{1,40}\b")
_JOB = "jobs?job="


def people_in(sections: Sequence[Section]) -> Collection[str]:
    """Return the ids of users in the lines."""
    pieces = (piece for section in sections for row in section.rows for line in row.lines for piece in line)
    return {found for piece in pieces if isinstance(piece, str) for found in _PERSON.findall(piece)}


def for_reader(
    sections: Sequence[Section], actor: Actor, owners: Mapping[str, str], names: Mapping[str, str]
) -> list[Section]:
    """Return the sections without links and actions on jobs that do not exist for this actor, and with names for ids.

    `owners` are the owners of jobs; a job that is not among them is for admins only.
    """
    return [
        replace(section, rows=tuple(_row(row, actor, owners, names) for row in section.rows)) for section in sections
    ]


def _row(row: Row, actor: Actor, owners: Mapping[str, str], names: Mapping[str, str]) -> Row:
    return replace(
        row,
        lines=tuple(_named(line, names) for line in row.lines),
        links=tuple(link for link in row.links if _leads_somewhere(link, actor, owners)),
        actions=tuple(action for action in row.actions if _is_possible(action, actor, owners)),
    )


def _named(line: Line, names: Mapping[str, str]) -> Line:
    return tuple(
        _PERSON.sub(lambda found: names.get(found[0], found[0]), piece) if isinstance(piece, str) else piece
        for piece in line
    )


def _leads_somewhere(link: Link, actor: Actor, owners: Mapping[str, str]) -> bool:
    if not link.href.startswith(_JOB):
        return True
    return actor.may("look") and actor.may_change(owners.get(link.href.removeprefix(_JOB), ""))


def _is_possible(action: Action, actor: Actor, owners: Mapping[str, str]) -> bool:
    if action.order.get("what") not in ("quote", "retry"):
        return True
    return actor.may("generate") and actor.may_change(owners.get(str(action.order.get("job_id")), ""))
