"""A change in real QGIS: valid for GDAL, drawn by kind and by what became of settlements."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from geocity.tools.change import change
from tests.tools.test_change import blown, write_classes


def test_change_opens_styled(
    tmp_path: Path, in_qgis: Callable[..., Any], validate_gpkg: Callable[[Path], None]
) -> None:
    maps = [
        write_classes(tmp_path / f"20{n}0-01-01.tif", blown(n), f"20{n}0-01-01") for n in (1, 2)
    ]
    result = change(maps, out=tmp_path / "change.gpkg")
    validate_gpkg(result.out)
    growth = in_qgis("vector", f"{result.out}|layername=growth")
    assert [row[:2] for row in growth["legend"]] == [["growth", "#d7191c"]]
    assert growth["start_field"] == "to_date"
    settlements = in_qgis("vector", f"{result.out}|layername=settlements")
    assert [row[0] for row in settlements["legend"]][:3] == ["first", "kept", "new"]
    assert settlements["aliases"]["change_m2"] == "Change (m²)"
    assert settlements["start_field"] == "date"
    assert settlements["history"][-1].startswith("change: 2010-01-01.tif (2010-01-01)")
    assert "</b> first, 2010-01-01<br>" in settlements["tips"][0]
    raster = in_qgis("raster", result.rasters[0])
    assert [row[0] for row in raster["legend"]] == ["background", "persistent", "growth", "loss"]
