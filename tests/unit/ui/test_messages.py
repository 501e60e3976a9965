"""Which messages of an open page tell of a person."""

from __future__ import annotations

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState

from imagegeneration.ui.messages import is_by_hand


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (BackMsg(rerun_script=ClientState()), True),
        (BackMsg(rerun_script=ClientState(fragment_id="gallery")), True),
        (BackMsg(rerun_script=ClientState(fragment_id="gallery", is_auto_rerun=True)), False),
        (BackMsg(app_heartbeat=True), False),
        (BackMsg(), False),
    ],
)
def test_only_a_draw_that_the_page_did_not_ask_for_by_itself_is_a_persons(message: BackMsg, expected: bool) -> None:
    assert is_by_hand(message.SerializeToString()) is expected


@pytest.mark.parametrize("junk", [b"", b"\xff\xff\xff", b"\x82" * 50, bytes(range(256))])
def test_junk_is_nobodys(junk: bytes) -> None:
    assert not is_by_hand(junk)
