"""Requests that a page sent before it was left.

Parts of a page redraw themselves on a timer. When the server opens another page, as after an approval, such a request
may still be on its way. Streamlit 1.67 answers it by announcing the page that was left, and the browser then empties
the screen of the page that is open.
"""

from __future__ import annotations

from streamlit.runtime.scriptrunner.script_runner import ScriptRunner
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData
from streamlit.runtime.scriptrunner_utils.script_run_context import get_script_run_ctx

_run = ScriptRunner._run_script  # noqa: SLF001 - Streamlit has no public place to refuse a request


def ignore_left_pages() -> None:
    """Make Streamlit pass over requests for parts of a page that is no longer open."""
    ScriptRunner._run_script = _run_if_open  # type: ignore[method-assign] # noqa: SLF001


def _run_if_open(self: ScriptRunner, rerun_data: RerunData) -> None:
    context = get_script_run_ctx()
    is_open = context is None or context.page_script_hash in ("", rerun_data.page_script_hash)
    if is_open or not rerun_data.fragment_id_queue:
        _run(self, rerun_data)
