import csv

import pytest

from geocity.io.csv_tables import write_csv


def read(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_rows_come_back_in_spreadsheets_too(tmp_path):
    path = tmp_path / "t.csv"
    write_csv(
        path, ({"ward": name, "share": share} for name, share in [("Å, β", 1 / 3), ("B", None)])
    )
    assert path.read_bytes().startswith(b"\xef\xbb\xbfward,share\r\n")
    assert read(path) == [
        {"ward": "Å, β", "share": "0.3333333333"},
        {"ward": "B", "share": ""},
    ]


def test_all_digits_and_other_columns(tmp_path):
    path = tmp_path / "t.csv"
    write_csv(path, [{"b": 1 / 3}], ["a", "b"], digits=None)
    assert read(path) == [{"a": "", "b": repr(1 / 3)}]


def test_a_table_of_nothing(tmp_path):
    path = tmp_path / "t.csv"
    write_csv(path, [])
    assert path.read_text(encoding="utf-8-sig") == "nothing\n"
    write_csv(path, [], ["chip"])
    assert path.read_text(encoding="utf-8-sig") == "chip\n"


def test_rows_that_differ_are_refused(tmp_path):
    with pytest.raises(ValueError, match="fields not in fieldnames"):
        write_csv(tmp_path / "t.csv", [{"a": 1}, {"b": 2}])
