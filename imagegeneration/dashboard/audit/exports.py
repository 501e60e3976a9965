"""The audit record as files: for a spreadsheet, and for programs. Pure."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterable

from imagegeneration.audit.entry import AuditEntry

_FORMULA = "=+-@＝＋－＠"
"""The characters with which a spreadsheet's formula begins."""


def literal_cell(text: str) -> str:
    """Return `text` as a cell that no spreadsheet reads as a formula: an apostrophe makes it text.

    Some spreadsheets drop invisible characters before they look: spaces, breaks, controls and marks of no width.
    """
    first = next((character for character in text if not _is_unseen(character)), "")
    starts_unseen = text[:1] in ("\t", "\r", "\n")
    return f"'{text}" if starts_unseen or (first and first in _FORMULA) else text


def _is_unseen(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) in ("Cc", "Cf", "Cs", "Mn", "Zs", "Zl", "Zp")


def as_csv(entries: Iterable[AuditEntry]) -> bytes:
    """Return a header and one line per entry, in UTF-8 with a byte order mark, by which spreadsheets recognize it."""
    written = io.StringIO(newline="")
    writer = csv.writer(written)
    columns = [field.alias or name for name, field in AuditEntry.model_fields.items()]
    writer.writerow(columns)
    for entry in entries:
        facts = entry.model_dump(mode="json", by_alias=True)
        writer.writerow([literal_cell("" if facts[name] is None else str(facts[name])) for name in columns])
    return written.getvalue().encode("utf-8-sig")


def as_json_lines(entries: Iterable[AuditEntry]) -> bytes:
    """Return one JSON object per line, with everything that the hashes are made of."""
    return "".join(f"{entry.model_dump_json(by_alias=True)}\n" for entry in entries).encode()
