"""The browser's part of the components: plain JavaScript and CSS, read from the files of this folder."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

_HERE = Path(__file__).parent


class Asset(TypedDict):
    """The two texts a component is registered with."""

    js: str
    css: str


def asset(name: str, *parts: str) -> Asset:
    """The code of the component `name`: common.*, then `parts`, then its own file, which has the default export.

    The files are joined instead of importing each other, because a component is sent as one module.
    """
    names = ("common", *parts, name)
    return Asset(js=_joined(names, "js"), css=_joined(names, "css"))


def _joined(names: tuple[str, ...], extension: str) -> str:
    files = (_HERE / f"{name}.{extension}" for name in names)
    return "\n".join(file.read_text(encoding="utf-8") for file in files if file.exists())
