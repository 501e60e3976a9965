from __future__ import annotations

import re
from pathlib import Path

from imagegeneration.settings import Settings

EXAMPLE = Path(__file__).parents[2] / ".env.example"
INTERNAL = {"SANDBOX_URL"}
"""Set by `make run` for its children, by nobody else."""


def test_the_example_lists_every_variable_and_no_other() -> None:
    listed = re.findall(r"^([A-Z0-9_]+)=", EXAMPLE.read_text(), re.MULTILINE)

    assert len(listed) == len(set(listed))
    assert set(listed) == {name.upper() for name in Settings.model_fields} - INTERNAL


def test_a_copy_of_the_example_changes_nothing() -> None:
    assert Settings(_env_file=EXAMPLE) == Settings(_env_file=None)
