"""The tests' own promises: no network, and no configuration of the developer."""

from __future__ import annotations

import os
import socket

import pytest

from imagegeneration.configuration import provider_of
from imagegeneration.settings import Settings


def test_a_test_cannot_reach_another_machine() -> None:
    with pytest.raises(ConnectionRefusedError, match="tests have no network"):
        socket.create_connection(("192.0.2.1", 443), timeout=1)


def test_a_test_sees_no_setting_from_outside() -> None:
    assert not {field.upper() for field in Settings.model_fields} & set(os.environ)
    assert provider_of(Settings()) is None
