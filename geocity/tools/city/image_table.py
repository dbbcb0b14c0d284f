"""From images as they were found to the table of a city folder."""

import datetime
import logging
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyproj
from affine import Affine

from geocity.core.cities.ground_units import ground_units, overlapping_pairs
from geocity.core.grid import Bounds, Grid
from geocity.errors import InputError
from geocity.io.cities.footprints import image_footprints
from geocity.io.cities.image_scan import Finding
from geocity.io.cities.image_tables import Named, date_of_text, read_bounds, read_dates
from geocity.io.cities.manifest import IMAGE_COLUMNS, City
from geocity.io.cities.raw_folder import RawImage, city_of, unique_keys
from geocity.io.cities.site_images import ImageHeader
from geocity.io.datasets import off_earth
from geocity.io.image_dates import parse_date
from geocity.tools.city.prepare_options import PrepareOptions

logger = logging.getLogger(__name__)

_NAMED_AT_MOST = 5


def cities_of(found: Sequence[RawImage]) -> dict[str, City]:
    """Return the city of every folder, in class order: folder names sorted as texts."""
    cities = {folder: city_of(folder) for folder in sorted({image.folder for image in found})}
    codes = Counter(city.code for city in cities.values())
    # Two folders with one code stay two cities: their folders' names tell them apart.
    return {f: c if codes[c.code] == 1 else City(f, c.name) for f, c in cities.items()}


def image_table(
    found: Sequence[RawImage], findings: Sequence[Finding], options: PrepareOptions
) -> pd.DataFrame:
    """Return one row an image, see `IMAGE_COLUMNS`; paths are absolute.

    Raises:
        InputError: if a table does not fit, a date folder is no date, or two cities share ground.
    """
    folders = list(cities_of(found))
    keys = unique_keys(found)
    names = [
        Named(key, image.name, f"{image.folder}/{image.site}", image.folder)
        for key, image in zip(keys, found, strict=True)
    ]
    nothing = [None] * len(found)
    bounds = read_bounds(options.bounds, names, options.crs) if options.bounds else nothing
    dates = read_dates(options.dates, names) if options.dates else nothing
    rows = []
    for i, image in enumerate(found):
        header = findings[i].header
        row = _facts(header, findings[i].reason) | _place(header, bounds[i], options)
        row |= {
            "key": keys[i], "city": folders.index(image.folder), "site": image.site,
            "path": image.path, "date": dates[i] or _date(image, header), "unit": names[i].site,
        }  # fmt: skip
        row["broken"] = bool(row["reason"])
        rows.append(row)
    table = pd.DataFrame(rows)[list(IMAGE_COLUMNS)]
    table["date"] = pd.Series([row["date"] for row in rows], dtype=object)
    _tell(table, findings)
    table["unit"] = _units(table)
    return table


def _facts(header: ImageHeader | None, reason: str) -> dict[str, object]:
    rows, cols = header.shape if header else (0, 0)
    return {
        "rows": rows, "cols": cols, "bands": header.bands if header else 0,
        "dtype": header.dtype if header else "", "reason": reason,
    }  # fmt: skip


def _place(
    header: ImageHeader | None, told: tuple[Bounds, str] | None, options: PrepareOptions
) -> dict[str, object]:
    """Return where an image lies, by a table, its own CRS, or a world file and a CRS that is named.

    The table comes first: it was made by hand.
    """
    nan = float("nan")
    unplaced: dict[str, object] = {
        "georeferenced": False, "placed": "", "crs": "", "west": nan, "south": nan, "east": nan,
        "north": nan, "cell_size_m": options.cell_size_m,
    }  # fmt: skip
    if header is None:
        return unplaced
    rows, cols = header.shape
    if told is not None:
        (west, south, east, north), crs = told
        step = Affine((east - west) / cols, 0, west, 0, (south - north) / rows, north)
        placed = "table"
    elif header.transform is not None and (header.crs or options.crs):
        step, crs = header.transform, header.crs or str(options.crs)
        placed = "file" if header.crs else "world file"
    else:
        return unplaced
    if step.b or step.d or step.e > 0 or step.a < 0:
        return unplaced | {
            "reason": "is rotated or mirrored against its map grid; warp it to north-up (gdalwarp)"
        }
    grid = Grid(_crs(crs), step, header.shape)
    misplaced = off_earth(grid)
    if grid.crs.geodetic_crs is None:
        misplaced = f"is in local coordinates ({grid.crs.name}) that lie nowhere on Earth"
    if misplaced:
        return unplaced | {"reason": misplaced}
    west, south, east, north = grid.bounds
    return {
        "georeferenced": True, "placed": placed, "crs": _crs_name(grid.crs), "west": west,
        "south": south, "east": east, "north": north, "cell_size_m": grid.cell_size_m,
    }  # fmt: skip


def _crs(text: str) -> pyproj.CRS:
    try:
        return pyproj.CRS.from_user_input(text)
    except pyproj.exceptions.CRSError as error:
        raise InputError(
            f"{text[:60]!r} is no coordinate reference system; give one as EPSG:32643."
        ) from error


def _crs_name(crs: pyproj.CRS) -> str:
    authority = crs.to_authority(min_confidence=100)
    return ":".join(authority) if authority else str(crs.to_wkt())


def _date(image: RawImage, header: ImageHeader | None) -> datetime.date | None:
    """Return a date from the folder that stands for one, the file's tags, its name, its site."""
    if image.date:
        date = date_of_text(image.date)
        if date is None:
            raise InputError(
                f"The folder {image.date!r} of {image.path} stands for a date in this layout, but "
                "reads as none; name it 2018-05-21, 2018-05 or 2018, or choose another layout."
            )
        return date
    of_file = header.date if header else None
    return of_file or parse_date(image.name) or parse_date(image.site)


def _units(table: pd.DataFrame) -> list[str]:
    footprints = image_footprints(table)
    pairs = overlapping_pairs(footprints)
    for first, second in pairs:
        one, other = table.iloc[int(first)], table.iloc[int(second)]
        if one["city"] != other["city"]:
            raise InputError(
                f"{one['key']} and {other['key']} show the same ground but lie in the folders of "
                "two cities; a place can belong to one city only."
            )
    return ground_units(list(table["unit"]), pairs)


def _tell(table: pd.DataFrame, findings: Sequence[Finding]) -> None:
    """Say what the user should know about her images."""
    broken = table[table["broken"]]
    for row in broken.head(_NAMED_AT_MOST).itertuples():
        logger.warning("%s %s; it is left out.", row.path, row.reason)
    if len(broken) > _NAMED_AT_MOST:
        logger.warning(
            "%d images in all are left out; images.csv names them with the reason.", len(broken)
        )
    headers = [f.header for f in findings if f.header and not f.reason]
    _say([h for h in headers if h.alpha], "have an alpha band, which is left out")
    _say([h for h in headers if h.bands < 3], "are grey: red, green and blue become the same")
    _say([h for h in headers if h.bands > 3], "have more than 3 bands; the first 3 are used")
    placed = np.array([f.header is not None and f.header.transform is not None for f in findings])
    loose = int(((table["placed"] == "") & ~table["broken"] & placed).sum())
    if loose:
        logger.warning(
            "%d images have a world file but no coordinate reference system, so they have no place "
            "on the map; name it (--crs EPSG:…).",
            loose,
        )
    unplaced = table[~table["georeferenced"] & ~table["broken"]]
    if len(unplaced):
        logger.info(
            "%d of %d images have no georeference: %.4f m a pixel is taken for granted "
            "(--cell-size), and no map can be made of them.",
            len(unplaced),
            len(table),
            unplaced["cell_size_m"].iloc[0],
        )


def _say(headers: Sequence[ImageHeader], what: str) -> None:
    if headers:
        logger.info("%d images %s.", len(headers), what)
