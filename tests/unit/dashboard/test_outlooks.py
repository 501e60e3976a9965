"""Places in the queue, shared by all who look."""

from __future__ import annotations

import pytest

from imagegeneration.dashboard.jobs import outlooks
from imagegeneration.dashboard.jobs.outlooks import Outlooks
from imagegeneration.jobs.job import Job
from imagegeneration.jobs.outlook import Outlook
from tests.unit.dashboard.samples import image, job

QUEUED = job("QUEUED", [image("HELD")])


class Asked:
    """Answers with the number of questions so far."""

    def __init__(self) -> None:
        self.questions = 0

    def __call__(self, _: Job) -> Outlook:
        self.questions += 1
        return Outlook(position=self.questions, starts_in_seconds=None, hindrance=None)


def test_many_who_look_at_once_are_one_question() -> None:
    asked = Asked()
    places = Outlooks(asked)
    assert {place.position for _ in range(3) if (place := places.of(QUEUED))} == {1}
    assert asked.questions == 1


def test_a_place_is_asked_for_again_once_it_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked()
    places = Outlooks(asked)
    places.of(QUEUED)
    monkeypatch.setattr(outlooks, "SECONDS", 0.0)
    places.of(QUEUED)
    assert asked.questions == 2


def test_only_queued_jobs_have_a_place() -> None:
    asked = Asked()
    assert Outlooks(asked).of(job("RUNNING", [image("CALLING")])) is None
    assert asked.questions == 0


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outlooks, "MOST", 2)
    asked = Asked()
    places = Outlooks(asked)
    jobs = [QUEUED.model_copy(update={"job_id": f"imgjob_{number}"}) for number in range(3)]
    for one in [*jobs, jobs[0], jobs[2]]:
        places.of(one)
    assert asked.questions == 4
