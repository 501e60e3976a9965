"""Forms with files (multipart/form-data, RFC 7578), as OpenAI takes them for edits: whole in memory, and strict."""

from __future__ import annotations

import math
from dataclasses import dataclass

from python_multipart import FormParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, File, parse_options_header

from imagegeneration.local.sandbox.wire import WireError


@dataclass(frozen=True)
class Part:
    """One field; a text if `file_name` is None."""

    name: str
    file_name: str | None
    content_type: str
    content: bytes


def read_form(content_type: str, body: bytes) -> list[Part]:
    """Return the fields in their order. Raises WireError 400 for a body that is not a complete form."""
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise WireError(400, "A body of multipart/form-data with a boundary is needed.", code=None)
    parts: list[Part] = []
    ended: list[bool] = []

    def on_text(field: Field) -> None:
        parts.append(Part(_text(field.field_name), None, field.content_type or "text/plain", field.value or b""))

    def on_file(file: File) -> None:
        content = file.file_object
        content.seek(0)
        parts.append(
            Part(_text(file.field_name), _text(file.file_name), file.content_type or "text/plain", content.read())
        )

    in_memory = {"MAX_MEMORY_FILE_SIZE": math.inf}
    try:
        parser = FormParser(
            "multipart/form-data", on_text, on_file, lambda: ended.append(True), boundary=boundary, config=in_memory
        )
        parser.write(body)
        parser.finalize()
    except FormParserError:
        raise _broken() from None
    if not ended:
        raise _broken()
    return parts


def _text(name: bytes | None) -> str:
    return (name or b"").decode(errors="replace")


def _broken() -> WireError:
    return WireError(400, "We could not parse the form of your request.", code=None)
