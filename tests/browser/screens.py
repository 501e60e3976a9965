"""What the tests of both pages do and look at: the product over HTTP, and its pages as a person meets them."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Locator, Page, expect
from pymongo import MongoClient
from pymongo.database import Database

from imagegeneration.local.mongod import USER
from imagegeneration.providers.breaker import EVERYTHING
from imagegeneration.providers.pauses import READ_SECONDS
from tests.support import wait_until

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
OVER = ("DONE", "FAILED")


class Product:
    """The running product, as a program sees it."""

    def __init__(self, url: str, data_dir: Path) -> None:
        self.url = url
        self._data_dir = data_dir
        self._client = httpx.Client(base_url=f"{url}/image", timeout=30, trust_env=False)

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def is_ready(self) -> bool:
        """Everything is up, a runner too."""
        try:
            answer = self._client.get("/health/ready")
        except httpx.TransportError:
            return False
        return answer.status_code == 200 and bool(answer.json().get("runners", 1))

    def approve(self, final_prompt: str = "a red kite", *, intent: str, images: int = 1, raw: str = "a kite") -> str:
        """Approve a job; its id."""
        body = {"intent": intent, "rawPrompt": raw, "finalPrompt": final_prompt, "imageCount": images}
        answer = self._client.post("/execute-prompt", json=body)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["jobId"])

    def generate(self, final_prompt: str, *, intent: str, **options: Any) -> str:
        """Approve a job with options; its id."""
        body = {"intent": intent, "rawPrompt": "a kite", "finalPrompt": final_prompt, "options": options}
        answer = self._client.post("/generate", json=body)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["jobId"])

    def job(self, job_id: str) -> dict[str, Any]:
        """The document of a job."""
        answer = self._client.get(f"/jobs/{job_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()["job"]
        return found

    def finished(self, job_id: str) -> dict[str, Any]:
        """The document of a job once it is over."""
        wait_until(lambda: self.job(job_id)["status"] in OVER, f"{job_id} is over", seconds=40)
        return self.job(job_id)

    def cancel(self, job_id: str) -> None:
        """Cancel a job."""
        assert self._client.post(f"/jobs/{job_id}/cancel").status_code == 202

    def doubtful(self, intent: str, images: int = 1) -> str:
        """A job whose first call was perhaps charged; its id."""
        job_id = self.approve(unique("a lost answer [sandbox:reset count=1]"), intent=intent, images=images)
        return str(self.finished(job_id)["jobId"])

    def operations(self) -> dict[str, Any]:
        """The state of the studio as operators see it."""
        answer = self._client.get("/operations")
        assert answer.status_code == 200, answer.text
        state: dict[str, Any] = answer.json()
        return state

    def pause(self, scope: str, reason: str) -> None:
        """Start no further call, as somebody else would."""
        self._change("POST", "/operations/pause", {"scope": scope, "reason": reason})

    def pause_is_known(self) -> bool:
        """Everything has been paused for so long that every process knows it."""
        state = self.operations()
        pauses = [breaker["pause"] for breaker in state["breakers"] if breaker["scope"] == EVERYTHING]
        since = [datetime.fromisoformat(pause["pausedAt"]) for pause in pauses if pause is not None]
        return bool(since) and datetime.fromisoformat(state["at"]) - since[0] > timedelta(seconds=READ_SECONDS)

    def come_to_rest(self) -> None:
        """Nothing is paused, the limits are the ceilings, and no image is in doubt."""
        state = self.operations()
        for breaker in state["breakers"]:
            if breaker["pause"] is not None:
                paused = {"scope": breaker["scope"], "pausedAt": breaker["pause"]["pausedAt"]}
                self._change("POST", "/operations/resume", paused | {"reason": "the test is over"})
        if state["limits"] != state["ceilings"]:
            self.set_limits(**state["ceilings"])
        for image in state["perhapsCharged"]:
            decision = {"attemptId": image["attemptId"], "decision": "not_charged", "reason": "the test is over"}
            self._change("POST", f"/jobs/{image['jobId']}/images/{image['index']}/decision", decision)

    def set_limits(self, **changed: int) -> None:
        """Change some of the limits, as somebody else would."""
        state = self.operations()
        version = state["limitsVersion"]
        body = {
            "version": version["version"] if version else 0,
            "limits": state["limits"] | changed,
            "reason": "somebody else wants it",
        }
        self._change("PUT", "/operations/limits", body)

    def _change(self, method: str, path: str, body: dict[str, Any]) -> None:
        answer = self._client.request(method, path, json=body)
        assert answer.status_code == 200, answer.text

    @contextmanager
    def database(self) -> Iterator[Database[dict[str, Any]]]:
        """The product's database, to put there what the product itself would not."""
        port = json.loads((self._data_dir / "ports.json").read_text())["mongod"]
        password = (self._data_dir / "mongod-password").read_text()
        uri = f"mongodb://{USER}:{password}@127.0.0.1:{port}/?directConnection=true"
        with MongoClient[dict[str, Any]](uri, tz_aware=True) as client:
            yield client["image_studio"]

    def strand(self, job_id: str, host: str) -> None:
        """Make a finished image look as if it had not left the disk of `host`, where no runner is."""
        minute_ago = datetime.now(UTC) - timedelta(minutes=1)
        job: dict[str, Any] = {
            "status": "RUNNING",
            "completedAt": None,
            "durationMs": None,
            "runAt": None,
            "cdnUrls": [],
        }
        image = {"state": "GENERATED", "spoolHost": host, "imageId": None, "url": None, "thumbnailUrl": None}
        fields = job | {f"images.0.{name}": value for name, value in image.items()}
        with self.database() as database:
            found = {"jobId": job_id, "status": "DONE", "imageCount": 1}
            changed = database.jobs.update_one(found, {"$set": fields | {"images.0.attempts.0.finishedAt": minute_ago}})
            assert changed.matched_count == 1

    def jobs_for(self, intent: str) -> list[dict[str, Any]]:
        """The latest jobs of this intent."""
        answer = self._client.get("/job-list", params={"limit": 100})
        return [job for job in answer.json() if job["intent"] == intent]


def unique(words: str) -> str:
    """An intent that no other test uses."""
    return f"{words} {uuid.uuid4().hex[:6]}"


def picture(page: Page, name: str, height: int | None = None) -> None:
    """Save docs/pictures/`name`.png when SAVE_PICTURES is set; with a `height`, of a window that is so high."""
    size = page.viewport_size
    if not os.environ.get("SAVE_PICTURES") or size is None:
        return
    page.set_viewport_size({"width": size["width"], "height": height or size["height"]})
    page.wait_for_function("document.fonts.status === 'loaded'")
    page.screenshot(path=PICTURES / f"{name}.png", animations="disabled")
    page.set_viewport_size(size)


def open_generate(page: Page, address: str = "/") -> None:
    """Open Generate, ready for typing."""
    page.goto(address)
    expect(page.get_by_label("Prompt", exact=True)).to_be_visible()


def typed(page: Page, label: str) -> Locator:
    """The text field called `label`; Streamlit keeps those of before beside it while it draws a page anew."""
    return page.locator('[data-testid="stElementContainer"]:not([data-stale="true"])').get_by_label(label, exact=True)


def is_saved(page: Page, label: str) -> None:
    """Wait until the field says that its text is in the database."""
    field = page.locator(".editor").filter(has=page.get_by_label(label, exact=True))
    expect(field.locator(".saved")).to_have_text("Saved")


def describe(page: Page, intent: str, prompt: str) -> None:
    """Fill in the first step."""
    typed(page, "Intent").fill(intent)
    typed(page, "Prompt").fill(prompt)


def go_to_review(page: Page, intent: str, prompt: str) -> None:
    """Fill in the first step and take the prompt as it is."""
    open_generate(page)
    describe(page, intent, prompt)
    page.get_by_role("button", name="Use my prompt as it is").click()
    expect(typed(page, "Final prompt")).to_have_value(prompt)


def choose_count(page: Page, count: int) -> None:
    """Choose the number of images."""
    page.get_by_role("radio", name=str(count), exact=True).click()


def approve_button(page: Page) -> Locator:
    """The button that says what it does and costs."""
    return page.get_by_role("button", name="Generate ")


def press_until(button: Locator, shown: Locator) -> None:
    """Press a button of Streamlit's own, again if nothing comes of it: a click in the moment of a redraw is lost."""
    for _ in range(3):
        button.click()
        with suppress(AssertionError):
            expect(shown).to_be_visible(timeout=5_000)
            return
    expect(shown).to_be_visible()


def is_done(page: Page) -> None:
    """Wait until the first job on the page, which is the newest, is done."""
    expect(page.get_by_role("article").first.locator(".pill")).to_have_text("Done")


def open_jobs(page: Page, address: str = "/jobs") -> None:
    """Open Jobs and wait for what is on it."""
    page.goto(address)
    expect(page.get_by_role("heading", name="Jobs", level=1)).to_be_visible()
    expect(page.locator("article, .empty:visible").first).to_be_visible()


def card(page: Page, intent: str) -> Locator:
    """The card of the job with this intent."""
    return page.get_by_role("article").filter(has=page.get_by_role("button", name=intent, exact=True))


def dialog(page: Page) -> Locator:
    """The dialog that shows a job."""
    return page.get_by_role("dialog")


def open_dialog(page: Page, intent: str) -> Locator:
    """Open the dialog of a job from its card, and wait for its record."""
    card(page, intent).get_by_role("button", name=intent, exact=True).click()
    expect(dialog(page).get_by_role("heading", name="Approval")).to_be_visible()
    return dialog(page)


def fits(page: Page) -> None:
    """Nothing reaches over the right edge of the window, so there is no way to scroll sideways."""
    over = page.evaluate(
        "() => [document.documentElement, document.querySelector('[data-testid=stMain]')]"
        ".map((node) => node.scrollWidth - node.clientWidth)"
    )
    assert over == [0, 0]


def clipboard(page: Page) -> str:
    """What is on the clipboard."""
    return str(page.evaluate("navigator.clipboard.readText()"))


def open_operations(page: Page) -> None:
    """Open Operations and wait for what is on it."""
    page.goto("/operations")
    expect(page.get_by_role("heading", name="Operations", level=1)).to_be_visible()
    expect(part(page, "Latest decisions")).to_be_visible()


def part(page: Page, name: str) -> Locator:
    """The section of Operations with this heading."""
    return page.get_by_role("region", name=name, exact=True)


def item(page: Page, name: str, title: str) -> Locator:
    """One row of a section of Operations."""
    heading = page.get_by_role("heading", name=title, exact=True)
    return part(page, name).locator(".item").filter(has=heading)
