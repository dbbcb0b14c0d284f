"""Where things are, as QGIS writes it: coordinate systems and extents."""

from xml.etree.ElementTree import Element

from pyproj import CRS

from geocity.core.grid import Bounds
from geocity.io.markup import node


def crs_element(crs: CRS) -> Element:
    """Return a `<spatialrefsys>`; the WKT is what counts, the code is for people."""
    authority = crs.to_authority()
    name, code = authority if authority is not None else ("", "")
    return node(
        "spatialrefsys",
        None,
        node("wkt", text=crs.to_wkt("WKT2_2019")),
        node("srid", text=code if name == "EPSG" else "0"),
        node("authid", text=f"{name}:{code}" if authority is not None else ""),
        node("description", text=crs.name),
        node("geographicflag", text="true" if crs.is_geographic else "false"),
    )


def corners(bounds: Bounds) -> dict[str, object]:
    """Return bounds as attributes xmin, ymin, xmax, ymax, with nothing rounded."""
    names = ("xmin", "ymin", "xmax", "ymax")
    return {name: repr(float(v)) for name, v in zip(names, bounds, strict=True)}


def extent_element(bounds: Bounds) -> Element:
    """Return bounds as `<extent>`."""
    return node("extent", None, *(node(k, text=str(v)) for k, v in corners(bounds).items()))
