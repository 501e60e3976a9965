"""What a page that was left still asks for, while the next one is being drawn."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.util import calc_hash
from websockets import Subprotocol
from websockets.sync.client import ClientConnection, connect

from tests.browser.screens import Product

DRAWN = (ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY)


def test_a_late_request_of_the_page_before_does_not_blank_the_page_that_is_open(product: Product) -> None:
    with connect(
        f"ws://{urlsplit(product.url).netloc}/_stcore/stream", subprotocols=[Subprotocol("streamlit")]
    ) as page:
        ask(page, "generate")
        timed = [told.auto_rerun.fragment_id for told in drawing(page) if told.WhichOneof("type") == "auto_rerun"]
        ask(page, "jobs")
        for part in timed:
            ask(page, "generate", part)
        opened = [told for told in drawing(page) if told.WhichOneof("type") == "new_session"]
        ask(page, "jobs")  # whatever was still waiting comes before this one is drawn
        opened += [told for told in drawing(page) if told.WhichOneof("type") == "new_session"]
    assert {told.new_session.page_script_hash for told in opened} == {calc_hash("jobs")}
    assert timed


def ask(page: ClientConnection, name: str, part: str = "") -> None:
    """Have a page drawn, or a part of it as the clock does."""
    state = ClientState(page_script_hash=calc_hash(name), fragment_id=part, is_auto_rerun=part != "")
    page.send(BackMsg(rerun_script=state).SerializeToString())


def drawing(page: ClientConnection) -> Iterator[ForwardMsg]:
    """Everything that is sent until a page, or a part of one, is drawn."""
    while True:
        told = ForwardMsg.FromString(page.recv(timeout=20, decode=False))
        yield told
        if told.WhichOneof("type") == "script_finished" and told.script_finished in DRAWN:
            return
