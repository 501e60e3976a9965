"""A sharded cluster is accepted, a standalone server is not: by what a router answers, since no router is installed."""

from __future__ import annotations

import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import bson
import pytest

from imagegeneration.core.errors import ConfigurationError
from imagegeneration.mongo.connection import Connection

_HEADER = struct.Struct("<iiii")
_OP_REPLY, _OP_MSG, _OP_QUERY = 1, 2013, 2004


@contextmanager
def answering(hello: dict[str, Any]) -> Iterator[str]:
    """A server that speaks MongoDB's wire protocol, and says `hello` to whatever it is asked; its URI."""
    body = bson.encode({"ok": 1.0, "isWritablePrimary": True, "maxWireVersion": 17, "minWireVersion": 0, **hello})

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while head := self.rfile.read(_HEADER.size):
                length, request, _, kind = _HEADER.unpack(head)
                self.rfile.read(length - _HEADER.size)
                if kind == _OP_QUERY:
                    answer, said = _OP_REPLY, struct.pack("<iqii", 8, 0, 0, 1) + body
                else:
                    answer, said = _OP_MSG, struct.pack("<iB", 0, 0) + body
                self.wfile.write(_HEADER.pack(_HEADER.size + len(said), 1, request, answer) + said)

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"mongodb://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def require_replica_set(hello: dict[str, Any]) -> None:
    with answering(hello) as uri:
        connection = Connection(uri, "studio")
        try:
            connection.require_replica_set()
        finally:
            connection.close()


def test_a_sharded_cluster_is_accepted() -> None:
    require_replica_set({"msg": "isdbgrid"})


def test_a_standalone_server_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="a standalone server"):
        require_replica_set({})
