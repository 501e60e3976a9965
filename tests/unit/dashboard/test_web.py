"""The browser's code as it is sent: each component one module of the files that it imports."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from imagegeneration.dashboard import web
from imagegeneration.dashboard.web import asset

FOLDER = Path(web.__file__).parent
FILES = sorted(FOLDER.glob("*.js"))
COMPONENTS = [file.stem for file in FILES if "export default" in file.read_text()]
DECLARED = re.compile(r"^(?:async )?(?:function|const|let|class) (\w+)", re.MULTILINE)


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_component_is_one_module_that_imports_nothing_and_declares_no_name_twice(name: str) -> None:
    code = asset(name)["js"]
    assert re.findall(r"^(?:import|export) .*", code, re.MULTILINE) == re.findall(r"^export default .*", code, re.M)
    assert code.count("export default") == 1
    declared = DECLARED.findall(code)
    assert sorted(declared) == sorted(set(declared))


def test_what_is_imported_comes_once_and_before_what_imports_it() -> None:
    code, style = asset("gallery")["js"], asset("gallery")["css"]
    places = [code.index(f"function {name}(") for name in ("el", "pill", "makeTile", "makeCard", "makeGallery")]
    assert places == sorted(places)
    assert code.count("function el(") == 1
    styles = [style.index(f"\n{name} {{") for name in (".button", ".tile", ".card", ".gallery .column")]
    assert styles == sorted(styles)


def test_every_style_belongs_to_a_script() -> None:
    assert {file.stem for file in FOLDER.glob("*.css")} <= {file.stem for file in FILES}
