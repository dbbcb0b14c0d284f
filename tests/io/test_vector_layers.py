import datetime
import json

import geopandas
import numpy as np
import pyarrow.parquet as pq
import pyogrio
import pyproj
import pytest
import shapely

from geocity.errors import InputError, OutputError, OutputExistsError
from geocity.io.vector_layers import Layer, write_batches

UTM = pyproj.CRS.from_epsg(32643)
FIELDS = {"name": "text", "code": "integer", "area_m2": "number", "day": "date"}
LAYER = Layer("slums_2025", UTM, FIELDS, title="Slums", description="Areas are true.")
SUFFIXES = [".gpkg", ".shp", ".geojson", ".fgb", ".parquet"]


def batches(count=3, size=4):
    for k in range(count):
        left = np.arange(size) * 10.0 + 275000 + k * 100
        yield (
            shapely.box(left, 2116000, left + 5, 2116005),
            {
                "name": [f"झो {k}.{i}" for i in range(size)],
                "code": np.arange(size) + k * size,
                "area_m2": np.full(size, 25.0),
                "day": [datetime.date(2025, 1, 2)] * size,
            },
        )


def read(path):
    return (
        geopandas.read_parquet(path) if path.suffix == ".parquet" else pyogrio.read_dataframe(path)
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_batches_arrive_in_one_layer(tmp_path, suffix):
    layer = read(write_batches(tmp_path / f"a{suffix}", LAYER, batches()))
    assert sorted(layer.code) == list(range(12))
    assert sorted(layer.name)[0] == "झो 0.0"
    assert {str(day)[:10] for day in layer.day} == {"2025-01-02"}
    assert layer.to_crs(UTM).geometry.area.tolist() == pytest.approx([25] * 12, rel=0.05)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_no_batches_give_an_empty_layer_with_its_fields(tmp_path, suffix):
    layer = read(write_batches(tmp_path / f"a{suffix}", LAYER, []))
    assert len(layer) == 0
    if suffix != ".geojson":  # which tells fields only by features
        assert set(FIELDS) <= set(layer.columns)


def test_geopackage_says_what_it_is(tmp_path):
    path = write_batches(tmp_path / "a.gpkg", LAYER, batches())
    info = pyogrio.read_info(path)
    assert info["layer_metadata"] == {"IDENTIFIER": "Slums", "DESCRIPTION": "Areas are true."}
    assert info["layer_name"] == "slums_2025"
    assert info["geometry_type"] == "Polygon"
    assert info["capabilities"]["fast_spatial_filter"]


def test_geojson_follows_its_rfc(tmp_path):
    document = json.loads(write_batches(tmp_path / "a.geojson", LAYER, batches()).read_text())
    assert "crs" not in document
    ring = document["features"][0]["geometry"]["coordinates"][0]
    assert 72 < ring[0][0] < 73
    assert all(len(repr(number).split(".")[1]) <= 7 for corner in ring for number in corner)
    assert shapely.LinearRing(ring).is_ccw


def test_geoparquet_has_boxes_and_metadata(tmp_path):
    path = write_batches(tmp_path / "a.parquet", LAYER, batches())
    geo = json.loads(pq.read_metadata(path).metadata[b"geo"])
    assert geo["version"] == "1.1.0"
    assert geo["columns"]["geometry"]["geometry_types"] == ["Polygon"]
    assert geo["columns"]["geometry"]["bbox"] == [275000, 2116000, 275235, 2116005]
    part = geopandas.read_parquet(path, bbox=(275000, 2116000, 275001, 2116001))
    assert len(part) == 1


def test_shapefile_keeps_its_text_and_its_names(tmp_path):
    path = write_batches(tmp_path / "a.shp", LAYER, batches())
    assert path.with_suffix(".cpg").read_text() == "UTF-8"
    assert pyogrio.read_info(path)["dtypes"].tolist()[3] == "datetime64[D]"
    long = Layer("a", UTM, {"probability_mean": "number"})
    with pytest.raises(InputError, match="probability_mean"):
        write_batches(tmp_path / "b.shp", long, [])


def test_nothing_stays_when_a_batch_fails(tmp_path):
    def broken():
        yield from batches(1)
        raise KeyboardInterrupt

    for suffix in SUFFIXES:
        with pytest.raises(KeyboardInterrupt):
            write_batches(tmp_path / f"a{suffix}", LAYER, broken())
    assert not list(tmp_path.iterdir())


def test_refuses_to_replace_and_unknown_suffixes(tmp_path):
    path = write_batches(tmp_path / "a.gpkg", LAYER, batches())
    with pytest.raises(OutputExistsError):
        write_batches(path, LAYER, batches())
    write_batches(path, LAYER, batches(1), overwrite=True)
    assert len(read(path)) == 4
    with pytest.raises(InputError, match=r"\.gpkg, \.shp"):
        write_batches(tmp_path / "a.txt", LAYER, [])


def test_an_error_of_the_driver_is_one_sentence(tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise pyogrio.errors.DataLayerError("sqlite3_exec failed: disk is full\nmore")

    monkeypatch.setattr(pyogrio, "write_arrow", full)
    with pytest.raises(OutputError, match=r"disk is full\.$"):
        write_batches(tmp_path / "a.gpkg", LAYER, batches())
    with pytest.raises(OutputError, match=r"write a \.gpkg"):
        write_batches(tmp_path / "a.shp", LAYER, batches())


def test_dress_sees_the_finished_file(tmp_path):
    seen = []

    def dress(stage):
        seen.append(len(pyogrio.read_dataframe(stage.path)))
        stage.sidecar(".qml").write_text("<qgis/>")

    write_batches(tmp_path / "a.shp", LAYER, batches(), dress=dress)
    assert seen == [12]
    assert (tmp_path / "a.qml").exists()
