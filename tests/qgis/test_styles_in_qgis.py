"""What QGIS itself makes of geocity's rasters and styles."""

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
from affine import Affine
from pyproj import CRS
from shapely import box

from geocity.core.classes import ClassTable, LandClass
from geocity.core.grid import Grid
from geocity.io import sld, styles
from geocity.io.class_raster_sinks import create_class_raster, create_probability_raster
from geocity.io.geopackage_styles import Provenance, embed_provenance, embed_style

GRID = Grid(CRS.from_epsg(32643), Affine(0.8, 0, 270000, 0, -0.8, 2110000), (300, 200))
CLASSES = ClassTable(
    (
        LandClass(0, "background", (226, 226, 220)),
        LandClass(1, 'slum <&" é', (230, 0, 77)),
        LandClass(7, "झोपड़ी", (0, 90, 200)),
    )
)
TODAY = datetime.date(2024, 3, 9)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a space and an accent in its name."""
    path = tmp_path / "ça ira bien"
    path.mkdir()
    return path


def polygons() -> geopandas.GeoDataFrame:
    return geopandas.GeoDataFrame(
        {
            "slum_id": ["S1", "<script>alert(1)</script>"],
            "class_id": np.array([1, 7], dtype="int32"),
            "class": ["slum", "झोपड़ी"],
            "area_m2": [12345.6, 100.0],
            "prob_mean": [0.876, 0.5],
            "date": [TODAY, TODAY],
        },
        geometry=[box(270000, 2109900, 270050, 2110000), box(270060, 2109900, 270070, 2109910)],
        crs="EPSG:32643",
    )


def write_layer(path: Path, layer: str, table: geopandas.GeoDataFrame) -> None:
    table.to_file(
        path, layer=layer, engine="pyogrio", use_arrow=True, dataset_options={"VERSION": "1.2"}
    )


def test_class_raster_has_a_legend_of_its_classes(
    folder: Path, in_qgis: Callable[..., Any]
) -> None:
    path = folder / "classes.tif"
    with create_class_raster(path, GRID, CLASSES) as sink:
        sink.write(np.ones(GRID.shape, dtype="uint8"), GRID.window)
    before = {p.name: p.stat().st_mtime_ns for p in folder.iterdir()}
    seen = in_qgis("raster", path)
    assert seen["valid"]
    assert seen["renderer"] == "paletted"
    assert seen["legend"] == [
        ["background", "#e2e2dc", 255],
        ['slum <&" é', "#e6004d", 255],
        ["झोपड़ी", "#005ac8", 255],
    ]
    assert {p.name: p.stat().st_mtime_ns for p in folder.iterdir()} == before


def test_probability_runs_from_0_to_1(folder: Path, in_qgis: Callable[..., Any]) -> None:
    path = folder / "probability.tif"
    with create_probability_raster(path, GRID, ["slum"]) as sink:
        sink.write(np.full((1, *GRID.shape), 0.5, dtype="float32"), GRID.window)
    before = sorted(p.name for p in folder.iterdir())
    seen = in_qgis("raster", path)
    assert seen["renderer"] == "singlebandpseudocolor"
    assert [row[0] for row in seen["legend"]] == ["0%", "10%", "25%", "50%", "75%", "100%"]
    assert sorted(p.name for p in folder.iterdir()) == before


def test_geopackage_opens_styled(
    folder: Path, in_qgis: Callable[..., Any], validate_gpkg: Callable[[Path], None]
) -> None:
    path = folder / "slums.gpkg"
    kept = ClassTable(CLASSES.classes[1:])
    write_layer(path, "slums_2024", polygons())
    qml = styles.slum_polygons_qml(kept, with_probability=True, date_field="date")
    embed_style(path, "slums_2024", qml, sld.polygons_sld(kept, "slums_2024"), "slums")
    about = Provenance(
        "Slums of 2024", "Areas are geodesic.", ("classify scene.tif -m unet",), (TODAY, TODAY)
    )
    embed_provenance(path, "slums_2024", about)
    validate_gpkg(path)
    seen = in_qgis("vector", f"{path}|layername=slums_2024")
    assert seen["renderer"] == "categorizedSymbol"
    assert seen["legend"] == [
        ['slum <&" é', "#e6004d", 90, "#e6004d"],
        ["झोपड़ी", "#005ac8", 90, "#005ac8"],
    ]
    assert seen["aliases"]["area_m2"] == "Area (m²)"
    assert seen["temporal"]
    assert seen["start_field"] == "date"
    assert seen["tips"] == [
        "<b>S1</b> slum<br>12,346 m²<br>probability 0.88<br>2024-03-09",
        "<b>&lt;script>alert(1)&lt;/script></b> झोपड़ी<br>100 m²<br>probability 0.50<br>2024-03-09",
    ]
    assert (seen["title"], seen["abstract"]) == ("Slums of 2024", "Areas are geodesic.")
    assert seen["history"] == ["classify scene.tif -m unet"]


def test_sidecar_style_of_a_shapefile(folder: Path, in_qgis: Callable[..., Any]) -> None:
    path = folder / "slums.shp"
    polygons().drop(columns="date").to_file(path)
    kept = ClassTable(CLASSES.classes[1:])
    qml = styles.slum_polygons_qml(kept, with_probability=False, date_field=None)
    path.with_suffix(".qml").write_text(qml, encoding="utf-8")
    seen = in_qgis("vector", path)
    assert [row[0] for row in seen["legend"]] == ['slum <&" é', "झोपड़ी"]
    assert not seen["temporal"]
    assert seen["tips"][0] == "<b>S1</b> slum<br>12,346 m²"


def test_wards_carry_their_names(folder: Path, in_qgis: Callable[..., Any]) -> None:
    path = folder / "wards.gpkg"
    wards = polygons()[["class", "geometry"]].rename(columns={"class": 'ward "name"'})
    write_layer(path, "wards", wards)
    embed_style(path, "wards", styles.wards_qml('ward "name"'))
    seen = in_qgis("vector", path)
    assert seen["renderer"] == "singleSymbol"
    assert seen["labels"] == 'ward "name"'
    assert seen["tips"] == ["<b>slum</b>", "<b>झोपड़ी</b>"]


def test_chip_split_and_change(folder: Path, in_qgis: Callable[..., Any]) -> None:
    changes = ClassTable(
        (LandClass(1, "growth", (215, 25, 28)), LandClass(2, "loss", (44, 123, 182)))
    )
    path = folder / "layers.gpkg"
    write_layer(path, "split", polygons()[["class", "geometry"]].rename(columns={"class": "split"}))
    embed_style(path, "split", styles.chip_split_qml())
    table = polygons()[["area_m2", "geometry"]].assign(change="growth", from_date=TODAY)
    write_layer(path, "change", table.assign(to_date=TODAY))
    embed_style(path, "change", styles.change_polygons_qml(changes))
    assert [row[0] for row in in_qgis("vector", f"{path}|layername=split")["legend"]] == [
        "train",
        "val",
        "test",
        "left out",
    ]
    seen = in_qgis("vector", f"{path}|layername=change")
    assert [row[:2] for row in seen["legend"]] == [["growth", "#d7191c"], ["loss", "#2c7bb6"]]
    assert seen["tips"][0] == "<b>growth</b> 12,346 m²<br>2024-03-09 to 2024-03-09"
