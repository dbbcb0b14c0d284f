"""What QGIS makes of the project of a slum tracker."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas
import shapely

from geocity.io.print_layouts import LayoutText
from geocity.io.tracker_projects import Outlines, TrackerFiles, write_tracker_project
from tests.tracker_files import CRS, DATES, LEFT, TOP, make_tracker_files


def test_the_tracker_opens_whole_styled_and_dated(
    tmp_path: Path, in_qgis: Callable[..., Any]
) -> None:
    home = tmp_path / "suivi à jour"
    home.mkdir()
    text = LayoutText("Slum tracker", "2015 to 2025", "Source: made up.")
    write_tracker_project(home / "tracker.qgz", make_tracker_files(home), text)
    moved = home.rename(tmp_path / "somewhere else")
    seen = in_qgis("project", moved / "tracker.qgz")
    assert [layer["valid"] for layer in seen["layers"]] == [True] * 9
    layers = {layer["name"]: layer for layer in seen["layers"]}
    assert layers["Growth"]["legend"] == [["growth", "#d7191c", 150, "#d7191c"]]
    assert layers["Growth"]["start_field"] == "to_date"
    assert layers["Settlements"]["count"] == 5
    assert layers["Outlines 2015"]["period"] == ["2015-02-14", "2025-02-08"]
    assert layers["Wards"]["count"] == 2


def test_a_whole_city_has_a_scale_bar_in_kilometres(
    tmp_path: Path, in_qgis: Callable[..., Any]
) -> None:
    slums = tmp_path / "slums.gpkg"
    city = [shapely.box(LEFT, TOP - 40_000, LEFT + 30_000, TOP)]
    geopandas.GeoDataFrame(geometry=city, crs=CRS).to_file(slums, layer="slums")
    files = TrackerFiles([Outlines(slums, "slums", DATES[0])])
    project = write_tracker_project(tmp_path / "city.qgz", files, LayoutText("Slum tracker"))
    seen = in_qgis("layout", project, tmp_path / "page.png")
    unit, width_mm = seen["scale_bar"]
    assert unit == "kilometers"
    assert 40 < width_mm < 160
