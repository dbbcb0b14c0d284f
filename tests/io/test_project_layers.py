import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import geopandas
import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS
from rasterio.enums import ColorInterp
from shapely import box

from geocity.core.classes import ClassTable
from geocity.core.grid import Grid
from geocity.errors import InputError, MissingCRSError
from geocity.io import project_layers, styles
from geocity.io.class_raster_sinks import create_class_raster, create_probability_raster
from geocity.io.geopackage_styles import embed_style
from geocity.io.print_layouts import LayoutText
from geocity.io.projects import project_document

GRID = Grid(CRS.from_epsg(32643), Affine(1, 0, 270000, 0, -1, 2110000), (40, 60))
SLUMS = ClassTable.named(["background", "slum"])
PERIOD = (datetime.date(2024, 1, 1), datetime.date(2024, 12, 31))
RGB = [ColorInterp.red, ColorInterp.green, ColorInterp.blue]


def write_scene(
    path: Path,
    pixels: NDArray[Any],
    colors: Sequence[ColorInterp] | None = None,
    mask: NDArray[np.bool_] | None = None,
    **profile: object,
) -> Path:
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(
            path,
            "w",
            driver="GTiff",
            count=len(pixels),
            height=pixels.shape[1],
            width=pixels.shape[2],
            dtype=pixels.dtype,
            crs="EPSG:32643",
            transform=GRID.transform,
            # GDAL would take any fourth band for alpha.
            alpha="yes" if colors and ColorInterp.alpha in colors else "unspecified",
            **profile,
        ) as raster,
    ):
        raster.write(pixels)
        if colors is not None:
            raster.colorinterp = colors
        if mask is not None:
            raster.write_mask(mask)
    return path


def renderer(qml: str) -> Element:
    found = ElementTree.fromstring(qml).find("pipe/rasterrenderer")
    assert found is not None
    return found


def bands(element: Element) -> list[str | None]:
    return [element.get(key) for key in ("redBand", "greenBand", "blueBand", "alphaBand")]


@pytest.mark.parametrize(
    ("colors", "expected"),
    [
        ([*RGB], ["1", "2", "3", "-1"]),
        ([*RGB, ColorInterp.alpha], ["1", "2", "3", "4"]),
        ([*RGB, ColorInterp.undefined], ["1", "2", "3", "-1"]),
        ([ColorInterp.undefined, *reversed(RGB)], ["4", "3", "2", "-1"]),
        ([ColorInterp.gray] + [ColorInterp.undefined] * 4, ["1", "2", "3", "-1"]),
    ],
)
def test_natural_colours(tmp_path: Path, colors: list[ColorInterp], expected: list[str]) -> None:
    path = write_scene(
        tmp_path / "scene.tif", np.ones((len(colors), 40, 60), dtype="uint8"), colors
    )
    layer = project_layers.imagery_layer(path, "Scene", period=PERIOD, visible=False)
    assert bands(renderer(layer.qml)) == expected
    assert (layer.group, layer.kind, layer.period) == ("Imagery", "raster", PERIOD)
    assert not layer.visible
    assert not layer.in_legend
    assert layer.bounds == GRID.bounds


def test_a_mask_is_the_band_after_the_last(tmp_path: Path) -> None:
    mask = np.zeros((40, 60), dtype=bool)
    path = write_scene(tmp_path / "s.tif", np.ones((3, 40, 60), dtype="uint8"), RGB, mask)
    assert bands(renderer(project_layers.imagery_layer(path, "s").qml)) == ["1", "2", "3", "4"]


def test_uint8_is_shown_as_it_is_and_uint16_stretched(tmp_path: Path) -> None:
    dark = np.full((3, 40, 60), 20, dtype="uint8")
    plain = renderer(project_layers.imagery_layer(write_scene(tmp_path / "a.tif", dark), "a").qml)
    assert [e.text for e in plain.iter("minValue")] == ["0"] * 3
    assert [e.text for e in plain.iter("maxValue")] == ["255"] * 3
    ramp = np.broadcast_to(np.linspace(1000, 3000, 60), (3, 40, 60)).astype("uint16").copy()
    ramp[1] += 500
    ramp[:, :10] = 0
    path = write_scene(tmp_path / "b.tif", ramp, nodata=0)
    stretched = renderer(project_layers.imagery_layer(path, "b").qml)
    lows = [float(e.text or "") for e in stretched.iter("minValue")]
    highs = [float(e.text or "") for e in stretched.iter("maxValue")]
    valid = ramp[:, 10:].reshape(3, -1)
    assert lows == pytest.approx(np.percentile(valid, 2, axis=1), rel=1e-4)
    assert highs == pytest.approx(np.percentile(valid, 98, axis=1), rel=1e-4)


def test_one_band_is_grey(tmp_path: Path) -> None:
    flat = np.full((1, 40, 60), 7.5, dtype="float32")
    path = write_scene(tmp_path / "pan.tif", flat)
    grey = renderer(project_layers.imagery_layer(path, "pan").qml)
    assert grey.get("type") == "singlebandgray"
    assert grey.get("grayBand") == "1"


def test_a_scene_without_a_valid_pixel(tmp_path: Path) -> None:
    path = write_scene(tmp_path / "s.tif", np.zeros((3, 40, 60), dtype="uint16"), nodata=0)
    limits = renderer(project_layers.imagery_layer(path, "s").qml)
    assert [e.text for e in limits.iter("maxValue")] == ["1"] * 3


def test_class_and_probability_rasters(tmp_path: Path) -> None:
    with create_class_raster(tmp_path / "classes.tif", GRID, SLUMS) as sink:
        sink.write(np.ones(GRID.shape, dtype="uint8"), GRID.window)
    with create_probability_raster(tmp_path / "p.tif", GRID, ["slum"]) as sink_p:
        sink_p.write(np.ones((1, *GRID.shape), dtype="float32"), GRID.window)
    classes = project_layers.class_raster_layer(tmp_path / "classes.tif", "Classes")
    entries = ElementTree.fromstring(classes.qml).findall(".//paletteEntry")
    assert [(e.get("label"), e.get("alpha")) for e in entries] == [
        ("background", "0"),
        ("slum", "255"),
    ]
    probability = project_layers.probability_layer(tmp_path / "p.tif", "Probability")
    assert "p(slum)" in probability.qml
    assert (classes.group, probability.group) == ("Class maps", "Probability")
    with pytest.raises(InputError):
        project_layers.class_raster_layer(tmp_path / "none.tif", "x")


def write_polygons(path: Path, count: int, **more: object) -> Path:
    table = geopandas.GeoDataFrame(
        {"class_id": np.ones(count, dtype="int32")},
        geometry=[box(i, 0, i + 1, 1) for i in range(count)],
        **{"crs": "EPSG:32643", **more},
    )
    table.to_file(path, layer="slums", engine="pyogrio", geometry_type="Polygon")
    return path


def test_polygons_bring_their_style(tmp_path: Path) -> None:
    path = write_polygons(tmp_path / "slums.gpkg", 3)
    with pytest.raises(InputError, match="carries no style"):
        project_layers.polygon_layer(path, "slums", "Slums")
    with pytest.raises(InputError, match="no layer 'other'"):
        project_layers.polygon_layer(path, "other", "Slums")
    qml = styles.slum_polygons_qml(SLUMS, with_probability=False, date_field=None)
    embed_style(path, "slums", qml)
    layer = project_layers.polygon_layer(path, "slums", "Slums")
    assert layer.qml == qml
    assert layer.bounds == (0, 0, 3, 1)
    assert layer.layer == "slums"


def test_a_map_without_slums_is_still_a_map(tmp_path: Path) -> None:
    path = write_polygons(tmp_path / "slums.gpkg", 0)
    embed_style(
        path, "slums", styles.slum_polygons_qml(SLUMS, with_probability=False, date_field=None)
    )
    empty = project_layers.polygon_layer(path, "slums", "Slums")
    assert empty.bounds is None
    scene = write_scene(tmp_path / "s.tif", np.ones((3, 40, 60), dtype="uint8"))
    layers = [empty, project_layers.imagery_layer(scene, "s")]
    root = ElementTree.fromstring(project_document(layers, LayoutText("t"), folder=tmp_path))
    view = root.find("ProjectViewSettings/DefaultViewExtent")
    assert view is not None
    assert float(view.get("xmin", "")) == GRID.bounds[0]
    with pytest.raises(InputError, match="at least one layer"):
        project_document([empty], LayoutText("t"), folder=tmp_path)


@pytest.mark.filterwarnings("ignore:.*crs.*:UserWarning")
def test_polygons_without_a_crs_are_refused(tmp_path: Path) -> None:
    path = write_polygons(tmp_path / "slums.gpkg", 1, crs=None)
    with pytest.raises(MissingCRSError):
        project_layers.polygon_layer(path, "slums", "Slums")
