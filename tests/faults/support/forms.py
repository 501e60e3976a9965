"""The short form, which is part of every run of the tests, and the long form, which has every case."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from _pytest.mark import ParameterSet


def long_but(cases: Iterable[Any], *short: Any) -> list[ParameterSet]:
    """All cases, of which the short form has only those named: the others differ little in what happens."""
    return [pytest.param(case, marks=[] if case in short else [pytest.mark.long]) for case in cases]
