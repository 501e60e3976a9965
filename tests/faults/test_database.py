"""A database that dies, stands still or changes its primary under load: nothing acknowledged is lost."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from imagegeneration.core.errors import StudioError
from imagegeneration.local.sandbox import Sandbox
from imagegeneration.settings import Settings
from tests.faults.conftest import PACE
from tests.faults.support.cluster import ELSEWHERE, Cluster
from tests.faults.support.mongods import Mongods
from tests.support import wait_until

JOBS_BEFORE = 4
JOBS_AFTER = 12


@contextlib.contextmanager
def cluster_on(mongods: Mongods, settings: Settings, sandbox: Sandbox) -> Iterator[Cluster]:
    """A studio whose database is these servers."""
    with mongods, contextlib.ExitStack() as stack:
        yield Cluster(settings.model_copy(update=PACE | {"mongodb_uri": SecretStr(mongods.uri)}), sandbox, stack)


@contextlib.contextmanager
def load(cluster: Cluster) -> Iterator[None]:
    """Jobs are approved all the time during the block; a refusal is no acknowledgement."""
    over = threading.Event()

    def approve() -> None:
        while not over.wait(0.02):
            with contextlib.suppress(StudioError):
                cluster.approve()

    thread = threading.Thread(target=approve, daemon=True)
    thread.start()
    yield
    over.set()
    thread.join()


def survives(cluster: Cluster, trouble: Callable[[], None]) -> None:
    """Under load the trouble comes and goes; all that was acknowledged before and after is finished."""
    cluster.sandbox.set_fault("one_byte_png", count=30)  # billed and quickly drawn, to leave the machine some time
    runners = [cluster.runner(machine=machine) for machine in ("here", ELSEWHERE)]
    for runner in runners:
        runner.await_log("is ready")  # one that finds no database when it starts ends, to be started again
    with load(cluster):
        wait_until(lambda: len(cluster.acknowledged) >= JOBS_BEFORE, "jobs are approved", seconds=30)
        trouble()
        after = len(cluster.acknowledged) + JOBS_AFTER
        wait_until(lambda: len(cluster.acknowledged) >= after, "jobs are approved again", seconds=60)
    cluster.await_quiet(seconds=60)
    assert [runner.stop() for runner in runners] == [0, 0]
    cluster.assert_invariants()


def test_the_database_is_killed(settings: Settings, sandbox: Sandbox, tmp_path: Path) -> None:
    mongods = Mongods(tmp_path / "mongods", members=1)
    with cluster_on(mongods, settings, sandbox) as cluster:
        survives(cluster, lambda: mongods.kill(seconds=1))


def test_the_database_stands_still_for_longer_than_a_lease(
    settings: Settings, sandbox: Sandbox, tmp_path: Path
) -> None:
    mongods = Mongods(tmp_path / "mongods", members=1)
    with cluster_on(mongods, settings, sandbox) as cluster:
        survives(cluster, lambda: mongods.stop(seconds=2))


@pytest.mark.long
@pytest.mark.timeout(300)
def test_the_primary_steps_down(settings: Settings, sandbox: Sandbox, tmp_path: Path) -> None:
    mongods = Mongods(tmp_path / "mongods", members=3)
    with cluster_on(mongods, settings, sandbox) as cluster:
        survives(cluster, mongods.step_down)
        survives(cluster, mongods.step_down)
