"""The audit record as files: for a spreadsheet, and for programs. Pure."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterable

from imagegeneration.audit.entry import AuditEntry

_FORMULA = "=+-@＝＋－＠"
"""What a spreadsheet takes for the beginning of a formula."""


def literal_cell(text: str) -> str:
    """`text`, which no spreadsheet takes for a formula: an apostrophe makes it text.

    Some drop what is not seen before they look: spaces, breaks, controls and marks of no width.
    """
    first = next((character for character in text if not _is_unseen(character)), "")
    starts_unseen = text[:1] in ("\t", "\r", "\n")
    return f"'{text}" if starts_unseen or (first and first in _FORMULA) else text


def _is_unseen(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) in ("Cc", "Cf", "Cs", "Mn", "Zs", "Zl", "Zp")


def as_csv(entries: Iterable[AuditEntry]) -> bytes:
    """One line an entry, with names above; in UTF-8 with a mark, by which spreadsheets know it."""
    written = io.StringIO(newline="")
    writer = csv.writer(written)
    columns = [field.alias or name for name, field in AuditEntry.model_fields.items()]
    writer.writerow(columns)
    for entry in entries:
        facts = entry.model_dump(mode="json", by_alias=True)
        writer.writerow([literal_cell("" if facts[name] is None else str(facts[name])) for name in columns])
    return written.getvalue().encode("utf-8-sig")


def as_json_lines(entries: Iterable[AuditEntry]) -> bytes:
    """One JSON object a line, with everything that the hashes are made of."""
    return "".join(f"{entry.model_dump_json(by_alias=True)}\n" for entry in entries).encode()
