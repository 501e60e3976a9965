"""axe, the checker of accessibility, on what a window shows: on a laptop in both themes, and on a phone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page, ViewportSize

LAPTOP: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}
COLORS: Mapping[str, Any] = {"runOnly": ["color-contrast", "link-in-text-block"]}
"""What a theme can change."""

AT_REST = """() => {
  const script = document.querySelector(".stApp")?.dataset.testScriptState ?? "notRunning";
  const moves = (one) => one.playState === "running" && one.effect.getTiming().iterations !== Infinity;
  return script === "notRunning" && !document.getAnimations().some(moves);
}"""


def violations(page: Page, *, phone: bool) -> list[str]:
    """What axe finds, each with its rule and its place, by window and theme."""
    laptop = [("laptop, light", "light", LAPTOP, {}), ("laptop, dark", "dark", LAPTOP, COLORS)]
    views = [("phone, light", "light", PHONE, {})] if phone else laptop
    found = [each for view in views for each in _found(page, *view)]
    page.set_viewport_size(LAPTOP)
    return found


def _found(page: Page, where: str, scheme: Any, size: ViewportSize, options: Mapping[str, Any]) -> Sequence[str]:
    page.set_viewport_size(size)
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    page.wait_for_function(AT_REST)
    answer = page.evaluate("(options) => axe.run(document, { resultTypes: ['violations'], ...options })", dict(options))
    return [
        f"{where}: {rule['id']}: {node['html'][:200]} at {node['target']}: {node['failureSummary']}"
        for rule in answer["violations"]
        for node in rule["nodes"]
    ]
