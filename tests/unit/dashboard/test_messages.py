"""Which messages of an open page tell of a person, and which are refused."""

from __future__ import annotations

import pytest
from streamlit.proto.BackMsg_pb2 import BackendOperationRequest, BackMsg, DeferredFileRequestPayload
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.Common_pb2 import FileURLsRequest

from imagegeneration.dashboard.messages import MAX_MESSAGE_BYTES, hear

OTHERS = (
    BackMsg(clear_cache=True),
    BackMsg(set_run_on_save=True),
    BackMsg(load_git_info=True),
    BackMsg(debug_disconnect_websocket=True),
    BackMsg(debug_shutdown_runtime=True),
    BackMsg(file_urls_request=FileURLsRequest(request_id="1", file_names=["a.png"])),
    BackMsg(backend_operation_request=BackendOperationRequest(request_id="1")),
)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (BackMsg(rerun_script=ClientState()), "by hand"),
        (BackMsg(rerun_script=ClientState(fragment_id="gallery")), "by hand"),
        (BackMsg(rerun_script=ClientState(fragment_id="gallery", is_auto_rerun=True)), "by itself"),
        (BackMsg(app_heartbeat=True), "by itself"),
        (BackMsg(stop_script=True), "by itself"),
        (
            BackMsg(
                backend_operation_request=BackendOperationRequest(
                    request_id="1", deferred_file=DeferredFileRequestPayload(file_id="x")
                )
            ),
            "by hand",
        ),
        (BackMsg(), "refused"),
    ],
)
def test_only_a_draw_that_the_page_did_not_ask_for_by_itself_is_a_persons(message: BackMsg, expected: str) -> None:
    assert hear(message.SerializeToString()) == expected


@pytest.mark.parametrize("message", OTHERS)
def test_what_no_page_of_ours_sends_is_refused(message: BackMsg) -> None:
    assert hear(message.SerializeToString()) == "refused"


def test_every_kind_of_message_is_listed_here() -> None:
    """A new one of a later Streamlit is refused until a page needs it."""
    known = {"rerun_script", "app_heartbeat", "stop_script", "backend_operation_request"}
    assert known | {message.WhichOneof("type") for message in OTHERS} == {
        field.name for field in BackMsg.DESCRIPTOR.oneofs_by_name["type"].fields
    }


@pytest.mark.parametrize("junk", [b"", b"\xff\xff\xff", b"\x82" * 50, bytes(range(256))])
def test_junk_is_refused(junk: bytes) -> None:
    assert hear(junk) == "refused"


def test_a_message_that_is_too_large_is_refused() -> None:
    text = "x" * MAX_MESSAGE_BYTES
    assert hear(BackMsg(rerun_script=ClientState(query_string=text)).SerializeToString()) == "refused"
