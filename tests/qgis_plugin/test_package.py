"""The zip that QGIS installs, and what stands in it."""

import ast
import configparser
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
import zipfile
from types import ModuleType, SimpleNamespace

import pytest

import geocity
from tests.qgis_plugin.conftest import PLUGINS

SOURCES = sorted((PLUGINS / "geocity_qgis").glob("*.py"))
OLDEST_PYTHON = (3, 8)
"""QGIS 3.22 came with 3.9 on Windows and macOS and with 3.8 on Ubuntu 20.04."""


def pack(out):
    subprocess.run([sys.executable, str(PLUGINS / "build.py"), "--out", str(out)], check=True)
    return out.read_bytes()


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    out = tmp_path_factory.mktemp("dist") / "geocity_qgis.zip"
    pack(out)
    with zipfile.ZipFile(out) as opened:
        yield opened


@pytest.fixture(scope="module")
def metadata(archive):
    parser = configparser.ConfigParser()
    parser.read_string(archive.read("geocity_qgis/metadata.txt").decode("utf-8"))
    return parser["general"]


def test_the_same_sources_give_the_same_bytes(tmp_path):
    first = pack(tmp_path / "a.zip")
    os.utime(PLUGINS / "geocity_qgis" / "icon.svg")
    assert pack(tmp_path / "b" / "c.zip") == first


def test_the_zip_is_what_qgis_expects(archive):
    names = set(archive.namelist())
    assert {name.split("/")[0] for name in names} == {"geocity_qgis"}
    wanted = {"__init__.py", "metadata.txt", "icon.svg", "LICENSE"}
    assert wanted <= {name.split("/", 1)[1] for name in names}
    assert {name.rsplit("/", 1)[1] for name in names if name.endswith(".py")} == {
        path.name for path in SOURCES
    }
    licence = (PLUGINS.parent / "LICENSE").read_bytes()
    assert archive.read("geocity_qgis/LICENSE") == licence
    assert sum(entry.compress_size for entry in archive.infolist()) < 40_000


def test_the_metadata_say_what_qgis_asks(metadata):
    assert metadata["name"] == "geocity"
    assert metadata["version"] == geocity.__version__
    assert metadata["hasProcessingProvider"] == "yes"
    assert metadata["qgisMinimumVersion"] == "3.22"
    assert metadata["qgisMaximumVersion"] == "4.99"
    assert {"description", "about", "author", "license", "icon"} <= set(metadata)
    assert len(metadata["description"]) < 100


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.name)
def test_the_oldest_python_of_qgis_reads_it(path):
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=OLDEST_PYTHON)
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").split(".")[0])
    known = set(sys.stdlib_module_names) | {"qgis", "processing", "geocity_qgis"}
    assert imported <= known, "QGIS has nothing else"
    # Annotations of a newer kind are only text, if Python is told so.
    assert "from __future__ import annotations" in path.read_text(encoding="utf-8")


def test_importing_the_plugin_needs_no_window():
    """`qgis_process` has no `iface`: nothing may ask for it."""
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        assert "qgis.utils" not in text
        assert not re.search("PyQt[56]", text), "qgis.PyQt is either"


def test_the_icon_is_a_picture():
    root = ElementTree.parse(PLUGINS / "geocity_qgis" / "icon.svg").getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"


def module(name, **members):
    made = ModuleType(name)
    made.__dict__.update(members)
    return made


@pytest.mark.parametrize("scoped", [False, True])
def test_enums_are_found_where_old_and_new_qgis_keep_them(monkeypatch, scoped):
    old = {
        "QgsProcessing": ["TypeVectorPolygon", "TypeRaster", "TypeMapLayer", "TypeFile"],
        "QgsProcessingParameterDateTime": ["Date"],
        "QgsProcessingParameterDefinition": ["FlagAdvanced"],
        "QgsProcessingParameterFile": ["Folder"],
        "QgsProcessingParameterNumber": ["Integer", "Double"],
    }
    new = {
        "ProcessingSourceType": ["VectorPolygon", "Raster", "MapLayer", "File"],
        "ProcessingDateTimeParameterDataType": ["Date"],
        "ProcessingParameterFlag": ["Advanced"],
        "ProcessingFileParameterBehavior": ["Folder"],
        "ProcessingNumberParameterType": ["Integer", "Double"],
    }

    def enums(names, filled, mark):
        return {
            name: SimpleNamespace(**{m: (mark, m) for m in members} if filled else {})
            for name, members in names.items()
        }

    core = module(
        "qgis.core",
        Qgis=SimpleNamespace(**(enums(new, True, "new") if scoped else {})),
        **enums(old, not scoped, "old"),
    )
    monkeypatch.setitem(sys.modules, "qgis", module("qgis", core=core))
    monkeypatch.setitem(sys.modules, "qgis.core", core)
    monkeypatch.delitem(sys.modules, "geocity_qgis.names", raising=False)
    import geocity_qgis.names as names

    monkeypatch.delitem(sys.modules, "geocity_qgis.names")
    found = {n: v for n, v in vars(names).items() if n.isupper()}
    assert len(found) == 9
    assert {mark for mark, _ in found.values()} == {"new" if scoped else "old"}
