"""What QGIS makes of the project of a slum tracker."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from geocity.io.print_layouts import LayoutText
from geocity.io.tracker_projects import write_tracker_project
from tests.tracker_files import make_tracker_files


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
