"""The messages that an open page sends over its websocket."""

from __future__ import annotations

from typing import Literal

from google.protobuf.message import DecodeError
from streamlit.proto.BackMsg_pb2 import BackMsg

MAX_MESSAGE_BYTES = 256 * 1024
"""Largest message in bytes: two prompts and the state of a page's widgets need less than half of it."""

_OPERATIONS = ("deferred_file", "dataframe_chunk")
_BY_ITSELF = ("app_heartbeat", "stop_script")


def hear(message: bytes) -> Literal["by hand", "by itself", "refused"]:
    """Return whether the user acted on the page, the page asks on a timer, or no page of ours sends this message.

    Streamlit takes more messages: to clear what all pages share, to stop the server, or to ask where to upload.
    """
    if len(message) > MAX_MESSAGE_BYTES:
        return "refused"
    try:
        said = BackMsg.FromString(message)
    except DecodeError:
        return "refused"
    kind = said.WhichOneof("type")
    if kind == "rerun_script":
        return "by itself" if said.rerun_script.is_auto_rerun else "by hand"
    if kind == "backend_operation_request":
        return "by hand" if said.backend_operation_request.WhichOneof("payload") in _OPERATIONS else "refused"
    return "by itself" if kind in _BY_ITSELF else "refused"
