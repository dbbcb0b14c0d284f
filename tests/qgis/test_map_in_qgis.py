"""What QGIS and GDAL make of a finished map."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from geocity.tools.classify import ClassifyOptions
from geocity.tools.map import map  # noqa: A004
from tests.tools.test_map import bright_is_slum, make_scene, model

__all__ = ["bright_is_slum", "model"]


def test_a_map_of_two_dates_opens_whole_and_styled(
    tmp_path: Path,
    model: Path,
    bright_is_slum: list[ClassifyOptions],
    in_qgis: Callable[..., Any],
    validate_gpkg: Callable[[Path], None],
) -> None:
    home = tmp_path / "à la carte"
    home.mkdir()
    scenes = [make_scene(home / f"scene_{year}-02-14.tif") for year in (2015, 2025)]
    map(scenes, model=model, out=home / "map")
    moved = home.rename(tmp_path / "somewhere else") / "map"
    validate_gpkg(moved / "slums.gpkg")
    before = sorted(p.name for p in moved.iterdir())
    seen = in_qgis("project", moved / "map.qgz")
    assert [layer["valid"] for layer in seen["layers"]] == [True] * 8
    assert {layer["crs"] for layer in seen["layers"]} == {"EPSG:32643"}
    assert seen["period"] == ["2015-02-14", "2026-02-13"]
    newest = seen["layers"][0]
    assert newest["name"] == "Outlines 2025"
    assert newest["count"] == 1
    assert newest["legend"] == [["slum", "#e6004d", 90, "#e6004d"]]
    assert newest["period"] == ["2025-02-14", "2026-02-13"]
    assert newest["aliases"]["prob_mean"] == "Mean probability"
    classes = next(layer for layer in seen["layers"] if layer["name"] == "Classes 2025")
    assert [row[0] for row in classes["legend"]] == ["background", "slum"]
    alone = in_qgis("vector", f"{moved / 'slums.gpkg'}|layername=slums_2015")
    assert alone["legend"] == newest["legend"]
    assert alone["start_field"] == "date"
    assert alone["history"]
    assert sorted(p.name for p in moved.iterdir()) == before
