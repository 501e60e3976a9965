"""What may happen to jobs happens in any order, step by step; each step keeps the invariants."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from imagegeneration.bootstrap import build_studio
from imagegeneration.runner.build import build_runner
from tests.faults.support.cluster import ELSEWHERE, HERE, Cluster
from tests.faults.support.model import LifeOfJobs

SHORT = settings(max_examples=15, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck))
LONG = settings(SHORT, max_examples=400, stateful_step_count=60)


@pytest.fixture
def model(cluster: Cluster) -> Iterator[type[LifeOfJobs]]:
    """The state machine, bound to real services of two machines."""
    folders = [cluster.folder / machine for machine in (HERE, ELSEWHERE)]
    studios = [build_studio(cluster.settings.model_copy(update={"data_dir": path})) for path in folders]

    runners = [build_runner(studio) for studio in studios]

    class Bound(LifeOfJobs):
        pass

    Bound.cluster = cluster
    Bound.studios = studios
    Bound.runners = runners
    yield Bound
    for studio, runner in zip(studios, runners, strict=True):
        runner.close()
        studio.close()


def test_jobs_live_by_the_rules_in_any_order_of_events(model: type[LifeOfJobs]) -> None:
    run_state_machine_as_test(model, settings=SHORT)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_jobs_live_by_the_rules_for_long(model: type[LifeOfJobs]) -> None:
    run_state_machine_as_test(model, settings=LONG)
