"""Tables that tell what images do not: where they lie, and when they were taken."""

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeVar

import pandas as pd

from geocity.core.grid import Bounds
from geocity.errors import InputError
from geocity.io.image_dates import parse_date
from geocity.io.staging import PathLike

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Named:
    """The names under which a table may mean an image.

    Attributes:
        key: ``city/site/stem``.
        file: its file name.
        site: ``city/site``.
        city: the city's folder.
    """

    key: str
    file: str
    site: str
    city: str

    def all(self) -> tuple[str, ...]:
        """Return every name, the most exact first."""
        return (
            self.key,
            f"{self.site}/{self.file}",
            self.file,
            PurePosixPath(self.file).stem,
            self.site,
            self.city,
        )


def read_bounds(
    path: PathLike, images: Sequence[Named], crs: str | None
) -> list[tuple[Bounds, str] | None]:
    """Read where images lie: columns ``image``, ``west``, ``south``, ``east``, ``north``, ``crs``.

    Args:
        path: a CSV file.
        images: names of the images.
        crs: of rows that do not name one, e.g. ``EPSG:32643``.

    Returns:
        For every image its bounds and CRS, or None.

    Raises:
        InputError: if a column is missing, a row means no image, or a box is empty.
    """

    def bounds(row: pd.Series) -> tuple[Bounds, str]:
        west, south, east, north = (float(row[c]) for c in ("west", "south", "east", "north"))
        own = str(row.get("crs") or "") or crs
        if not own:
            raise InputError(
                f"{path} gives bounds without saying in which CRS; add a column crs (EPSG:…) or "
                "name one for all (--crs)."
            )
        if not (west < east and south < north):
            raise InputError(
                f"{path} gives {row['image']} bounds that hold nothing (west {west}, south {south},"
                f" east {east}, north {north}); west must be below east, south below north."
            )
        return (west, south, east, north), own

    return _joined(path, images, ("image", "west", "south", "east", "north"), bounds)


def read_dates(path: PathLike, images: Sequence[Named]) -> list[datetime.date | None]:
    """Read when images were taken: columns ``image`` and ``date``.

    The first column may name an image, a site (``city/site``) or a city; the most exact counts.

    Raises:
        InputError: if a column is missing, a row means nothing, or a date cannot be read.
    """

    def date(row: pd.Series) -> datetime.date:
        found = date_of_text(str(row["date"]))
        if found is None:
            raise InputError(
                f"{path} gives {row['image']} the date {row['date']!r}; write it as 2018-05-21, "
                "2018-05 or 2018."
            )
        return found

    return _joined(path, images, ("image", "date"), date)


def date_of_text(text: str) -> datetime.date | None:
    """Read a date; a month or a year stands for its first day.

    Example:
        >>> date_of_text("2018"), date_of_text("2018-05"), date_of_text("summer")
        (datetime.date(2018, 1, 1), datetime.date(2018, 5, 1), None)
    """
    text = text.strip()
    whole = parse_date(text)
    if whole is not None:
        return whole
    parts = text.replace("_", "-").split("-")
    try:
        if len(parts) <= 2 and len(parts[0]) == 4 and text[:2] in ("19", "20"):
            return datetime.date(int(parts[0]), int(parts[1]) if len(parts) == 2 else 1, 1)
    except ValueError:
        return None
    return None


def _joined(
    path: PathLike,
    images: Sequence[Named],
    columns: Sequence[str],
    convert: Callable[[pd.Series], Value],
) -> list[Value | None]:
    """Read a table and give every image the row that names it most exactly."""
    if not Path(path).exists():
        raise InputError(f"{path} does not exist; check the name and the folder.")
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (ValueError, OSError) as error:
        raise InputError(f"{path} cannot be read as a CSV table ({error}).") from error
    missing = [column for column in columns if column not in table]
    if missing:
        raise InputError(
            f"{path} has the columns {', '.join(map(str, table))}; missing is {', '.join(missing)}."
        )
    try:
        values = {str(row["image"]): convert(row) for _, row in table.iterrows()}
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} holds what is no number ({error}).") from error
    known = {name for image in images for name in image.all()}
    unknown = [name for name in values if name not in known]
    if unknown:
        raise InputError(
            f"{path} names {unknown[0]!r}, which is no image, site or city here"
            + (f", and {len(unknown) - 1} more" if len(unknown) > 1 else "")
            + f"; write it as {images[0].key!r} or {images[0].file!r}."
        )
    return [
        next((values[name] for name in image.all() if name in values), None) for image in images
    ]
