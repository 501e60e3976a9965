"""procrastinate on PostgreSQL: an asynchronous worker, woken by LISTEN/NOTIFY."""

from __future__ import annotations

import os

from procrastinate import App, JobContext, PsycopgConnector

from benchmarks.queue.apps.work import work_async

app = App(connector=PsycopgConnector(conninfo=os.environ["POSTGRESQL_URI"]))
_task = app.task(name="work")(work_async)


async def retry_stalled_jobs(context: JobContext, **_timestamp: int) -> None:
    """Retry the jobs of workers that are gone: the documentation's recipe, at the documentation's interval."""
    for job in await context.app.job_manager.get_stalled_jobs():
        await context.app.job_manager.retry_job(job)


app.periodic(cron="*/10 * * * *")(
    app.task(name="retry_stalled_jobs", queueing_lock="retry_stalled_jobs", pass_context=True)(retry_stalled_jobs)
)


def prepare() -> None:
    """Create the tables."""
    app.open()
    app.schema_manager.apply_schema()


def enqueue(job: str, seconds: float) -> None:
    """Defer one job in a committed transaction."""
    _task.defer(job=job, seconds=seconds)


def outstanding() -> int:
    """Return how many jobs wait or are running."""
    query = "SELECT count(*) AS open FROM procrastinate_jobs WHERE status IN ('todo', 'doing')"
    count: int = app.connector.get_sync_connector().execute_query_one(query)["open"]
    return count
