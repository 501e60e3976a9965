"""A studio with two image servers of its own, `one` and `two`, whose models have different prices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from imagegeneration.bootstrap import Studio, build_studio
from imagegeneration.core.actor import LOCAL, Actor
from imagegeneration.jobs.bodies import ExecuteBody, GenerateBody
from imagegeneration.jobs.job import Job
from imagegeneration.models.options import Options
from imagegeneration.runner.build import build_runner
from imagegeneration.runner.worker import Worker
from imagegeneration.settings import Settings
from imagegeneration.settings_types import ImageServer
from tests.integration.conftest import body
from tests.support import wait_until

FIRST, SECOND, THIRD = "gpt-image-2.5-flare", "gpt-image-2.5-sunburst", "gpt-image-2"
"""FIRST is made by the server `one`; the others by `two`. The sandbox knows these names."""

CHEAP, DEAR = 20_000, 30_000
NOWHERE = "http://127.0.0.1:9/v1"

_ROW = """
[[image_models]]
name = "{name}"
provider = "{provider}"
label = "{name} of {provider}"
sizes = ["{size}"]
qualities = ["medium"]
backgrounds = ["transparent"]
source = "the tests"
read_on = 2026-11-20
[image_models.prices]
image_out = 30_000_000
image = [{{ micros = {micros} }}]
"""


def two_servers(settings: Settings, folder: Path, first: str, second: str, **more: Any) -> Settings:
    """Settings for the two servers at these URLs; an empty URL leaves one out."""
    catalog = folder / "catalog.toml"
    rows = (
        (FIRST, "one", "256x256", CHEAP),
        (SECOND, "two", "256x256", DEAR),
        (THIRD, "two", "1024x1024", CHEAP),
    )
    catalog.write_text(
        'price_table = "the tests"'
        + "".join(_ROW.format(name=name, provider=by, size=size, micros=price) for name, by, size, price in rows)
    )
    named = {"one": first, "two": second}
    servers = tuple(ImageServer.model_validate({"name": name, "base_url": url}) for name, url in named.items() if url)
    return settings.model_copy(update={"image_servers": servers, "catalog_file": catalog} | more)


@contextmanager
def running(settings: Settings) -> Iterator[Studio]:
    """The services of a studio."""
    studio = build_studio(settings)
    yield studio
    studio.close()


def order(
    studio: Studio,
    *fallback: str,
    extra: int = DEAR - CHEAP,
    actor: Actor = LOCAL,
    key: str | None = None,
    approved: ExecuteBody | None = None,
    **options: Any,
) -> Job:
    """A job of FIRST that may fall back to these models."""
    wanted = Options.model_validate(
        {"model": FIRST, "fallback": fallback, "max_extra_micros": extra if fallback else 0} | options
    )
    asked = approved or body()
    return studio.approvals.approve(
        actor, GenerateBody(**dict(asked), options=wanted), source="api", idempotency_key=key
    )


def work_until_over(studio: Studio, jobs: Sequence[Job], seconds: float = 60) -> Sequence[Job]:
    """The jobs once all are over; a worker is woken until then, as the tick would."""
    runner = build_runner(studio)
    worker = Worker(runner, "runner_test", concurrency=8, lease_seconds=30)

    def over() -> Sequence[Job] | None:
        worker._try_to_fill(ticked=True)
        runner.spool_delivery.run()  # what was too much to be uploaded at once waits in the spool
        now = [studio.queries.get(LOCAL, job.job_id) for job in jobs]
        return now if all(job.is_over for job in now) else None

    ended = wait_until(over, "every job is over", seconds=seconds, every=0.1)
    worker.drain()
    runner.close()
    assert ended is not None
    return ended
