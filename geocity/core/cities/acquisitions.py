"""On which dates a city was seen: what was learnt from one date may be that date's colours."""

import datetime
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def cities_of_one_acquisition(images: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """Return the cities whose usable images are all of one date, or of no known date.

    Args:
        images: one row an image, with ``city``, ``date`` (or None) and ``broken``.
        names: of the cities, by class.
    """
    usable = images[~images["broken"]]
    dates = [_known(usable.loc[usable["city"] == city, "date"]) for city in range(len(names))]
    return [name for name, known in zip(names, dates, strict=True) if len(known) < 2]


def other_date(
    images: pd.DataFrame, trained: NDArray[np.int64], asked: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Tell which images were taken on a date that training did not see of their city.

    Args:
        images: one row an image, with ``city`` and ``date``.
        trained: rows of the images that training saw.
        asked: rows of the images in question.

    Returns:
        bool, as long as `asked`: True where the date is known and was not seen.
    """
    seen = images.iloc[trained]
    dates = {city: _known(seen.loc[seen["city"] == city, "date"]) for city in seen["city"].unique()}
    rows = images.iloc[asked]
    return np.array(
        [
            isinstance(date, datetime.date) and bool(dates.get(city)) and date not in dates[city]
            for city, date in zip(rows["city"], rows["date"], strict=True)
        ],
        bool,
    )


def _known(dates: pd.Series) -> set[datetime.date]:
    return {date for date in dates if isinstance(date, datetime.date)}
