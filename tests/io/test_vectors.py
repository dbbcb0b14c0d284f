"""Layers as analysts have them: read right, mended and said, or refused in one sentence."""

import datetime
import json
import logging
import shutil
import sqlite3
import subprocess

import fiona
import geopandas
import numpy as np
import pyogrio
import pyproj
import pytest
import shapely

from geocity.errors import InputError, MissingCRSError
from geocity.io.vectors import choose_layer, read_polygons, stream_polygons

UTM = "EPSG:32643"
BOX = shapely.box(275000, 2116000, 275010, 2116010)
OTHER = shapely.box(275020, 2116000, 275030, 2116010)
BOW_TIE = shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])


def frame(*geometries, crs=UTM, **columns):
    return geopandas.GeoDataFrame(columns, geometry=list(geometries), crs=crs)


def write(path, *geometries, layer=None, **columns):
    frame(*geometries, **columns).to_file(path, layer=layer)
    return path


@pytest.mark.parametrize("suffix", [".gpkg", ".shp", ".fgb", ".geojson"])
def test_reads_what_was_written(tmp_path, suffix):
    path = write(tmp_path / f"a{suffix}", BOX, OTHER, code=[1, 2])
    layer = read_polygons(path, crs=pyproj.CRS(UTM))
    assert sorted(layer.code) == [1, 2]
    assert shapely.area(layer.geometry).tolist() == pytest.approx([100, 100])
    assert layer.crs.to_epsg() == 32643


def test_reads_geoparquet(tmp_path):
    frame(BOX).to_parquet(tmp_path / "a.parquet")
    assert len(read_polygons(tmp_path / "a.parquet")) == 1
    (tmp_path / "b.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(InputError, match="cannot be read"):
        read_polygons(tmp_path / "b.parquet")


def test_reprojects_and_says_so(tmp_path, caplog):
    path = tmp_path / "a.gpkg"
    frame(BOX).to_crs(4326).to_file(path)
    with caplog.at_level(logging.INFO):
        layer = read_polygons(path, crs=pyproj.CRS(UTM))
    assert layer.geometry[0].centroid.distance(BOX.centroid) < 0.01
    assert "reprojected from EPSG:4326 to EPSG:32643" in caplog.text


def test_refuses_what_is_not_there(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_polygons(tmp_path / "no.gpkg")
    (tmp_path / "text.gpkg").write_text("hello")
    with pytest.raises(InputError, match="cannot be read"):
        read_polygons(tmp_path / "text.gpkg")


def test_several_layers_are_named(tmp_path):
    path = write(tmp_path / "a.gpkg", BOX, layer="one")
    write(path, OTHER, layer="two")
    with pytest.raises(InputError, match=r"say which one: one, two"):
        read_polygons(path)
    assert read_polygons(path, layer="two").geometry[0].equals(OTHER)
    with pytest.raises(InputError, match=r"no layer 'three'; it has one, two"):
        read_polygons(path, layer="three")


def test_tables_beside_one_layer_do_not_confuse(tmp_path):
    path = write(tmp_path / "a.gpkg", BOX, layer="one")
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)")
        database.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier) VALUES "
            "('notes', 'attributes', 'notes')"
        )
    assert choose_layer(path, None) == "one"
    with pytest.raises(InputError, match="no features with geometry"):
        read_polygons(path, layer="notes")


def test_refuses_a_layer_that_lies_nowhere(tmp_path):
    frame(BOX, crs=None).to_file(tmp_path / "a.gpkg", engine="fiona")
    with pytest.raises(MissingCRSError, match="Assign Projection"):
        read_polygons(tmp_path / "a.gpkg")
    write(tmp_path / "b.shp", BOX)
    (tmp_path / "b.prj").unlink()
    with pytest.raises(MissingCRSError, match=r"no \.prj"):
        read_polygons(tmp_path / "b.shp")


def test_refuses_coordinates_that_do_not_fit_their_crs(tmp_path):
    path = tmp_path / "a.gpkg"
    frame(shapely.box(275000, 2116000, 275010, 2116010), crs="EPSG:4326").to_file(path)
    with pytest.raises(InputError, match="do not fit its CRS"):
        read_polygons(path, crs=pyproj.CRS(UTM))


def test_missing_geometry_is_left_out_and_counted(tmp_path, caplog):
    path = tmp_path / "a.gpkg"
    frame(BOX, None, shapely.Polygon(), code=[1, 2, 3]).to_file(path)
    layer = read_polygons(path)
    assert layer.code.tolist() == [1]
    assert "2 features have no geometry" in caplog.text


def test_invalid_outlines_are_repaired(tmp_path, caplog):
    layer = read_polygons(write(tmp_path / "a.gpkg", BOW_TIE, BOX))
    assert layer.geometry.is_valid.all()
    assert layer.geometry[0].area == pytest.approx(50)
    assert "1 invalid outlines were repaired" in caplog.text


needs_ogr2ogr = pytest.mark.skipif(not shutil.which("ogr2ogr"), reason="needs GDAL's command line")


def test_heights_are_dropped(tmp_path):
    ring = [(0, 0, 5), (10, 0, 5), (10, 10, 6), (0, 10, 7)]
    layer = read_polygons(write(tmp_path / "a.gpkg", shapely.Polygon(ring)))
    assert not layer.geometry.has_z.any()


@needs_ogr2ogr
def test_measures_are_dropped(tmp_path):
    measured = "POLYGON M ((0 0 1, 10 0 2, 10 10 3, 0 0 1))"
    layer = read_polygons(_from_wkt(tmp_path / "m.gpkg", measured))
    assert layer.geometry[0].area == 50


def _from_wkt(path, wkt):
    """Write one geometry that shapely cannot hold, through OGR's own reader of CSV."""
    csv = path.with_suffix(".csv")
    csv.write_text(f'WKT,code\n"{wkt}",1\n')
    subprocess.run(
        ["ogr2ogr", "-a_srs", UTM, "-oo", "GEOM_POSSIBLE_NAMES=WKT", str(path), str(csv)],
        check=True,
        capture_output=True,
    )
    return path


@needs_ogr2ogr
def test_curves_become_lines(tmp_path):
    curve = "CURVEPOLYGON (CIRCULARSTRING (0 0, 10 10, 20 0, 10 -10, 0 0))"
    layer = read_polygons(_from_wkt(tmp_path / "c.gpkg", curve))
    assert layer.geometry[0].area == pytest.approx(np.pi * 100, rel=0.01)


def test_collections_are_reduced_to_their_polygons(tmp_path, caplog):
    mixed = shapely.GeometryCollection(
        [shapely.Point(0, 0), BOX, shapely.GeometryCollection([OTHER])]
    )
    layer = read_polygons(write(tmp_path / "a.gpkg", mixed, shapely.Point(1, 1)))
    assert layer.geometry[0].area == 200
    assert len(layer) == 1
    assert "1 features are no polygons" in caplog.text


def test_points_only_where_allowed(tmp_path):
    path = write(tmp_path / "a.gpkg", shapely.Point(275000, 2116000))
    with pytest.raises(InputError, match="no polygons: it holds Point"):
        read_polygons(path)
    assert len(read_polygons(path, geometry_types=("Polygon", "Point"))) == 1


def test_an_empty_layer_is_refused(tmp_path):
    path = tmp_path / "a.gpkg"
    frame(BOX).iloc[:0].to_file(path)
    with pytest.raises(InputError, match="no features"):
        read_polygons(path)


def test_texts_in_another_encoding(tmp_path):
    path = write(tmp_path / "a.shp", BOX, name=["xx"])
    (tmp_path / "a.cpg").write_text("UTF-8")
    data = (tmp_path / "a.dbf").read_bytes()
    (tmp_path / "a.dbf").write_bytes(data.replace(b"xx", b"\xe9\xe8"))
    assert len(read_polygons(path)) == 1


def test_a_field_called_geometry(tmp_path):
    text = {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "properties": {"geometry": "round", "code": 1},
                "geometry": shapely.geometry.mapping(shapely.box(72, 19, 72.1, 19.1)),
            }
        ],
    }
    (tmp_path / "a.geojson").write_text(json.dumps(text))
    layer = read_polygons(tmp_path / "a.geojson", crs=pyproj.CRS(UTM))
    assert layer.geometry[0].geom_type == "Polygon"


def test_stream_equals_table(tmp_path):
    path = tmp_path / "a.gpkg"
    frame(BOX, BOW_TIE, None, code=[1, 2, 3]).to_crs(UTM).to_file(path)
    streamed = list(stream_polygons(path, crs=pyproj.CRS(4326)))
    table = read_polygons(path, crs=pyproj.CRS(4326))
    assert [attributes["code"] for _, attributes in streamed] == table.code.tolist()
    for (polygon, _), expected in zip(streamed, table.geometry, strict=True):
        assert polygon.equals_exact(expected, 1e-9)


def test_stream_refuses_as_the_table_does(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        next(stream_polygons(tmp_path / "no.gpkg"))
    path = tmp_path / "a.gpkg"
    frame(BOX, crs=None).to_file(path, engine="fiona")
    with pytest.raises(MissingCRSError):
        next(stream_polygons(path))


def test_dates_survive(tmp_path):
    path = tmp_path / "a.gpkg"
    schema = {"geometry": "Polygon", "properties": {"day": "date"}}
    with fiona.open(path, "w", "GPKG", schema, UTM) as sink:
        feature = {
            "type": "Feature",
            "geometry": shapely.geometry.mapping(BOX),
            "properties": {"day": datetime.date(2025, 1, 2)},
        }
        sink.write(feature)
    assert str(read_polygons(path).day[0])[:10] == "2025-01-02"
    assert pyogrio.read_info(path)["ogr_types"] == ["OFTDate"]
