"""Which leases are given, as the change stream tells it."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from imagegeneration.jobs.job import Lease
from tests.faults.support.invariants import Documents


@contextmanager
def leases_given(database: Documents) -> Iterator[dict[str, set[str]]]:
    """The fences under which each job was leased during the block, by its id, as the change stream tells them."""
    given: dict[str, set[str]] = defaultdict(set)
    over = threading.Event()
    pipeline = [{"$match": {"operationType": "update"}}]
    with database.jobs.watch(pipeline, full_document="updateLookup", max_await_time_ms=50) as stream:

        def follow() -> None:
            while (change := stream.try_next()) is not None or not over.is_set():
                lease = None if change is None else change["updateDescription"]["updatedFields"].get("lease")
                if change is not None and lease is not None:
                    given[change["fullDocument"]["jobId"]].add(Lease.model_validate(lease).fence)

        thread = threading.Thread(target=follow, daemon=True)
        thread.start()
        yield given
        over.set()
        thread.join()
