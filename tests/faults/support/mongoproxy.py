"""A proxy in front of mongod that loses replies: what was asked is done, and the client never hears of it."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Self

import bson

Rule = Callable[[dict[str, Any]], bool]
"""Whether a command is one whose reply is to be lost."""

_HEADER = struct.Struct("<iiii")
_OP_MSG = 2013
_FLAGS_AND_KIND = 5


def writes(collection: str, *words: str) -> Rule:
    """A write to the collection that has all the words in it."""

    def rule(command: dict[str, Any]) -> bool:
        name = next(iter(command))
        text = repr(command)
        return (
            name in ("update", "findAndModify", "insert")
            and command[name] == collection
            and all(word in text for word in words)
        )

    return rule


def commits(command: dict[str, Any]) -> bool:
    """The end of a transaction."""
    return "commitTransaction" in command


@dataclass
class _Client:
    """One connection of a client, and its counterpart to the server. The last of its two pumps closes both."""

    near: socket.socket
    far: socket.socket
    doomed: set[int] = field(default_factory=set)
    pumps: threading.Barrier = field(default_factory=lambda: threading.Barrier(2))

    def end(self) -> None:
        for socket_ in (self.near, self.far):
            with contextlib.suppress(OSError):
                socket_.shutdown(socket.SHUT_RDWR)
        if self.pumps.wait() == 0:
            self.near.close()
            self.far.close()


class MongoProxy:
    """Listens on loopback and forwards to the mongod at `port`."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._lock = threading.Lock()
        self._rule: Rule | None = None
        self._left = 0
        self.lost = 0

    @property
    def uri(self) -> str:
        """A URI that stays with the proxy, though the replica set names its members otherwise."""
        return f"mongodb://127.0.0.1:{self._listener.getsockname()[1]}/?directConnection=true"

    def lose_replies(self, rule: Rule, times: int) -> None:
        """Lose the replies to the next commands that the rule is for."""
        with self._lock:
            self._rule, self._left, self.lost = rule, times, 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return  # the proxy has ended
            client = _Client(near, socket.create_connection(("127.0.0.1", self._port)))
            for pump in (self._requests, self._replies):
                threading.Thread(target=self._pumped, args=(pump, client), daemon=True).start()

    @staticmethod
    def _pumped(pump: Callable[[_Client], None], client: _Client) -> None:
        try:
            pump(client)
        except OSError:
            pass  # one of the two hung up
        finally:
            client.end()

    def _requests(self, client: _Client) -> None:
        for request_id, _, message in _messages(client.near):
            if self._is_to_be_lost(message):
                client.doomed.add(request_id)
            client.far.sendall(message)

    def _replies(self, client: _Client) -> None:
        for _, answered, message in _messages(client.far):
            if answered in client.doomed:
                return
            client.near.sendall(message)

    def _is_to_be_lost(self, message: bytes) -> bool:
        command = _command(message)
        with self._lock:
            if command is None or self._rule is None or self._left == 0 or not self._rule(command):
                return False
            self._left -= 1
            self.lost += 1
            return True


def _messages(source: socket.socket) -> Iterator[tuple[int, int, bytes]]:
    """The messages that come: id, id of what it answers, all its bytes."""
    with source.makefile("rb") as stream:
        while len(header := stream.read(_HEADER.size)) == _HEADER.size:
            length, request_id, answered, _ = _HEADER.unpack(header)
            yield request_id, answered, header + stream.read(length - _HEADER.size)


def _command(message: bytes) -> dict[str, Any] | None:
    """The command of an OP_MSG; what drivers send aside of it, in sections of kind 1, is put in as text."""
    if _HEADER.unpack_from(message)[3] != _OP_MSG:
        return None
    start = _HEADER.size + _FLAGS_AND_KIND
    (size,) = struct.unpack_from("<i", message, start)
    command: dict[str, Any] = bson.decode(message[start : start + size])
    return command | {"": message[start + size :]}
