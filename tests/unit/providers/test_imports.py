"""What a provider's SDK takes of memory, only those pay who have configured it."""

from __future__ import annotations

import subprocess
import sys

import pytest

START = """
import sys
import imagegeneration.runner.__main__
from imagegeneration.configuration import endpoints_of
from imagegeneration.providers.vendors import build_providers
from imagegeneration.settings import Settings
built = build_providers(endpoints_of(Settings(_env_file=None, {settings})), 60)
print("google.genai" in sys.modules, sorted(built))
"""


@pytest.mark.parametrize(
    ("settings", "said"),
    [("openai_api_key='k', fal_key='k'", "False ['fal', 'openai']"), ("google_api_key='k'", "True ['google']")],
)
def test_a_runner_imports_googles_sdk_only_where_google_is_configured(settings: str, said: str) -> None:
    command = [sys.executable, "-c", START.format(settings=settings)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == said
