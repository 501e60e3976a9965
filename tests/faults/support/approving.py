"""Approving processes: what an API process does, without the HTTP before it."""

from __future__ import annotations

import logging
from unittest import mock

import uvicorn

from imagegeneration.api import app as api_app
from imagegeneration.bootstrap import build_studio
from imagegeneration.core.actor import LOCAL
from imagegeneration.core.errors import DatabaseDown, OverBudget
from imagegeneration.core.ids import new_id
from imagegeneration.core.logs import configure_logging
from imagegeneration.jobs.bodies import ExecuteBody
from imagegeneration.settings import Settings

log = logging.getLogger(__name__)


def body(prompt: str) -> ExecuteBody:
    """One image."""
    return ExecuteBody(intent="a card", raw_prompt="a kite", final_prompt=prompt, image_count=1)


def one_approval(settings: Settings) -> None:
    """Approve one job, always the same; the log says once it is acknowledged."""
    configure_logging()
    studio = build_studio(settings)
    job = studio.approvals.approve(LOCAL, body("approved once"), source="api", idempotency_key="approved once")
    log.warning("acknowledged %s", job.job_id)
    studio.close()


def approvals_within_the_budget(settings: Settings) -> None:
    """Approve jobs, with prompts of one length and so of one price, until the budget allows no more."""
    configure_logging()
    studio = build_studio(settings)
    while True:
        try:
            job = studio.approvals.approve(LOCAL, body(new_id("a_kite")), source="api", idempotency_key=None)
            log.warning("acknowledged %s", job.job_id)
        except DatabaseDown:
            continue  # the others were in the way for too long
        except OverBudget:
            break
    studio.close()


def api(settings: Settings) -> None:
    """Serve the API as production does."""
    with mock.patch.object(api_app, "load_settings", return_value=settings):
        served = api_app.create_api()
    uvicorn.run(served, host=settings.host, port=settings.port, log_level="warning")
