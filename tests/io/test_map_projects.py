import datetime
from pathlib import Path

import pytest

from geocity.io.map_projects import file_label, labels, periods

D15, D25 = datetime.date(2015, 2, 14), datetime.date(2025, 2, 9)


@pytest.mark.parametrize(
    ("scenes", "expected"),
    [
        ([("a.tif", D15), ("b.tif", D25)], ["2015", "2025"]),
        (
            [("a.tif", D15), ("b.tif", datetime.date(2015, 3, 1)), ("c.tif", D25)],
            ["2015-02-14", "2015-03-01", "2025-02-09"],
        ),
        ([("a.tif", D15), ("b.tif", D15)], ["a", "b"]),
        ([("a.tif", None), ("b.tif", D15)], ["a", "b"]),
        ([("x/a.tif", None), ("y/a.tif", None), ("b.tif", None)], ["a (1)", "a (2)", "b"]),
        ([("only.tif", None)], ["only"]),
    ],
)
def test_labels(scenes: list[tuple[str, datetime.date | None]], expected: list[str]) -> None:
    assert labels([(Path(name), date) for name, date in scenes]) == expected


@pytest.mark.parametrize(
    ("label", "expected"),
    [("2015-02-14", "2015_02_14"), ("Dharavi é b", "Dharavi_b"), ("धारावी", "scene"), ("a", "a")],
)
def test_file_labels_are_plain(label: str, expected: str) -> None:
    assert file_label(label) == expected


def test_a_map_holds_until_the_next() -> None:
    found = periods([D25, None, D15, D15])
    assert found == [
        (D25, datetime.date(2026, 2, 8)),
        None,
        (D15, datetime.date(2025, 2, 8)),
        (D15, datetime.date(2025, 2, 8)),
    ]
