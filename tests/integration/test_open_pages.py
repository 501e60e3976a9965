"""Open pages: how many a person may have, what they may send, and on whose behalf a download is made."""

from __future__ import annotations

import contextlib

import pytest
import streamlit as st
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState

from imagegeneration.api import gate
from imagegeneration.api.gate import Gate
from imagegeneration.bootstrap import Studio
from imagegeneration.core.actor import ASKING
from imagegeneration.core.errors import NotAllowed
from imagegeneration.dashboard import frame
from imagegeneration.dashboard.messages import hear
from imagegeneration.people.person import LOGIN_COOKIE
from tests.integration.company import PUBLIC, person
from tests.integration.window import windows

STREAM = "ws://studio.test/_stcore/stream"


async def page(scope: Scope, receive: Receive, send: Send) -> None:
    """An open page's server, which says who asks and how long what it hears is."""
    websocket = WebSocket(scope, receive, send)
    await websocket.accept()
    async for message in websocket.iter_bytes():
        await websocket.send_text(f"{ASKING.get()} {len(message)}")


def browser(company: Studio, app: Gate, name: str) -> TestClient:
    opened = TestClient(app, base_url=PUBLIC)
    opened.cookies.set(LOGIN_COOKIE, company.logins.create(person(company, name, "creator"), "idp", "idp"))
    return opened


def test_what_no_page_sends_does_not_reach_the_server_and_is_counted(
    company: Studio, caplog: pytest.LogCaptureFixture
) -> None:
    ann, draw = browser(company, Gate(page, lambda: company, hear), "ann"), BackMsg(rerun_script=ClientState())
    ann_id = person(company, "ann", "creator").person_id
    with ann.websocket_connect(STREAM) as opened:
        for _ in range(3):
            opened.send_bytes(BackMsg(clear_cache=True).SerializeToString())
        opened.send_bytes(draw.SerializeToString())
        assert opened.receive_text() == f"{ann_id} {draw.ByteSize()}"
    assert "3 so far" in caplog.text


def test_a_person_has_so_many_pages_and_a_closed_one_makes_room(
    company: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "PAGES_OF_A_PERSON", 2)
    app = Gate(page, lambda: company, hear)
    ann, bob = browser(company, app, "ann"), browser(company, app, "bob")
    with ann.websocket_connect(STREAM), bob.websocket_connect(STREAM):
        with ann.websocket_connect(STREAM):
            with pytest.raises(WebSocketDisconnect) as refused, ann.websocket_connect(STREAM):
                pass
            assert refused.value.code == 4429
        with ann.websocket_connect(STREAM) as again:
            again.send_bytes(BackMsg(app_heartbeat=True).SerializeToString())
            assert again.receive_text()


def test_a_download_is_only_for_the_person_for_whom_its_page_was_drawn(
    company: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    adm, bob = person(company, "adm", "admin"), person(company, "bob", "creator")
    with windows(company, monkeypatch) as window:
        window._cookies[LOGIN_COOKIE] = company.logins.create(adm, "idp", "idp")
        export = frame.acting_later("administer")
        for asking, allowed in ((adm.person_id, True), (bob.person_id, False)):
            token = ASKING.set(asking)
            with contextlib.nullcontext() if allowed else pytest.raises(NotAllowed):
                assert export().user_id == adm.person_id
            ASKING.reset(token)


def test_the_services_outlive_what_a_page_can_clear(company: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Studio] = []

    def build(_settings: object) -> Studio:
        made.append(company)
        return company

    with windows(company, monkeypatch):
        monkeypatch.setattr(frame, "build_studio", build)
        before = frame.studio()
        st.cache_resource.clear()
        st.cache_data.clear()
        assert frame.studio() is before
    assert len(made) == 1
