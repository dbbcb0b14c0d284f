import datetime
import zipfile
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS

from geocity.core.classes import ClassTable
from geocity.errors import InputError, OutputExistsError
from geocity.io import styles
from geocity.io.print_layouts import LayoutText, print_layout, scale_bar_segment
from geocity.io.projects import ProjectLayer, project_document, write_project

UTM = CRS.from_epsg(32643)
SLUMS = ClassTable.named(["background", "slum"])
RASTER = styles.class_raster_qml(SLUMS)
POLYGONS = styles.slum_polygons_qml(SLUMS, with_probability=False, date_field="date")
TEXT = LayoutText("Slums <of> Mumbai", "2024", "Made & checked")


def raster(path: Path, name: str, **more: object) -> ProjectLayer:
    given_ = {"group": "Class maps", "crs": UTM, "bounds": (270000, 2109000, 272000, 2110000)}
    return ProjectLayer(path=path, name=name, kind="raster", qml=RASTER, **{**given_, **more})  # type: ignore[arg-type]


def vector(path: Path, name: str, **more: object) -> ProjectLayer:
    given_ = {"group": "Polygons", "crs": UTM, "bounds": (270000, 2109000, 271000, 2110000)}
    return ProjectLayer(path=path, name=name, kind="vector", qml=POLYGONS, **{**given_, **more})  # type: ignore[arg-type]


def parsed(text: str) -> Element:
    return ElementTree.fromstring(text)


def test_paths_are_relative_and_groups_in_order(tmp_path: Path) -> None:
    layers = [
        vector(tmp_path / "out" / "slums.gpkg", "Slums", layer="slums_2024"),
        raster(tmp_path / "out" / "classes.tif", "Classes", visible=False),
        raster(tmp_path / "scenes" / "a b.tif", "Scene", group="Imagery"),
        vector(tmp_path / "out" / "more.gpkg", "More"),
    ]
    root = parsed(project_document(layers, TEXT, folder=tmp_path / "out"))
    assert [e.text for e in root.iter("datasource")] == [
        "./slums.gpkg|layername=slums_2024",
        "./classes.tif",
        "../scenes/a b.tif",
        "./more.gpkg",
    ]
    groups = root.findall("layer-tree-group/layer-tree-group")
    assert [g.get("name") for g in groups] == ["Polygons", "Class maps", "Imagery"]
    names = [[leaf.get("name") for leaf in g.findall("layer-tree-layer")] for g in groups]
    assert names == [["Slums", "More"], ["Classes"], ["Scene"]]
    checked = [leaf.get("checked") for leaf in groups[1].findall("layer-tree-layer")]
    assert checked == ["Qt::Unchecked"]
    ids = [e.text for e in root.findall("projectlayers/maplayer/id")]
    assert len(set(ids)) == 4
    tree_ids = [e.get("id") for e in root.findall("layer-tree-group//layer-tree-layer")]
    assert sorted(i for i in tree_ids if i) == sorted(i for i in ids if i)


def test_view_is_the_union_in_the_crs_of_the_first_raster(tmp_path: Path) -> None:
    layers = [
        vector(tmp_path / "w.gpkg", "w", crs=CRS.from_epsg(4326), bounds=(72.8, 19, 72.9, 19.1)),
        raster(tmp_path / "c.tif", "c"),
    ]
    root = parsed(project_document(layers, TEXT, folder=tmp_path))
    assert root.findtext("projectCrs/spatialrefsys/authid") == "EPSG:32643"
    view = root.find("ProjectViewSettings/DefaultViewExtent")
    assert view is not None
    assert float(view.get("xmin", "")) < 270000
    assert float(view.get("xmax", "")) > 272000
    assert float(view.get("ymax", "")) > 2110000


def test_periods_override_the_style_and_make_the_project_s_time(tmp_path: Path) -> None:
    first = (datetime.date(2015, 2, 1), datetime.date(2025, 1, 31))
    second = (datetime.date(2025, 2, 1), datetime.date(2026, 1, 31))
    layers = [
        vector(tmp_path / "a.gpkg", "a", period=first),
        raster(tmp_path / "b.tif", "b", period=second),
        vector(tmp_path / "c.gpkg", "c"),
    ]
    root = parsed(project_document(layers, TEXT, folder=tmp_path))
    times = [layer.findall("temporal") for layer in root.iter("maplayer")]
    assert [len(t) for t in times] == [1, 1, 1]
    starts = [t[0].findtext("fixedRange/start") or t[0].get("startField") for t in times]
    assert starts == ["2015-02-01T00:00:00Z", "2025-02-01T00:00:00Z", "date"]
    assert root.findtext("ProjectTimeSettings/TemporalRange/start") == "2015-02-01T00:00:00Z"
    assert root.findtext("ProjectTimeSettings/TemporalRange/end") == "2026-01-31T23:59:59Z"


def test_the_legend_explains_what_is_visible(tmp_path: Path) -> None:
    layers = [
        vector(tmp_path / "a.gpkg", "a"),
        raster(tmp_path / "b.tif", "b", visible=False),
        raster(tmp_path / "c.tif", "c", in_legend=False),
    ]
    root = parsed(project_document(layers, TEXT, folder=tmp_path))
    legend = root.findall("Layouts/Layout/LayoutItem/layer-tree-group/layer-tree-layer")
    assert [leaf.get("name") for leaf in legend] == ["a"]


def test_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    layers = [raster(tmp_path / "c.tif", "c")]
    path = write_project(tmp_path / "map.qgz", layers, TEXT)
    first = path.read_bytes()
    with pytest.raises(OutputExistsError):
        write_project(path, layers, TEXT)
    write_project(path, layers, TEXT, overwrite=True)
    assert path.read_bytes() == first
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["map.qgs"]


def test_a_project_without_layers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least one layer"):
        write_project(tmp_path / "map.qgz", [], TEXT)
    assert list(tmp_path.iterdir()) == []


def test_expressions_in_texts_are_not_evaluated() -> None:
    text = LayoutText("[% layer_property('x','source') %]")
    layout = print_layout(text, (0, 0, 1000, 1000), 1000, [])
    labels = [item.get("labelText", "") for item in layout.iter("LayoutItem")]
    assert all("[%" not in label for label in labels)


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.floats(1, 1e6), st.floats(1, 1e6))
def test_the_page_holds_its_items_and_the_map_its_data(
    left: float, bottom: float, width: float, height: float
) -> None:
    bounds = (left, bottom, left + width, bottom + height)
    layout = print_layout(TEXT, bounds, width, [])
    for item in layout.iter("LayoutItem"):
        x, y = (float(v) for v in item.get("position", "").split(",")[:2])
        w, h = (float(v) for v in item.get("size", "").split(",")[:2])
        assert x >= 0
        assert y >= 0
        assert x + w <= 297.001
        assert y + h <= 210.001
        if item.get("id") == "map":
            extent = item.find("Extent")
            assert extent is not None
            shown = [float(extent.get(k, "")) for k in ("xmin", "ymin", "xmax", "ymax")]
            slack = 1e-6 * max(width, height, abs(left), abs(bottom))
            assert shown[0] <= bounds[0] + slack
            assert shown[1] <= bounds[1] + slack
            assert shown[2] >= bounds[2] - slack
            assert shown[3] >= bounds[3] - slack
            aspect = (shown[2] - shown[0]) / (shown[3] - shown[1])
            assert aspect == pytest.approx(w / h, rel=1e-3)


@pytest.mark.parametrize(
    ("longest", "segment"),
    [(1, 1), (1.99, 1), (2, 2), (4.9, 2), (5, 5), (999, 500), (1000, 1000), (0.3, 0.2)],
)
def test_scale_bar_segments_are_round(longest: float, segment: float) -> None:
    assert scale_bar_segment(longest) == pytest.approx(segment)


def test_a_scale_bar_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        scale_bar_segment(0)
