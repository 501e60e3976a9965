from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest

from imagegeneration.core.errors import ConfigurationError
from imagegeneration.local.bucket import bucket_part, find_weed
from imagegeneration.local.datadir import DataDir


@pytest.fixture
def nothing_from_pypi(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path / "no-scripts"))


@pytest.mark.usefixtures("nothing_from_pypi")
def test_where_pypi_has_none_the_one_on_the_path_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "weed").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert find_weed() == tmp_path / "weed"


@pytest.mark.usefixtures("nothing_from_pypi")
def test_without_any_one_line_says_what_to_set_or_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))

    with pytest.raises(ConfigurationError, match=r"^Set R2_ENDPOINT_URL, .* or install SeaweedFS: .*`weed`.*$"):
        find_weed()


def test_one_line_says_where_images_of_an_earlier_version_are(tmp_path: Path) -> None:
    data = DataDir(tmp_path)
    (tmp_path / "bucket").mkdir()
    assert bucket_part(data, "images").warning is None

    (tmp_path / "bucket" / "images").mkdir()
    warning = bucket_part(data, "images").warning

    assert warning is not None
    assert warning.startswith(f"{tmp_path / 'bucket'} has images of an earlier version")
    assert "\n" not in warning


def test_secret_and_ports_are_kept(tmp_path: Path) -> None:
    first, second = (bucket_part(DataDir(tmp_path), "images") for _ in range(2))

    assert first.provides == second.provides
    assert first.command == second.command
    assert len(first.provides["R2_SECRET_ACCESS_KEY"]) == 64
