import datetime
import sqlite3
from collections.abc import Mapping
from pathlib import Path

import geopandas
import numpy as np
import pyogrio
import pytest
from shapely import MultiPolygon, box

from geocity.errors import InputError, OutputExistsError
from geocity.io.geopackage_styles import (
    Provenance,
    copy_look,
    embed_provenance,
    embed_style,
    read_styles,
)
from geocity.io.geopackages import collect_layers

DAY = datetime.date(2024, 3, 9)


def write(path: Path, layer: str, count: int) -> Path:
    table = geopandas.GeoDataFrame(
        {
            "slum_id": [f"S{i}" for i in range(count)],
            "class_id": np.arange(count, dtype="int32"),
            "date": [DAY] * count,
        },
        geometry=[MultiPolygon([box(i, 0, i + 0.5, 1)]) for i in range(count)],
        crs="EPSG:32643",
    )
    table.to_file(
        path,
        layer=layer,
        engine="pyogrio",
        use_arrow=True,
        geometry_type="MultiPolygon",
        dataset_options={"VERSION": "1.2"},
        layer_options={"IDENTIFIER": f"Title of {layer}", "DESCRIPTION": "about"},
    )
    return path


@pytest.fixture
def sources(tmp_path: Path) -> Mapping[str, Path]:
    files = {"a_2015": write(tmp_path / "a.gpkg", "a_2015", 3)}
    files["b_2025"] = write(tmp_path / "b.gpkg", "b_2025", 0)
    for layer, path in files.items():
        embed_style(path, layer, f"<qgis>{layer}</qgis>", "<sld/>")
        embed_provenance(path, layer, Provenance(f"About {layer}"))
    return files


def test_layers_styles_and_provenance_come_along(
    tmp_path: Path, sources: Mapping[str, Path]
) -> None:
    out = collect_layers(sources, out=tmp_path / "slums.gpkg")
    assert read_styles(out) == {layer: f"<qgis>{layer}</qgis>" for layer in sources}
    for layer, source in sources.items():
        before = geopandas.read_file(source, layer=layer)
        after = geopandas.read_file(out, layer=layer)
        assert after.equals(before)
        assert after.crs == before.crs
        about = pyogrio.read_info(out, layer=layer)
        original = pyogrio.read_info(source, layer=layer)
        for key in ("geometry_type", "geometry_name", "ogr_types", "ogr_subtypes"):
            assert list(np.atleast_1d(about[key])) == list(np.atleast_1d(original[key]))
    database = sqlite3.connect(out)
    titles = database.execute(
        "SELECT identifier, description FROM gpkg_contents WHERE data_type = 'features'"
    ).fetchall()
    stories = database.execute("SELECT count(*) FROM gpkg_metadata").fetchone()
    version = database.execute("PRAGMA user_version").fetchone()
    database.close()
    assert titles == [("Title of a_2015", "about"), ("Title of b_2025", "about")]
    assert stories == (2,)
    assert version == (10200,)


def test_the_result_is_replaced_only_when_allowed(
    tmp_path: Path, sources: Mapping[str, Path]
) -> None:
    out = collect_layers(sources, out=tmp_path / "slums.gpkg")
    with pytest.raises(OutputExistsError):
        collect_layers(sources, out=out)
    collect_layers({"a_2015": sources["a_2015"]}, out=out, overwrite=True)
    assert [name for name, kind in pyogrio.list_layers(out) if kind] == ["a_2015"]


def test_a_plain_layer_stays_plain(tmp_path: Path) -> None:
    source, target = (write(tmp_path / f"{n}.gpkg", "slums", 1) for n in ("plain", "other"))
    copy_look(source, target, "slums")
    assert read_styles(target) == {}
    with pytest.raises(InputError, match="no layer 'other'"):
        copy_look(source, target, "other")
