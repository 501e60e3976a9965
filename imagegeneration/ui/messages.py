"""What an open page sends over its websocket."""

from __future__ import annotations

from google.protobuf.message import DecodeError
from streamlit.proto.BackMsg_pb2 import BackMsg


def is_by_hand(message: bytes) -> bool:
    """Whether a person did something on the page: it also asks by itself to be drawn anew, and says so."""
    try:
        said = BackMsg.FromString(message)
    except DecodeError:
        return False
    return said.WhichOneof("type") == "rerun_script" and not said.rerun_script.is_auto_rerun
