"""What an approval is bound to: the quote, and its hash."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest

from imagegeneration.core.errors import OverBudget
from imagegeneration.models.plan import GenerationPlan
from imagegeneration.models.quote import Quote, shown_sha256
from imagegeneration.money.price import Price
from imagegeneration.providers.generation import GenerationParameters

FIRST = GenerationParameters(
    provider="sandbox", model="gpt-image-2.5-flare", size="1024x1024", quality="medium", output_format="png"
)
SECOND = FIRST.model_copy(update={"model": "gpt-image-2"})
CHEAP, DEAR = Price(micros=13_700, credits=2), Price(micros=20_000, credits=1)


def quote(*routes: GenerationParameters, **facts: Any) -> Quote:
    request, *alternates = routes or (FIRST,)
    plan = GenerationPlan(request=request, alternates=tuple(alternates))
    known: dict[str, Any] = {"prices": [CHEAP, DEAR][: len(plan.routes)]}
    return Quote(final_prompt="a kite 🪁", image_count=2, plan=plan, **known | facts)


def canonical(shown: Any) -> str:
    return hashlib.sha256(json.dumps(shown, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def test_what_was_shown_is_hashed_alike_by_every_process() -> None:
    found = quote(FIRST, SECOND)
    terms = canonical([[FIRST.document(), SECOND.document()], 40_000])
    assert found.terms_sha256 == terms
    assert found.sha256 == shown_sha256("a kite 🪁", 2, terms) == canonical(["a kite 🪁", 2, terms])


def test_a_drawn_seed_is_no_part_of_what_is_shown_and_a_chosen_one_is() -> None:
    seeded = [FIRST.model_copy(update={"seed": seed, "seeds": (seed, seed + 1)}) for seed in (1, 2)]
    drawn = [quote(request, SECOND, draws_seed=True) for request in seeded]
    assert len({found.terms_sha256 for found in drawn}) == 1
    assert len({replace(found, draws_seed=False).terms_sha256 for found in drawn}) == 2
    others = [quote(seeded[0], draws_seed=True), quote(SECOND, SECOND, draws_seed=True)]
    dearer = replace(drawn[0], prices=[CHEAP, Price(micros=DEAR.micros + 1)])
    assert len({found.terms_sha256 for found in (drawn[0], *others, dearer)}) == 4


def test_an_image_holds_the_dearest_of_its_routes_in_money_and_in_credits() -> None:
    found = quote(FIRST, SECOND, credits_left=14)
    assert (found.image_price, found.total_micros) == (Price(micros=20_000, credits=2), 40_000)
    assert found.request_price == CHEAP
    assert found.credits is not None
    assert (found.credits.cost, found.credits.left) == (4, 14)
    alone = quote()
    assert (alone.image_price, alone.request_price, alone.credits) == (CHEAP, None, None)


def test_a_refusal_is_raised_where_it_is_to_be_approved() -> None:
    quote().require_allowed()
    with pytest.raises(OverBudget, match="too dear"):
        quote(refusal=OverBudget("too dear")).require_allowed()
