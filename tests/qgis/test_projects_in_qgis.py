"""What QGIS itself makes of a project."""

import datetime
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import rasterio
from affine import Affine
from pyproj import CRS
from rasterio.errors import NotGeoreferencedWarning
from shapely import box

from geocity.core.classes import ClassTable
from geocity.core.grid import Grid
from geocity.io import styles
from geocity.io.class_raster_sinks import create_class_raster
from geocity.io.print_layouts import LayoutText
from geocity.io.projects import ProjectLayer, write_project

SLUMS = ClassTable.named(["background", "slum"])
PERIOD = (datetime.date(2024, 3, 9), datetime.date(2025, 3, 8))


def make_project(folder: Path, crs: CRS, pixel: float = 0.8) -> Path:
    grid = Grid(crs, Affine(pixel, 0, 270000, 0, -pixel, 2110000), (200, 300))
    folder.mkdir(parents=True)
    values = np.zeros(grid.shape, dtype="uint8")
    values[50:150, 50:150] = 1
    with create_class_raster(folder / "classes_2024.tif", grid, SLUMS) as sink:
        sink.write(values, grid.window)
    with rasterio.open(
        folder / "scene.tif",
        "w",
        driver="GTiff",
        width=300,
        height=200,
        count=3,
        dtype="uint8",
        crs=crs.to_wkt(),
        transform=grid.transform,
    ) as scene:
        scene.write(np.full((3, 200, 300), 90, dtype="uint8"))
    outline = box(*grid[grid.window].bounds).buffer(-10 * pixel)
    table = geopandas.GeoDataFrame({"class_id": [1]}, geometry=[outline], crs=crs)
    table.to_file(
        folder / "slums.gpkg",
        layer="slums_2024",
        engine="pyogrio",
        dataset_options={"VERSION": "1.2"},
    )
    qml = styles.slum_polygons_qml(
        ClassTable(SLUMS.classes[1:]), with_probability=False, date_field=None
    )
    place = {"crs": crs, "bounds": grid.bounds, "period": PERIOD}
    layers = [
        ProjectLayer(
            folder / "slums.gpkg",
            "Slums 2024",
            "Polygons",
            "vector",
            qml=qml,
            layer="slums_2024",
            **place,
        ),
        ProjectLayer(
            folder / "classes_2024.tif",
            "Classes 2024",
            "Class maps",
            "raster",
            qml=styles.class_raster_qml(SLUMS, see_through_background=True),
            visible=False,
            **place,
        ),
        ProjectLayer(
            folder / "scene.tif",
            "Scene",
            "Imagery",
            "raster",
            qml=styles.imagery_qml((1, 2, 3), [(0, 255)] * 3),
            in_legend=False,
            **place,
        ),
    ]
    text = LayoutText("Slums of Čelákovice <2024>", "9 March 2024", "Sources & method")
    return write_project(folder / "map.qgz", layers, text)


def test_every_layer_opens_after_the_folder_is_moved(
    tmp_path: Path, in_qgis: Callable[..., Any]
) -> None:
    made = make_project(tmp_path / "first place", CRS.from_epsg(32643))
    moved = made.parent.rename(tmp_path / "déplacé ici")
    before = sorted(p.name for p in moved.iterdir())
    seen = in_qgis("project", moved / "map.qgz")
    assert seen["read"]
    assert seen["title"] == "Slums of Čelákovice <2024>"
    assert seen["crs"] == "EPSG:32643"
    assert seen["view_crs"] == "EPSG:32643"
    assert seen["view"] == [270000, 2109840, 270240, 2110000]
    assert seen["tree"] == [
        ["Polygons", True, [["Slums 2024", True]]],
        ["Class maps", True, [["Classes 2024", False]]],
        ["Imagery", True, [["Scene", True]]],
    ]
    assert [layer["valid"] for layer in seen["layers"]] == [True] * 3
    assert [layer["renderer"] for layer in seen["layers"]] == [
        "categorizedSymbol",
        "paletted",
        "multibandcolor",
    ]
    assert all(layer["temporal"] for layer in seen["layers"])
    assert {tuple(layer["period"]) for layer in seen["layers"]} == {("2024-03-09", "2025-03-08")}
    assert seen["period"] == ["2024-03-09", "2025-03-08"]
    assert seen["absolute_paths"] == 0
    assert all(str(moved) in layer["source"] for layer in seen["layers"])
    assert sorted(p.name for p in moved.iterdir()) == before


def test_a_crs_without_a_code_is_kept(tmp_path: Path, in_qgis: Callable[..., Any]) -> None:
    crs = CRS.from_proj4("+proj=laea +lat_0=19 +lon_0=73 +units=m +datum=WGS84")
    made = make_project(tmp_path / "place", crs)
    seen = in_qgis("project", made)
    assert [layer["valid"] for layer in seen["layers"]] == [True] * 3
    operation = CRS.from_wkt(seen["wkt"]).coordinate_operation
    assert operation is not None
    assert operation.method_name == "Lambert Azimuthal Equal Area"
    assert {p.name: p.value for p in operation.params}["Longitude of natural origin"] == 73


def test_the_print_page_and_the_map_are_drawn(tmp_path: Path, in_qgis: Callable[..., Any]) -> None:
    made = make_project(tmp_path / "place", CRS.from_epsg(32643))
    page, picture = tmp_path / "page.png", tmp_path / "map.png"
    done = in_qgis("layout", made, page, 50)
    assert done["result"] == 0
    assert {i.removeprefix("QgsLayoutItem") for i in done["items"]} == {
        "Label",
        "Legend",
        "Map",
        "Page",
        "Picture",
        "ScaleBar",
    }
    assert done["texts"] == ["Slums of Čelákovice <2024>", "9 March 2024", "Sources & method"]
    assert done["legend"] == ["Slums 2024"]
    drawn = in_qgis("render", made, picture, 300, 200)
    assert drawn == {"layers": ["Slums 2024", "Scene"], "errors": []}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(picture) as image:
            red, green, blue = image.read([1, 2, 3])
    assert tuple(int(c[1, 1]) for c in (red, green, blue)) == (90, 90, 90)
    middle = tuple(int(c[100, 150]) for c in (red, green, blue))
    share = 90 / 255
    expected = [90 + share * (c - 90) for c in (230, 0, 77)]
    assert np.allclose(middle, expected, atol=3)
