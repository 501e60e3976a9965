"""The named points at which a process of a test does something to itself.

The product knows nothing of them: methods are wrapped, in the process of the test, before it starts to work.
"""

from __future__ import annotations

import functools
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from imagegeneration.assets.bucket import Storage
from imagegeneration.assets.decoder import Decoder
from imagegeneration.jobs.queue_store import QueueStore
from imagegeneration.jobs.store import JobStore
from imagegeneration.jobs.transitions import ImageTransitions
from imagegeneration.money.ledger_store import LedgerStore
from imagegeneration.mongo.connection import Connection
from imagegeneration.providers.asynchronous import AsynchronousApi
from imagegeneration.providers.openai import OpenAIProvider
from imagegeneration.runner.admission import Admission
from imagegeneration.runner.calls import Calls
from imagegeneration.runner.delivery import Delivery
from imagegeneration.runner.intake import Intake
from imagegeneration.runner.leases import Leases
from imagegeneration.runner.spool import Spool

Action = Literal["kill", "stop", "term", "pause", "fail", "note"]
When = Literal["before", "after"]

POINTS: Mapping[str, tuple[type, str]] = {
    "insert": (JobStore, "insert"),  # approving: inside the transaction, before the money is held
    "hold": (LedgerStore, "append"),  # approving and settling: inside the transaction, the money
    "commit": (Connection, "transaction"),
    "claim": (QueueStore, "claim"),
    "reclaim": (QueueStore, "claim_overdue"),
    "prepare": (Admission, "tasks"),
    "calling": (ImageTransitions, "start"),
    "submit": (AsynchronousApi, "submit"),  # after: the provider works on the call, and nobody here knows its handle
    "keep": (Calls, "_keep_handle"),
    "image": (AsynchronousApi, "image"),  # before: it is made, and not fetched
    "call": (OpenAIProvider, "generate"),  # before: the request is not sent; after: the answer has come
    "spool": (Spool, "write"),
    "settle": (Intake, "settle"),
    "read": (Decoder, "read"),
    "put": (Storage, "put"),  # first the original, then the thumbnail
    "record": (Delivery, "_record"),
    "forget": (Spool, "remove"),
    "conclude": (ImageTransitions, "conclude"),
    "finish": (Leases, "finish"),
    "renew": (QueueStore, "renew"),
    "listen": (QueueStore, "arrivals"),
}

_FAULT = re.compile(r"(kill|stop|term|pause|fail|note):(before|after):([a-z]+)(?::([0-9]+))?")


@dataclass(frozen=True)
class Fault:
    """What a process does to itself as it passes a point for the `passage`-th time.

    kill, stop and term are the signals; pause holds the thread until the process is released; fail raises what
    nobody foresaw; note only says that the point is reached, as all of them do.
    """

    action: Action
    when: When
    point: str
    passage: int = 1

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Read `kill:after:spool` or `pause:before:put:2`."""
        found = _FAULT.fullmatch(text)
        if found is None or found[3] not in POINTS:
            raise ValueError(f"no such fault: {text}")
        return cls(cast(Action, found[1]), cast(When, found[2]), found[3], int(found[4] or 1))

    def reached_file(self, folder: Path) -> Path:
        """Exists once the process has reached the point."""
        return folder / f"{self.action}-{self.when}-{self.point}-{self.passage}.reached"

    def released_file(self, folder: Path) -> Path:
        """Exists once a paused thread may go on."""
        return self.reached_file(folder).with_suffix(".released")

    def happen(self, folder: Path) -> None:
        """Do it, in the process and the thread that has reached the point."""
        self.reached_file(folder).touch()
        if self.action == "pause":
            while not self.released_file(folder).exists():
                time.sleep(0.005)
        elif self.action == "fail":
            raise RuntimeError("this was not foreseen")
        elif self.action == "stop":
            signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)  # this thread first: it must not run on
        elif self.action in ("kill", "term"):
            os.kill(os.getpid(), signal.SIGKILL if self.action == "kill" else signal.SIGTERM)


def arm(faults: Sequence[Fault], folder: Path) -> None:
    """Wrap the methods of this process that the faults name."""
    for point in {fault.point for fault in faults}:
        owner, name = POINTS[point]
        here = [fault for fault in faults if fault.point == point]
        setattr(owner, name, _wrapped(getattr(owner, name), here, folder))


def _wrapped(method: Callable[..., Any], faults: Sequence[Fault], folder: Path) -> Callable[..., Any]:
    passages = {"before": 0, "after": 0}
    lock = threading.Lock()

    def passing(when: When) -> None:
        with lock:
            passages[when] += 1
            due = [fault for fault in faults if (fault.when, fault.passage) == (when, passages[when])]
        for fault in due:
            fault.happen(folder)

    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        passing("before")
        result = method(*args, **kwargs)
        passing("after")
        return result

    return call
