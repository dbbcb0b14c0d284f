"""Layers read a slice at a time, against the same layer read whole."""

import datetime

import geopandas
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely

from geocity.errors import InputError, MissingCRSError
from geocity.io.feature_tables import FeatureTable
from geocity.io.geoparquet import write_geoparquet
from geocity.io.outline_slices import date_values, layer_facts, read_slice
from geocity.io.outline_tables import outline_table, polygons_of, read_columns, wkb_of_rows
from geocity.io.usable_polygons import Mending
from geocity.io.vector_layers import Layer, schema_of
from geocity.io.vectors import read_polygons
from tests.conftest import UTM43


def layer(count=23):
    rng = np.random.default_rng(3)
    x, y = rng.uniform(0, 1000, (2, count)) + np.array([[300_000], [2_100_000]])
    shapes = list(shapely.box(x, y, x + 20, y + 10))
    shapes[4] = None
    shapes[9] = shapely.Polygon([(0, 0), (9, 9), (9, 0), (0, 9)])
    names = [None if i == 7 else f"c{i % 3}" for i in range(count)]
    return geopandas.GeoDataFrame({"class": names, "other": 1}, geometry=shapes, crs=UTM43)


def write(path):
    frame = layer()
    if path.suffix == ".parquet":
        frame.to_parquet(path, row_group_size=5)
    else:
        more = {"SPATIAL_INDEX": "NO"} if path.suffix == ".fgb" else {}  # else it takes no gaps
        pyogrio.write_dataframe(frame, path, **more)
    return path


@pytest.mark.parametrize("suffix", ["gpkg", "shp", "fgb", "geojson", "parquet"])
@pytest.mark.parametrize("side", [4, 7, 100])
def test_slices_make_up_the_layer(tmp_path, caplog, suffix, side):
    path = write(tmp_path / f"a.{suffix}")
    facts, whole = layer_facts(path, None), read_polygons(path)
    assert facts.features == 23
    assert facts.crs == whole.crs
    starts = range(0, facts.features, side)
    found = [read_slice(path, None, range(s, min(s + side, 23)), "class") for s in starts]
    polygons = np.concatenate([each.polygons for each in found])
    assert [p.wkt for p in polygons] == [p.wkt for p in whole.geometry]
    told = ["None" if pd.isna(name) else name for name in whole["class"]]
    assert [n for each in found for n in each.names] == told
    mending = sum((each.mending for each in found), Mending())
    assert (mending.missing, mending.invalid, mending.kept) == (1, 1, 22)
    caplog.clear()
    mending.tell(path)
    assert "1 features have no geometry" in caplog.text
    assert "1 invalid outlines were repaired" in caplog.text
    assert read_slice(path, None, range(3), "none").names is None


def test_whole_numbers_are_the_same_beside_gaps(tmp_path):
    path = tmp_path / "a.gpkg"
    frame = layer(12).iloc[:8].assign(**{"class": [1, 2, 1, 2, 1, None, 2, 1]})
    frame["class"] = frame["class"].astype("Int64")
    pyogrio.write_dataframe(frame, path)
    names = [read_slice(path, None, range(s, s + 4), "class").names for s in (0, 4)]
    assert set(names[0]) == {"1", "2"}
    assert set(names[1]) == {"1", "2", "None"}


def test_what_cannot_be_read(tmp_path):
    plain = tmp_path / "plain.parquet"
    layer().drop(columns="geometry").to_parquet(plain)
    for ask in (layer_facts, lambda path, name: read_slice(path, name, range(3), "class")):
        with pytest.raises(InputError, match="cannot be read as a map layer"):
            ask(plain, None)
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 and no more")
    with pytest.raises(InputError, match="cannot be read"):
        date_values(broken, "date")
    nowhere = tmp_path / "nowhere.parquet"
    layer().set_crs(None, allow_override=True).to_parquet(nowhere)
    with pytest.raises(MissingCRSError):
        layer_facts(nowhere, None)
    with pytest.raises(InputError, match="has no polygons: it holds Point"):
        Mending(others=3, kinds=("Point",)).tell("a.gpkg")


def test_dates_in_geoparquet(tmp_path):
    day = datetime.date(2015, 2, 14)
    layer().assign(date=day).to_parquet(tmp_path / "a.parquet")
    assert date_values(tmp_path / "a.parquet", "date") == [day]
    assert date_values(tmp_path / "a.parquet", "when") == []


def test_what_geocity_writes(tmp_path):
    path, described = tmp_path / "a.parquet", Layer("a", UTM43, {"class": "text"})
    write_geoparquet(path, schema_of(described), [], UTM43)
    assert layer_facts(path, None).features == 0


def test_rows_of_several_tables(tmp_path):
    rng = np.random.default_rng(0)
    files, shapes = [], []
    for index in range(3):
        x, y = rng.uniform(0, 99, (2, 12))
        shapes.append(np.asarray(shapely.box(x, y, x + 1, y + 1), dtype=object))
        table = outline_table(shapes[-1], {"code": np.arange(12) + 100 * index})
        files.append(tmp_path / f"{index}.arrow")
        table.write(files[-1])
    which, rows = rng.integers(0, 3, 40), rng.integers(0, 12, 40)
    found = polygons_of(wkb_of_rows(files, which, rows))
    assert [p.wkt for p in found] == [shapes[w][r].wkt for w, r in zip(which, rows, strict=True)]
    assert read_columns(files[2], ["code"])[0].tolist() == list(range(200, 212))
    nothing = np.empty(0, np.int64)
    assert not len(polygons_of(wkb_of_rows(files, nothing, nothing)))
    assert len(FeatureTable.read(files[0])) == 12
