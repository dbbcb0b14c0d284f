"""What cannot be used as a map layer is refused here, in one sentence."""

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyogrio
import pyproj
import shapely.errors
from fiona._err import CPLE_BaseError as FionaFault  # what GDAL raises where fiona does not see it
from fiona.errors import FionaError

from geocity.errors import InputError, MissingCRSError
from geocity.io.remote import explained, is_remote
from geocity.io.staging import PathLike

READ_ERRORS = (
    *(FionaError, FionaFault, pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError),
    *(pyogrio.errors.FeatureError, pyogrio.errors.CRSError, shapely.errors.ShapelyError),
    UnicodeDecodeError,
    *(UnboundLocalError, SystemError),  # slips of these libraries over a damaged header
)
"""What fiona and pyogrio may raise over a damaged layer."""

TABLE_ERRORS = (
    *(ValueError, OSError, KeyError, TypeError, NotImplementedError),
    *(shapely.errors.ShapelyError, pyproj.exceptions.ProjError, pa.ArrowException),
)
"""What may be raised over damaged GeoParquet."""

_SPARE_DEGREES = 0.01  # what is cut at a pole may reach a hair beyond


def refuse_missing(path: PathLike) -> None:
    """Refuse a file that is not there, or that a copy cut short without anyone noticing."""
    name = str(path)
    if name.startswith("/vsi") or is_remote(name):
        return
    if not Path(path).exists():
        raise InputError(f"{path} does not exist; check the name and the folder.")
    if Path(path).suffix.lower() == ".shp":
        _refuse_maimed_shapefile(Path(path))


def _refuse_maimed_shapefile(path: Path) -> None:
    if not path.with_suffix(".shx").exists() and not path.with_suffix(".SHX").exists():
        raise InputError(
            f"{path} has no .shx file beside it; a shapefile is several files (.shp, .shx, .dbf, "
            ".prj), so get all of them."
        )
    header = path.open("rb").read(28) if path.is_file() else b""
    # ESRI's format says how long the file is, in words of two bytes; OGR reads what is there.
    claimed = 2 * int.from_bytes(header[24:28], "big")
    if path.is_file() and path.stat().st_size < claimed:
        raise InputError(
            f"{path} is cut short: it has {path.stat().st_size} of {claimed} bytes and cannot be "
            "read to its end; copy or download it again."
        )


def refuse_no_crs(path: PathLike, crs: object) -> None:
    """Refuse a layer that does not say where on Earth it lies."""
    if crs is None or crs == "":
        if Path(path).suffix.lower() == ".shp" and not Path(path).with_suffix(".prj").exists():
            raise MissingCRSError(
                f"{path} has no .prj file beside it, so nobody knows where it lies; get the "
                "missing file, or assign the right CRS (Assign Projection in QGIS)."
            )
        raise MissingCRSError(
            f"{path} has no coordinate reference system; assign the right one first "
            "(Assign Projection in QGIS)."
        )
    found = pyproj.CRS.from_user_input(crs)
    if found.geodetic_crs is None:
        raise MissingCRSError(
            f"{path} is in local coordinates ({found.name}) that lie nowhere on Earth; "
            "georeference it, or assign the right CRS (Assign Projection in QGIS)."
        )


def refuse_no_degrees(path: PathLike, bounds: Any, crs: object) -> None:
    """Refuse a layer that says degrees and holds metres."""
    found = pyproj.CRS.from_user_input(crs)
    if not found.is_geographic:
        return
    factor = math.degrees(found.axis_info[0].unit_conversion_factor)
    left, bottom, right, top = (float(edge) * factor for edge in bounds)
    if max(-bottom, top) > 90 + _SPARE_DEGREES or max(-left, right) > 540:
        raise InputError(
            f"{path} says that it is in {crs_name(found)}, but its coordinates do not fit its CRS "
            f"({left:.6g}, {bottom:.6g} to {right:.6g}, {top:.6g} are no degrees on Earth); assign "
            "the right one."
        )


def refuse_lost_places(path: PathLike, bounds: Any, own: pyproj.CRS, crs: pyproj.CRS) -> None:
    """Refuse outlines that have no place in the CRS that they were turned into."""
    if not np.isfinite(bounds).all():
        raise InputError(
            f"{path} cannot be reprojected from {crs_name(own)} to {crs_name(crs)}: its "
            "coordinates do not fit its CRS; assign the right one."
        )


def unreadable(path: PathLike, error: BaseException) -> InputError:
    """Return the refusal of a file that no driver can read."""
    lines = str(error).strip().splitlines() or [repr(error)]
    # Without OGR's advice to programmers, and without its questions to SQLite.
    found = lines[0].split(".; ")[0].rstrip(".")
    found = re.sub(r"^sqlite3_\w+\(.*?\) failed: ", "", found)
    return InputError(
        f"{path} cannot be read as a map layer: {explained(found)}; is it complete, and a "
        "format that OGR reads?"
    )


def crs_name(crs: pyproj.CRS) -> str:
    """Return what people call a CRS, e.g. EPSG:4326."""
    authority = crs.to_authority()
    return ":".join(authority) if authority else str(crs.name)
