"""What Generate says before anything is approved: the provider in use does not work, a model will soon be gone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from imagegeneration.settings import Settings
from tests.integration.company import build_company, person
from tests.integration.window import windows
from tests.wire.accounts import KEY, Accounts

ROW = """
[[image_models]]
name = "flux-old"
provider = "replicate"
label = "Flux Old"
shut_down = {last_day}
successor = "black-forest-labs/flux-dev"
sizes = ["1024x1024"]
prices = {{ image = [{{ micros = 25_000 }}] }}
source = "an operator"
read_on = 2026-11-21
"""


@pytest.mark.parametrize(("key", "days", "is_told"), [("wrong", 7, True), (KEY, 60, False)])
def test_a_person_is_told_on_generate_and_only_then(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, days: int, is_told: bool
) -> None:
    catalog = tmp_path / "catalog.toml"
    catalog.write_text(ROW.format(last_day=(datetime.now(UTC) + timedelta(days=days)).date()))
    with Accounts() as accounts:
        changes = {
            "catalog_file": catalog,
            "replicate_api_token": SecretStr(key),
            "replicate_base_url": accounts.url,
        }
        company = build_company(settings.model_copy(update=changes))
        company.checks.run()
    with windows(company, monkeypatch) as window:
        window.sign_in(person(company, "ann", "creator"))
        shown = window.open("generate")
        assert ("Replicate does not accept the studio's account at present." in shown) == is_told
        assert ("Flux Old can be had until " in shown) == is_told
        assert ("; then use Flux dev (Replicate)." in shown) == is_told
    company.close()
