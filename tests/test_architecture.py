"""The plan of docs/architecture.md holds: no circles, small folders, one name for one thing, no private language."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from pathlib import Path

import grimp
import pytest
from script.drawings.import_graph import PICTURE, draw

from mien.cli import COMMANDS
from tests.conftest import ROOT

PACKAGES = {name: ROOT / folder / name for name, folder in (
    ("mien", "device"), ("mien_training", "training"), ("mien_convert", "convert")
)}  # fmt: skip
SOURCES = [path for package in PACKAGES.values() for path in sorted(package.rglob("*.py"))]

MAX_MODULES = 14
SHARED_NAMES = {"__init__", "cli", "base"}

PRIVATE_WORDS = re.compile(
    r"(?i)\b(jukebox|the house|anew|vault|feels?|stand_?aside|says|told|hears)\b",
)
"""Words of a private language that the code once had; the songs of the starter list may have them in their titles."""

FORMER_NAMES = {
    *("FaceFinder", "HaarFinder", "YunetFinder", "finder", "near", "Eyes", "Look", "GuardedCamera", "goes_on"),
    *("StuckWatch", "trouble", "doubts", "Watch", "Jukebox", "MusicSwitch", "set_on", "feel", "Feeling", "Served"),
    *("what_happened", "TAKEN", "hands_off", "door", "Vault", "Standing", "Problem", "spend", "Taste", "opinions"),
    *("says", "Placing", "RowMaker", "plain", "Link", "Heard", "stand_aside", "farewell", "patience", "_say", "pulse"),
    *("Claim", "hear", "words", "Listening", "House", "named", "read_thoroughly", "quiet", "wake_keras", "quicker"),
    *("taught", "graduate", "naming", "compiled", "blended", "shown", "mixed", "beside", "gentle", "balance", "hidden"),
    *("BothSides", "MeanOfSides", "keep_mirrored", "met", "framing", "in_words", "as_object", "tell", "made", "found"),
}
"""Names that the plan replaced by the field's words."""


def identifiers(tree: ast.AST) -> Iterator[str]:
    """Every name that a module defines or assigns."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.arg(arg=name):
                yield name
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name


def test_no_import_circle() -> None:
    """No module imports itself by any way round."""
    graph = grimp.build_graph(*PACKAGES)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_the_drawing_is_of_this_graph() -> None:
    """docs/pictures/architecture.svg is what script/drawings/import_graph.py draws."""
    assert draw() == PICTURE.read_text(encoding="utf-8"), "run python script/drawings/import_graph.py"


def test_folders_are_small() -> None:
    """No folder of device/mien but commands/ holds more modules than one remembers."""
    folders = Counter(path.parent for path in PACKAGES["mien"].rglob("*.py") if path.parent.name != "commands")
    assert [str(folder) for folder, count in folders.items() if count > MAX_MODULES] == []


def test_a_module_name_means_one_module() -> None:
    """Outside commands/ no two modules share a name."""
    names = Counter(path.stem for path in SOURCES if path.parent.name != "commands")
    assert [name for name, count in names.items() if count > 1 and name not in SHARED_NAMES] == []


def test_a_class_name_means_one_class() -> None:
    """No public class name is defined twice."""
    places = defaultdict(list)
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(path.name)
    assert {name: files for name, files in places.items() if len(files) > 1} == {}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_fields_words(path: Path) -> None:
    """No private language: neither its words nor the names that were replaced."""
    text = path.read_text(encoding="utf-8")
    assert PRIVATE_WORDS.findall(text) == []
    assert set(identifiers(ast.parse(text))) & FORMER_NAMES == set()


def walks() -> dict[str, list[str]]:
    """The three lists of files in docs/architecture.md."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    sections = re.split(r"^## ", text, flags=re.MULTILINE)
    return {
        section.splitlines()[0]: re.findall(r"^\d+\. `([^`]+)`", section, re.MULTILINE)
        for section in sections
        if section.startswith("The walk")
    }


def test_a_walk_revisits_no_file() -> None:
    """A frame, a mood and a configuration value each pass through files that exist, and through none twice."""
    assert len(walks()) == 3
    for name, files in walks().items():
        assert len(files) == len(set(files)) > 3, name
        assert [file for file in files if not (ROOT / file).is_file()] == [], name


def test_every_command_is_a_module_and_documented() -> None:
    """Each command has one `add_arguments` and one `run`, and README names it."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for command in COMMANDS:
        module = import_module(command.module)
        assert callable(module.add_arguments)
        assert callable(module.run)
        assert f"`mien {command.name}" in readme


def test_tests_mirror_the_sources() -> None:
    """Every folder of tests is one of the sources, and every test module there is named for a module or package."""
    for name, package in PACKAGES.items():
        for path in (ROOT / "tests" / name).rglob("test_*.py"):
            folder = package / path.parent.relative_to(ROOT / "tests" / name)
            assert folder.is_dir(), path
