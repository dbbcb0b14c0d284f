"""When an image was taken: the day in tags, in fields and in names of files and layers."""

import contextlib
import datetime
import logging
import re
from collections.abc import Mapping
from typing import Any

logger = logging.getLogger(__name__)

DATE_FIELD = "date"
"""The field of a layer that holds the day of the image."""

_DATE = re.compile(r"(?<!\d)((?:19|20)\d\d)[-:_]?([01]\d)[-:_]?([0-3]\d)(?!\d)")
_YEAR = re.compile(r"(?<!\d)((?:19|20)\d\d)(?!\d)")


def parse_date(text: str) -> datetime.date | None:
    """Find a date such as 2014-03-15, 20140315 or 2014:03:15 in a text.

    Example:
        >>> parse_date("wv3_20140315_ortho.tif")
        datetime.date(2014, 3, 15)
    """
    for match in _DATE.finditer(text):
        with contextlib.suppress(ValueError):
            return datetime.date(*(int(part) for part in match.groups()))
    return None


def year_in(name: str) -> int | None:
    """Return the year in a name, where there is one.

    Example:
        >>> year_in("ind_ppp_2020_UNadj.tif")
        2020
    """
    found = _YEAR.search(name)
    return int(found[1]) if found else None


def date_in_tags(tags: Mapping[str, str]) -> datetime.date | None:
    """Return the day that the tags of a raster tell, or None."""
    texts = (tags.get("ACQUISITION_DATE", ""), tags.get("TIFFTAG_DATETIME", ""))
    return next((day for day in map(parse_date, texts) if day), None)


def date_in_value(value: Any) -> datetime.date | None:
    """Return the day that a value of a field means: a date, a time or a text; None for others."""
    if isinstance(value, datetime.date) and value == value:  # pandas' NaT is a date and not itself
        return datetime.date(value.year, value.month, value.day)
    return parse_date(str(value))


def date_in_names(*names: str) -> datetime.date | None:
    """Return the day in the first name that tells one, else the first of January of a year.

    The log says where a year had to do.
    """
    for name in names:
        if day := parse_date(name):
            return day
    for name in names:
        if year := year_in(name):
            found = datetime.date(year, 1, 1)
            logger.warning(
                "%s says a year and no day; it is taken as %s. Give the day of the image (--date).",
                name,
                found,
            )
            return found
    return None
