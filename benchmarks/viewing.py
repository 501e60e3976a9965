"""Twenty open Jobs pages that refresh every two seconds, and how soon a change is painted."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.harness import Figure, Servers, figure, request_body
from benchmarks.reading import store_jobs
from tests.browser.chromium import launch

VIEWERS = 20
SECONDS = 30.0
CHANGES = 8
_REMEMBER_SENDING = """
const send = WebSocket.prototype.send;
window.sentAt = [];
WebSocket.prototype.send = function (data) { window.sentAt.push(Date.now()); return send.call(this, data); };
"""
_PAINTED = """
(word) => new Promise((resolve) => {
  const find = (node) => [...node.querySelectorAll("*")].some((element) =>
    (element.matches(".pill") && element.textContent.includes(word)) ||
    (element.shadowRoot && find(element.shadowRoot)));
  const look = () => {
    if (!find(document)) return requestAnimationFrame(look);
    const now = Date.now();
    resolve(now - Math.max(...window.sentAt.filter((sent) => sent < now)));
  };
  look();
})
"""


def measure(servers: Servers) -> Iterator[Figure]:
    """Yield the server's CPU, and the time from a page's request for news to the changed card on the screen."""
    stub = servers.stub(0)
    url, pid = servers.dashboard(OPENAI_BASE_URL=f"{stub}/v1", OPENAI_API_KEY="none")
    store_jobs(servers, url)
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield figure("a change painted, from the tick that asks for it", _painting(browser, url), median_below=150)
        yield _cores(browser, url, pid)
        browser.close()


def _open(browser: Browser, url: str) -> Page:
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.add_init_script(_REMEMBER_SENDING)
    page.goto(f"{url}/jobs")
    page.locator(".pill").first.wait_for(timeout=30_000)
    return page


def _queue(url: str, number: int) -> str:
    """Approve a job that stays queued, because no runner is at work, and return its id.

    Pages with a queued job refresh every two seconds.
    """
    job_id: str = httpx.post(f"{url}/image/execute-prompt", json=request_body(number)).json()["jobId"]
    return job_id


def _painting(browser: Browser, url: str) -> list[float]:
    _queue(url, 0)
    page = _open(browser, url)
    times = []
    for number in range(CHANGES):
        job_id = _queue(url, number + 1)
        page.evaluate(_PAINTED.replace('element.matches(".pill") && ', ""), f"number {number + 1},")
        httpx.post(f"{url}/image/jobs/{job_id}/cancel").raise_for_status()
        times.append(_canceled(page, number))
    page.close()
    return times


def _canceled(page: Page, number: int) -> float:
    """Return the seconds until the card of the newest job says that it is canceled."""
    script = _PAINTED.replace("find(document)", f"count(document) > {number}").replace(
        "const look",
        "const count = (node) => [...node.querySelectorAll('*')].reduce((sum, element) => sum + "
        "(element.matches('.pill') && element.textContent.includes(word) ? 1 : 0) + "
        "(element.shadowRoot ? count(element.shadowRoot) : 0), 0);\n  const look",
    )
    milliseconds: float = page.evaluate(script, "Canceled")
    return milliseconds / 1000


def _cores(browser: Browser, url: str, pid: int) -> Figure:
    pages: list[Any] = [_open(browser, url) for _ in range(VIEWERS)]
    time.sleep(5)
    rounds = []
    for _ in range(3):
        before, began = _cpu_seconds(pid), time.monotonic()
        time.sleep(SECONDS / 3)
        rounds.append((_cpu_seconds(pid) - before) / (time.monotonic() - began))
    for page in pages:
        page.close()
    cores = statistics.median(rounds)
    return Figure(
        f"{VIEWERS} open Jobs pages: the server's CPU", cores, unit="cores", expected="< 0.2 cores", holds=cores < 0.2
    )


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
