"""Where on Earth chips lie."""

from collections.abc import Sequence
from typing import Any

import geopandas
import rasterio
import shapely
from rasterio.errors import RasterioError

from geocity.io.chips import Chip

_WGS84 = "EPSG:4326"
# Corners 1e-6 degrees (a decimetre) apart are one; nobody needs the seams between chips.
_TOLERANCE_DEG = 1e-6


def chip_footprint(chips: Sequence[Chip]) -> dict[str, Any] | None:
    """Return the area that chips cover as a GeoJSON geometry in WGS 84.

    Args:
        chips: of a chip folder.

    Returns:
        A Polygon or MultiPolygon, or None where no chip says where it lies.
    """
    outlines: dict[str, list[shapely.Polygon]] = {}
    for chip in chips:
        outline = _outline(chip)
        if outline is not None:
            crs, polygon = outline
            outlines.setdefault(crs, []).append(polygon)
    if not outlines:
        return None
    parts = [
        geopandas.GeoSeries([shapely.union_all(polygons)], crs=crs).to_crs(_WGS84).iloc[0]
        for crs, polygons in outlines.items()
    ]
    whole = shapely.union_all(parts).simplify(_TOLERANCE_DEG)
    whole = shapely.set_precision(whole, _TOLERANCE_DEG / 10)
    geometry: dict[str, Any] = shapely.geometry.mapping(whole)
    return {"type": geometry["type"], "coordinates": _lists(geometry["coordinates"])}


def _outline(chip: Chip) -> tuple[str, shapely.Polygon] | None:
    try:
        with rasterio.open(chip.image) as source:
            if source.crs is None:
                return None
            corners = [(0, 0), (source.width, 0), (source.width, source.height), (0, source.height)]
            polygon = shapely.Polygon([source.transform @ corner for corner in corners])
            return source.crs.to_wkt(), polygon
    except RasterioError:
        # An unreadable chip is refused where its pixels are read, with a sentence.
        return None


def _lists(coordinates: Any) -> Any:
    """Turn nested tuples into lists, as JSON gives them back."""
    if isinstance(coordinates, tuple | list):
        return [_lists(item) for item in coordinates]
    return coordinates
