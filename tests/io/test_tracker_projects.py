import datetime
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

from geocity.errors import InputError
from geocity.io.print_layouts import LayoutText
from geocity.io.tracker_projects import Outlines, TrackerFiles, write_tracker_project
from tests.tracker_files import make_tracker_files

D15, D25 = datetime.date(2015, 2, 14), datetime.date(2025, 2, 9)
TEXT = LayoutText("Slum tracker", "2015 to 2025", "Source: made up.")


def layers_of(project: Path) -> list[tuple[str, str, str]]:
    """Return group, name and data source of every layer, from top to bottom."""
    with zipfile.ZipFile(project) as archive:
        root = ElementTree.fromstring(archive.read(archive.namelist()[0]))
    groups = root.findall("layer-tree-group/layer-tree-group")
    return [
        (group.get("name", ""), layer.get("name", ""), layer.get("source", ""))
        for group in groups
        for layer in group.findall("layer-tree-layer")
    ]


def test_everything_has_its_group_and_the_newest_comes_first(tmp_path: Path) -> None:
    files = make_tracker_files(tmp_path)
    project = write_tracker_project(tmp_path / "tracker.qgz", files, TEXT)
    found = layers_of(project)
    assert [(group, name) for group, name, _ in found] == [
        ("Change", "Growth"),
        ("Change", "Loss"),
        ("Change", "Persistent"),
        ("Change", "Settlements"),
        ("Polygons", "Outlines 2025"),
        ("Polygons", "Outlines 2015"),
        ("Wards", "Wards"),
        ("Imagery", "Imagery 2025"),
        ("Imagery", "Imagery 2015"),
    ]
    assert found[0][2] == "./change.gpkg|layername=growth"
    assert all(source.startswith("./") for *_, source in found)


def test_outlines_alone_are_shown(tmp_path: Path) -> None:
    files = make_tracker_files(tmp_path)
    project = write_tracker_project(tmp_path / "t.qgz", TrackerFiles(files.outlines), TEXT)
    assert [name for _, name, _ in layers_of(project)] == ["Outlines 2025", "Outlines 2015"]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = Outlines(tmp_path / "nothing.gpkg", None, D15)
    with pytest.raises(InputError, match="nothing.gpkg"):
        write_tracker_project(tmp_path / "t.qgz", TrackerFiles([missing]), TEXT)


def test_a_row_of_the_legend_does_not_repeat_its_heading(tmp_path: Path) -> None:
    project = write_tracker_project(tmp_path / "t.qgz", make_tracker_files(tmp_path), TEXT)
    with zipfile.ZipFile(project) as archive:
        root = ElementTree.fromstring(archive.read(archive.namelist()[0]))
    legend = root.find(".//LayoutItem[@id='legend']/layer-tree-group")
    assert legend is not None
    told = {
        layer.get("name"): {o.get("name"): o.get("value") for o in layer.iter("Option")}
        for layer in legend.iter("layer-tree-layer")
    }
    assert told["Growth"]["legend/title-style"] == "hidden"
    assert told["Growth"]["legend/label-0"] == "Growth"
    assert "legend/title-style" not in told["Wards"]
