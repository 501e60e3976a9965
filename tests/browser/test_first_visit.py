"""What a first visit loads: little, without a miss, and no white page where the theme is dark."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import BrowserContext, Request, Response, expect

from tests.browser.screens import Product

MOST_BYTES = 1_200_000


@pytest.mark.parametrize("path", ["/", "/jobs"])
def test_a_first_visit_loads_little_and_misses_nothing(
    open_context: Callable[..., BrowserContext], product: Product, path: str
) -> None:
    page = open_context().new_page()
    loaded: list[Request] = []
    missed: list[str] = []

    def came(response: Response) -> None:
        if response.status >= 400:
            missed.append(f"{response.status} {response.url}")

    page.on("requestfinished", lambda request: loaded.append(request))  # noqa: PLW0108  # Playwright marks its handlers
    page.on("response", came)
    page.goto(path)
    expect(page.get_by_text(" today").first).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert missed == []
    own = [request for request in loaded if request.url.startswith(product.url)]  # all but the images of jobs
    assert sum(request.sizes()["responseBodySize"] for request in own) < MOST_BYTES
    with httpx.Client(
        headers={"Accept-Encoding": "gzip"}, trust_env=False
    ) as plain:  # all that browsers take over HTTP
        assert sum(plain.get(request.url).num_bytes_downloaded for request in own) < MOST_BYTES


def test_the_page_is_dark_before_anything_of_it_has_run(open_context: Callable[..., BrowserContext]) -> None:
    page = open_context(color_scheme="dark").new_page()
    page.route("**/static/**", lambda route: route.abort())
    page.goto("/jobs")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(17, 18, 21)"
