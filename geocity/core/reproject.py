"""Outlines in another CRS: brought over so that straight edges stay where they lie."""

import geopandas
import pyproj
import shapely

from geocity.core.grid import same_crs, transformer_between

# A straight edge of this length bends by a few millimetres between any two CRS in use for cities.
_LONGEST_EDGE_M = 250.0
METRES_PER_DEGREE = 111_320.0
"""Along a meridian or the equator, about."""


def reproject_outlines(frame: geopandas.GeoDataFrame, crs: pyproj.CRS) -> geopandas.GeoDataFrame:
    """Reproject polygons, long edges split first.

    A straight edge in one CRS is a curve in another. Moving its two ends alone would shift its
    middle: by metres for an edge of ten kilometres.

    Args:
        frame: with a CRS.
        crs: the one that is wanted.

    Returns:
        A new frame; the same one where nothing changes.

    Raises:
        ValueError: if the frame has no CRS.
        MissingCRSError: if nothing leads from its CRS to the other.
    """
    source = frame.crs
    if source is None:
        raise ValueError("outlines without a CRS cannot be reprojected")
    if same_crs(source, crs):
        return frame
    transformer_between(pyproj.CRS(source), crs)  # else geopandas says it in its own words
    split = shapely.segmentize(frame.geometry.to_numpy(), longest_edge(source))
    return frame.set_geometry(geopandas.GeoSeries(split, frame.index, crs=source)).to_crs(crs)


def longest_edge(crs: pyproj.CRS) -> float:
    """Return how long an edge may be, in units of a CRS, before it is split to be reprojected."""
    unit = crs.axis_info[0].unit_conversion_factor if crs.is_projected else 0.0
    return float(_LONGEST_EDGE_M / (unit or METRES_PER_DEGREE))
