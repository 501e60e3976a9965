"""What a person who is signed in can make the server keep in memory: the most it holds at any moment, not afterwards.

`pytest -s tests/integration/doors/test_memory.py` prints the figures that docs/reliability.md quotes.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import httpx
import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Origin

from tests.integration.doors.conftest import Server

Said = TypeVar("Said")

MEGABYTE = 1024 * 1024
MESSAGES = 30
MESSAGE = BackMsg(rerun_script=ClientState(query_string="x" * 15 * MEGABYTE)).SerializeToString()
TOO_BIG = {1009, 1006}
"""The server's word; or none, where the connection is closed while we still send."""

BOUND_MEGABYTES = 100
"""Far below the 450 MB that are sent; a page that is being drawn needs some of it."""


def all_at_once(server: Server, send: Callable[[int], Said]) -> tuple[list[Said], float]:
    """Send all at once; return what each said, and by how many megabytes the server grew meanwhile, at most."""
    process = Path(f"/proc/{server.pid}")
    (process / "clear_refs").write_text("5")  # the peak begins anew
    before = server.megabytes
    with ThreadPoolExecutor(MESSAGES) as threads:
        said = list(threads.map(send, range(MESSAGES)))
    peak = int((process / "status").read_text().split("VmHWM:", 1)[1].split(maxsplit=1)[0]) / 1024
    return said, peak - before


@pytest.mark.parametrize("compression", [None, "deflate"])
def test_large_messages_of_open_pages(
    server: Server, compression: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    ann, all_open = server.enter("ann", "creator"), threading.Barrier(MESSAGES)
    address = server.url.replace("http", "ws", 1) + "/_stcore/stream"

    def send(_: int) -> int | None:
        with connect(
            address, additional_headers=ann, origin=Origin(server.url), compression=compression, proxy=None
        ) as page:
            all_open.wait(60)
            with contextlib.suppress(ConnectionClosed):
                page.send(MESSAGE)
                while True:
                    page.recv(timeout=30)
            code: int | None = page.close_code
            return code

    closed, used = all_at_once(server, send)
    with capsys.disabled():
        print(f"\n{MESSAGES} messages of 15 MB, compression {compression}: {used:.0f} MB")  # noqa: T201 - see above
    assert len(closed) == MESSAGES
    assert set(closed) <= TOO_BIG
    assert used < BOUND_MEGABYTES


def test_large_uploads_of_a_person(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    ann = server.enter("ann", "creator")

    def upload(number: int) -> int:
        parts = (b"x" * MEGABYTE for _ in range(15))
        address = "/_stcore/upload_file/a/b" if number % 2 else "/image/enhance-prompt"
        try:
            return httpx.request(
                "PUT" if number % 2 else "POST", server.url + address, content=parts, headers=ann, trust_env=False
            ).status_code
        except httpx.TransportError:  # refused unread: the connection is closed while we send
            return 413

    answered, used = all_at_once(server, upload)
    with capsys.disabled():
        print(f"\n{MESSAGES} uploads of 15 MB: {used:.0f} MB")  # noqa: T201 - see above
    assert set(answered) <= {404, 413}
    assert used < BOUND_MEGABYTES
