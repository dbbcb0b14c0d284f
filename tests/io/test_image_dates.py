"""The day of an image, wherever it is told."""

import datetime

import pandas as pd
import pytest

from geocity.io.image_dates import date_in_names, date_in_tags, date_in_value, parse_date

DAY = datetime.date(2015, 2, 14)


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("2014:03:15 10:00:00", datetime.date(2014, 3, 15)),
        ("x_20040101.tif", datetime.date(2004, 1, 1)),
        ("tile_12345678.tif", None),
        ("scene_20041399", None),
        ("", None),
    ],
)
def test_dates_are_found_in_texts(text, date):
    assert parse_date(text) == date


def test_tags_of_any_program():
    assert date_in_tags({"ACQUISITION_DATE": "2015-02-14T05:30:00Z"}) == DAY
    assert date_in_tags({"TIFFTAG_DATETIME": "2015:02:14 05:30:00"}) == DAY
    assert date_in_tags({"ACQUISITION_DATE": "soon"}) is None


@pytest.mark.parametrize(
    ("value", "date"),
    [
        (DAY, DAY),
        (pd.Timestamp("2015-02-14 12:00"), DAY),
        ("14 Feb, 2015-02-14", DAY),
        (20150214, DAY),
        (pd.NaT, None),
        (None, None),
        (float("nan"), None),
        ("2015", None),
    ],
)
def test_values_of_a_field(value, date):
    assert date_in_value(value) == date


def test_a_whole_day_in_any_name_counts_before_a_year(caplog):
    assert date_in_names("slums_2014", "wv3_20150214.tif") == DAY
    assert not caplog.records
    assert date_in_names("slums", "map_2014.tif") == datetime.date(2014, 1, 1)
    assert "map_2014.tif says a year and no day" in caplog.text
    assert date_in_names("slums", "map.tif") is None
