"""The browser's part of the components: plain JavaScript and CSS, read from the files of this folder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

_HERE = Path(__file__).parent
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+)\.js";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?!default)", re.MULTILINE)


class Asset(TypedDict):
    """The two texts that a component is registered with."""

    js: str
    css: str


def asset(name: str) -> Asset:
    """Return the code of the component `name`: its file, which has the default export, after all that it imports.

    The files are joined, because Streamlit sends a component as one module, whose imports would lead nowhere.
    """
    names = _with_imports(name, ())
    return Asset(js="\n".join(map(script, names)), css="\n".join(_text(name, "css") for name in names))


def script(name: str) -> str:
    """Return the code of one file, without its imports and the word `export`."""
    return _EXPORT.sub("", _IMPORT.sub("", _text(name, "js")))


def _with_imports(name: str, before: Sequence[str]) -> Sequence[str]:
    """Return `before`, then the files that `name` imports and that are not in it, then `name`."""
    for imported in _IMPORT.findall(_text(name, "js")):
        if imported not in before:
            before = _with_imports(imported, before)
    return (*before, name)


def _text(name: str, extension: str) -> str:
    file = _HERE / f"{name}.{extension}"
    return file.read_text(encoding="utf-8") if file.exists() else ""
