"""The Chromium that tests and benchmarks look at pages with."""

from __future__ import annotations

import shutil

from playwright.sync_api import Browser, Playwright

_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_SYSTEM_BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


def launch(playwright: Playwright) -> Browser:
    """Start the system's Chromium, else Playwright's own."""
    system = next(filter(None, map(shutil.which, _SYSTEM_BROWSERS)), None)
    return playwright.chromium.launch(executable_path=system, args=list(_FLAGS))
