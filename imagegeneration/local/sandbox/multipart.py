"""Forms with files (multipart/form-data, RFC 7578), as OpenAI takes them for edits: whole in memory, and strict."""

from __future__ import annotations

from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser

from imagegeneration.local.sandbox.wire import WireError


@dataclass(frozen=True)
class Part:
    """One field. `file_name` None: it is text."""

    name: str
    file_name: str | None
    content_type: str
    content: bytes


def read_form(content_type: str, body: bytes) -> list[Part]:
    """The fields in their order. Raises WireError 400 for a body that is not such a form."""
    head = Message()
    head["content-type"] = content_type
    boundary = head.get_boundary()
    if head.get_content_type() != "multipart/form-data" or not boundary:
        raise WireError(400, "A body of multipart/form-data with a boundary is needed.", code=None)
    mark = b"\r\n--" + boundary.encode("latin-1")
    split = (b"\r\n" + body).split(mark)
    if len(split) < 2:
        raise _broken()
    before, *pieces, after = split
    if before or not after.startswith(b"--") or not all(piece.startswith(b"\r\n") for piece in pieces):
        raise _broken()
    return [_part(piece.removeprefix(b"\r\n")) for piece in pieces]


def _part(piece: bytes) -> Part:
    head, found, content = piece.partition(b"\r\n\r\n")
    headers = BytesHeaderParser().parsebytes(head)
    name = headers.get_param("name", header="content-disposition")
    if not found or not isinstance(name, str) or headers.get_content_disposition() != "form-data":
        raise _broken()
    return Part(name, headers.get_filename(), headers.get_content_type(), content)


def _broken() -> WireError:
    return WireError(400, "We could not parse the form of your request.", code=None)
