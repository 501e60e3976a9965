"""Load from a process of its own: plain HTTP/1.1 over kept connections, so that the client is not the bottleneck."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Call:
    """One request: a path, a body to post, if any, and headers of its own."""

    path: str
    body: dict[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Load:
    """The load: `calls` in turn, at `rate` a second if given (open loop), else by `clients` without a pause."""

    base_url: str
    calls: Sequence[Call]
    clients: int = 1
    rate: float | None = None
    seconds: float = 3600.0


@dataclass(frozen=True)
class Outcome:
    """The seconds that each call took from when it was due, the whole time, and the client's own CPU time."""

    latencies: list[float]
    elapsed: float
    cpu: float
    statuses: dict[int, int]


def run(load: Load) -> Outcome:
    """Run a load in a process of its own and wait for it."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_in_process, load).result()


def _in_process(load: Load) -> Outcome:
    return asyncio.run(_run(load))


class _Connection:
    def __init__(self, base_url: str) -> None:
        parts = urlsplit(base_url)
        self._host, self._port = str(parts.hostname), int(parts.port or 80)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, call: Call) -> int:
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        body = b"" if call.body is None else json.dumps(call.body).encode()
        head = f"{'GET' if call.body is None else 'POST'} {call.path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in call.headers.items())
        writer.write(f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(answer.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        await reader.readexactly(length)
        return int(answer[9:12])


async def _run(load: Load) -> Outcome:
    loop = asyncio.get_running_loop()
    latencies: list[float] = []
    statuses: dict[int, int] = {}
    began, cpu = loop.time(), time.process_time()

    async def timed(connection: _Connection, call: Call, due: float) -> None:
        status = await connection.send(call)
        latencies.append(loop.time() - due)
        statuses[status] = statuses.get(status, 0) + 1

    await (_open_loop(load, timed) if load.rate else _closed_loop(load, timed))
    return Outcome(latencies, loop.time() - began, time.process_time() - cpu, statuses)


async def _open_loop(load: Load, timed: Callable[..., Any]) -> None:
    loop = asyncio.get_running_loop()
    idle: asyncio.Queue[_Connection] = asyncio.Queue()
    for _ in range(128):
        idle.put_nowait(_Connection(load.base_url))

    async def one(call: Call, due: float) -> None:
        connection = await idle.get()
        await timed(connection, call, due)
        idle.put_nowait(connection)

    began, tasks = loop.time(), []
    for number, call in enumerate(load.calls):
        due = began + number / (load.rate or 1)
        await asyncio.sleep(max(0.0, due - loop.time()))
        tasks.append(asyncio.create_task(one(call, due)))
    await asyncio.gather(*tasks)


async def _closed_loop(load: Load, timed: Callable[..., Any]) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + load.seconds
    calls = iter(load.calls)

    async def client() -> None:
        connection = _Connection(load.base_url)
        while loop.time() < end and (call := next(calls, None)) is not None:
            await timed(connection, call, loop.time())

    await asyncio.gather(*(client() for _ in range(load.clients)))
