"""Step one: a better prompt, free to look at (the PRD of version 1, section 5.1). Answering writes nothing."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from concurrent.futures import TimeoutError as TookTooLong
from datetime import UTC, datetime

from imagegeneration.core.actor import Actor
from imagegeneration.core.errors import PromptRefused, ProviderFailed, ProviderNotConfigured
from imagegeneration.core.text import PROMPT_MAX, check_text
from imagegeneration.models.catalog import Catalog
from imagegeneration.money.text_budget import TextBudget, TextHold
from imagegeneration.people.rates import Rates
from imagegeneration.prompts.suggestion import SuggestionTimes
from imagegeneration.providers.generation import CallFailed, EnhanceBody
from imagegeneration.providers.openai import OpenAIProvider
from imagegeneration.providers.openai_text import ENHANCE_MAX_TOKENS, enhance_payload

POST_SECONDS = 60

LATE_SECONDS = 1.0
"""How much longer the studio waits for a stopped call: its answer is useless, but tells the cost."""

CLOSE_SECONDS = 2.0
"""How long a stop waits for calls in flight; their possible cost is recorded in any case."""

AT_ONCE = 32

INSTEAD = "Try again in a moment, or go on with the prompt as you typed it."


class Enhancement:
    """Prompt suggestions within a deadline and a budget. Their cost is summed up until `post` writes it down."""

    def __init__(
        self,
        provider: OpenAIProvider | None,
        model: str,
        catalog: Catalog,
        rates: Rates,
        budget: TextBudget,
        seconds: float,
    ) -> None:
        """Take the services, and `seconds`, the longest that a user waits for a suggestion."""
        self._rates = rates
        self._provider = provider
        self._model = model
        self._catalog = catalog
        self._budget = budget
        self._seconds = seconds
        self._calls = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="enhance")
        self._lock = threading.Lock()
        self._running: set[Future[str]] = set()
        self._asked = self._in_time = 0
        self._since = datetime.now(UTC)

    @property
    def times(self) -> SuggestionTimes:
        """Return how many suggestions of this process came in time."""
        with self._lock:
            return SuggestionTimes(
                asked=self._asked, in_time=self._in_time, since=self._since, limit_seconds=self._seconds
            )

    def enhance(self, actor: Actor, body: EnhanceBody) -> str:
        """Return a suggestion of 1 to 4,000 characters, within the deadline.

        Raises ProviderNotConfigured (IMG_001), ProviderFailed (IMG_002), PromptRefused (IMG_003), Busy (IMG_005) or
        OverBudget (IMG_006).
        """
        began = time.monotonic()
        if self._provider is None:
            raise ProviderNotConfigured("No text provider is configured, so prompts cannot be enhanced.")
        most = self._max_cost_micros(body)  # raises without a price, before any call
        self._rates.act(actor, "enhance")
        hold = self._budget.reserve(actor.user_id, most)
        call = self._calls.submit(self._call, self._provider, body, hold)
        with self._lock:
            self._running.add(call)
        call.add_done_callback(self._ended)
        return _usable(self._await(call, hold, began))

    def post(self) -> None:
        """Write the cost since the last time to the ledger. Runs once a minute, and at the end."""
        self._budget.post()

    def close(self) -> None:
        """Wait up to CLOSE_SECONDS for the calls in flight, and write down the cost of all."""
        self._calls.shutdown(wait=False)
        with self._lock:
            running = tuple(self._running)
        wait(running, timeout=CLOSE_SECONDS)
        self._budget.close()

    def _ended(self, call: Future[str]) -> None:
        with self._lock:
            self._running.discard(call)

    def _await(self, call: Future[str], hold: TextHold, began: float) -> str:
        try:
            text = call.result(timeout=max(self._seconds - (time.monotonic() - began), 0))
        except TookTooLong:
            if call.cancel():  # it never began
                self._budget.settle(hold, 0)
            self._count(in_time=False)
            raise ProviderFailed(
                f"No suggestion came in time: it took longer than {self._seconds:g} seconds, so it was stopped.",
                resolution=INSTEAD,
            ) from None
        except CallFailed as failure:
            self._count(in_time=False)
            if failure.moderated:
                raise PromptRefused(failure.message) from failure
            words = f"The prompt could not be enhanced. {failure.message}"
            raise ProviderFailed(words, resolution=INSTEAD) from failure
        self._count(in_time=True)
        return text

    def _call(self, provider: OpenAIProvider, body: EnhanceBody, hold: TextHold) -> str:
        cost = hold.micros  # it may have been charged in full unless less is known
        try:
            answer = provider.enhance(self._model, body, self._seconds + LATE_SECONDS)
            if answer.input_tokens and answer.output_tokens:  # neither is 0: a prompt was read, a text written
                cost = self._catalog.text_cost(self._model, answer.input_tokens, answer.output_tokens)
        except CallFailed as failure:
            cost = 0 if failure.certainty == "not_charged" else cost
            raise
        finally:
            self._budget.settle(hold, cost)
        return answer.final_prompt

    def _max_cost_micros(self, body: EnhanceBody) -> int:
        """Return the most that a call costs, because no token is shorter than a byte."""
        payload = enhance_payload(self._model, body)
        sent = len(str(payload["instructions"]).encode()) + len(str(payload["input"]).encode())
        return self._catalog.text_cost(self._model, sent + len(str(payload["text"])), ENHANCE_MAX_TOKENS)

    def _count(self, *, in_time: bool) -> None:
        with self._lock:
            self._asked += 1
            self._in_time += in_time


def _usable(text: str) -> str:
    """Return the answer as a prompt that could be approved: bounded, and free of control characters."""
    bounded = text.strip()
    if len(bounded) > PROMPT_MAX:
        bounded = bounded[:PROMPT_MAX].rsplit(None, 1)[0].rstrip()
    try:
        return check_text(bounded, PROMPT_MAX)
    except ValueError as error:
        raise ProviderFailed("The enhancer's answer is empty or has characters that no prompt may have.") from error
