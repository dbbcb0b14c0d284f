import sqlite3
from pathlib import Path

import geopandas
import pyogrio
import pytest
from shapely import box

from geocity.errors import InputError
from geocity.io.geopackage_styles import Provenance, embed_provenance, embed_style, read_styles


@pytest.fixture
def geopackage(tmp_path: Path) -> Path:
    path = tmp_path / "slums.gpkg"
    table = geopandas.GeoDataFrame({"class_id": [1]}, geometry=[box(0, 0, 1, 1)], crs=32643)
    for layer in ("slums_2015", "slums_2025"):
        table.to_file(path, layer=layer, engine="pyogrio", dataset_options={"VERSION": "1.2"})
    return path


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    database = sqlite3.connect(path)
    try:
        return database.execute(query).fetchall()
    finally:
        database.close()


def test_each_layer_has_one_default(geopackage: Path) -> None:
    embed_style(geopackage, "slums_2015", "<qgis>a</qgis>", "<sld/>", "plain")
    embed_style(geopackage, "slums_2025", "<qgis>b</qgis>")
    embed_style(geopackage, "slums_2015", "<qgis>c</qgis>", name="bold" * 20)
    assert read_styles(geopackage) == {
        "slums_2015": "<qgis>c</qgis>",
        "slums_2025": "<qgis>b</qgis>",
    }
    kept = rows(
        geopackage,
        "SELECT styleName, useAsDefault, f_geometry_column, styleSLD FROM layer_styles"
        " WHERE f_table_name = 'slums_2015' ORDER BY id",
    )
    assert kept == [("plain", 0, "geom", "<sld/>"), (("bold" * 20)[:30], 1, "geom", "")]


def test_a_style_of_the_same_name_is_replaced(geopackage: Path) -> None:
    embed_style(geopackage, "slums_2015", "first")
    embed_style(geopackage, "slums_2015", "second")
    assert rows(geopackage, "SELECT styleQML FROM layer_styles") == [("second",)]


def test_same_input_gives_the_same_tables(geopackage: Path) -> None:
    embed_style(geopackage, "slums_2015", "x")
    embed_provenance(geopackage, "slums_2015", Provenance("x"))
    times = rows(geopackage, "SELECT update_time FROM layer_styles") + rows(
        geopackage, "SELECT timestamp FROM gpkg_metadata_reference"
    )
    assert times == [("2000-01-01T00:00:00.000Z",)] * 2


def test_features_stay_readable_and_layers_countable(geopackage: Path) -> None:
    embed_style(geopackage, "slums_2015", "x")
    embed_provenance(geopackage, "slums_2015", Provenance("x"))
    assert len(geopandas.read_file(geopackage, layer="slums_2015")) == 1
    spatial = [name for name, kind in pyogrio.list_layers(geopackage) if kind is not None]
    assert spatial == ["slums_2015", "slums_2025"]


def test_provenance_is_replaced_and_escaped(geopackage: Path) -> None:
    for title in ("first", "a <b> & c\x00"):
        embed_provenance(geopackage, "slums_2015", Provenance(title, history=("one", "two")))
    found = rows(geopackage, "SELECT metadata FROM gpkg_metadata")
    assert len(found) == 1
    assert "<title>a &lt;b&gt; &amp; c\N{REPLACEMENT CHARACTER}</title>" in str(found[0][0])
    assert str(found[0][0]).count("<history>") == 2


def test_no_styles(geopackage: Path) -> None:
    assert read_styles(geopackage) == {}


def test_a_layer_that_is_not_there_is_refused(geopackage: Path) -> None:
    with pytest.raises(InputError, match="no layer 'slum'; it has slums_2015, slums_2025"):
        embed_style(geopackage, "slum", "x")
    with pytest.raises(InputError, match="no layer 'slum'"):
        embed_provenance(geopackage, "slum", Provenance("x"))
    assert read_styles(geopackage) == {}


def test_a_file_that_is_no_geopackage_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "text.gpkg"
    with pytest.raises(InputError, match="is not there"):
        embed_style(path, "slums", "x")
    assert not path.exists()
    path.write_text("not a database, but long enough to be looked at by the library" * 20)
    with pytest.raises(InputError, match="not a GeoPackage"):
        embed_style(path, "slums", "x")
