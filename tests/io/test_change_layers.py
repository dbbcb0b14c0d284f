"""The GeoPackage and the figures of a change, from features at hand."""

import datetime
import json
import sqlite3

import geopandas
import numpy as np
import pyogrio
import pytest
import shapely

from geocity.core.change_matrix import ChangeMatrix
from geocity.errors import OutputExistsError
from geocity.io.change_batches import change_batch, common_area_batch
from geocity.io.change_layers import (
    ChangeLayers,
    ChangePair,
    settlement_id,
    write_change,
    write_report,
)
from tests.conftest import UTM43

DAYS = datetime.date(2015, 2, 14), datetime.date(2025, 2, 9)


@pytest.fixture
def pair():
    matrix = ChangeMatrix(("background", "slum"), np.array([[70.0, 20.0], [0.0, 10.0]]))
    return ChangePair(*DAYS, "slum", matrix, 19.0, 0.0, 1.0, 0.0, {"crs": "EPSG:32643"}, (0.5, 1))


@pytest.fixture
def layers(pair):
    box = np.array([shapely.box(0, 0, 4, 5)], dtype=object)
    growth = change_batch("growth", box, np.array([19.0]), DAYS, (np.array([0]), np.array([12])))
    batches = {name: [] for name in ("loss", "persistent", "settlements")}
    common = common_area_batch(shapely.MultiPolygon(box.tolist()), DAYS, 100.0)
    batches |= {"growth": [growth], "common_area": [common]}
    return ChangeLayers(UTM43, batches, [pair], True, ("change: a, b",))


def test_layers_and_table(tmp_path, layers):
    path = write_change(tmp_path / "change.gpkg", layers)
    growth = geopandas.read_file(path, layer="growth")
    row = growth.iloc[0]
    assert (row.change, row.id_after, row.area_m2) == ("growth", "S0012", 19)
    assert not isinstance(row.id_before, str)
    assert (row.from_date.date(), row.to_date.date()) == DAYS
    assert pyogrio.read_info(path, layer="growth")["dtypes"][1] == "datetime64[D]"
    assert pyogrio.read_info(path, layer="settlements")["features"] == 0
    assert "n_px" in pyogrio.read_info(path, layer="settlements")["fields"]
    assert geopandas.read_file(path, layer="common_area").geom_type.tolist() == ["MultiPolygon"]
    matrix = pyogrio.read_dataframe(path, layer="matrix", read_geometry=False)
    assert matrix.iloc[1].tolist()[2:] == ["background", "slum", 20]
    with sqlite3.connect(path) as database:
        kinds = dict(database.execute("SELECT table_name, data_type FROM gpkg_contents"))
    assert kinds["matrix"] == "attributes"
    with pytest.raises(OutputExistsError):
        write_change(path, layers)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["change.gpkg"]


def test_the_same_features_give_the_same_bytes(tmp_path, layers):
    one = write_change(tmp_path / "one.gpkg", layers)
    two = write_change(tmp_path / "two.gpkg", layers)
    with sqlite3.connect(one) as first, sqlite3.connect(two) as second:
        table = "SELECT * FROM {}"
        for name in ("growth", "matrix", "layer_styles", "gpkg_metadata"):
            rows = [list(d.execute(table.format(name))) for d in (first, second)]
            assert rows[0] == rows[1]


def test_report(tmp_path, pair):
    path = write_report(tmp_path / "change.json", [pair], {"tolerance_m": 2.0})
    told = json.loads(path.read_text())
    assert told["dates"] == ["2015-02-14", "2025-02-09"]
    assert told["tolerance_m"] == 2
    (entry,) = told["pairs"]
    assert (entry["common_area_m2"], entry["before_m2"], entry["after_m2"]) == (100, 10, 30)
    assert (entry["growth_m2"], entry["absorbed_m2"], entry["persistent_m2"]) == (19, 1, 10)
    assert (entry["shift_m"], entry["shift_score"]) == ([0.5, 1], None)
    assert entry["matrix"][1] == {"from_class": "background", "to_class": "slum", "area_m2": 20}


def test_identities_sort_as_text():
    assert [settlement_id(n) for n in (1, 999, 12345)] == ["S0001", "S0999", "S12345"]
