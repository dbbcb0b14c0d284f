"""Polygon layers as analysts have them: each function writes some outlines in an awkward way.

The outlines come as a table with a CRS and a field; what is odd is the file, or what was added.
"""

import json
import os
import sqlite3
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pyogrio
import shapely
import shapely.affinity

from tests.conftest import UTM43
from tests.corpus.rasters import GRID

Writer = Callable[[Path, geopandas.GeoDataFrame], Path]
STEM = "odd_2015-03-17"


@dataclass(frozen=True)
class OddLayer:
    """One awkward layer.

    Attributes:
        name: of its function.
        what: what is odd about it.
        write: writes outlines into a folder.
        refusal: a pattern of the sentence that refuses it everywhere; empty if it can be used.
        same_area: whether its polygons cover what those given to it do.
    """

    name: str
    what: str
    write: Writer
    refusal: str = ""
    same_area: bool = True


VECTORS: dict[str, OddLayer] = {}


def odd(refusal: str = "", *, same_area: bool = True) -> Callable[[Writer], Writer]:
    """Put a writer into the corpus; its docstring says what it is."""

    def register(write: Writer) -> Writer:
        name = write.__name__
        what = (write.__doc__ or "").strip()
        VECTORS[name] = OddLayer(name, what, write, refusal, same_area)
        return write

    return register


def outlines(**columns) -> geopandas.GeoDataFrame:
    """Return two settlements that lie inside the rasters of the corpus, with a hole in one."""
    left, _, _, top = GRID.bounds
    box = shapely.box(left + 4, top - 28, left + 28, top - 4)
    hole = shapely.box(left + 12, top - 20, left + 18, top - 14)
    other = shapely.box(left + 36, top - 44, left + 60, top - 20)
    fields = columns or {"code": [1, 1], "name": ["A", "B"]}
    return geopandas.GeoDataFrame(fields, geometry=[box.difference(hole), other], crs=UTM43)


def plain(folder: Path, frame: geopandas.GeoDataFrame) -> Path:
    """Write an ordinary GeoPackage."""
    return _write(folder, frame)


def _write(folder, frame, suffix=".gpkg", layer=STEM, **options):
    path = folder / (STEM + suffix)
    pyogrio.write_dataframe(frame, path, layer=layer, **options)
    return path


def _with(frame, geometries):
    """Return the frame with further features, which repeat the first one's attributes."""
    more = pd.concat([frame.iloc[[0]]] * len(geometries), ignore_index=True)
    more = more.set_geometry(geopandas.GeoSeries(geometries, crs=frame.crs))
    return pd.concat([frame, more], ignore_index=True)


# Nothing, or nothing of use.


@odd("no features|holds no feature|no polygon|does not say")
def empty(folder, frame):
    """A layer without features."""
    return _write(folder, frame.iloc[:0], geometry_type="Polygon")


@odd("no features|holds no feature|no polygon|no layer")
def empty_geojson(folder, frame):
    """A collection of nothing."""
    path = folder / f"{STEM}.geojson"
    path.write_text('{"type": "FeatureCollection", "features": []}')
    return path


@odd()
def a_null_geometry(folder, frame):
    """A feature that was never drawn."""
    return _write(folder, _with(frame, [None]))


@odd()
def an_empty_geometry(folder, frame):
    """A polygon without corners."""
    return _write(folder, _with(frame, [shapely.Polygon()]))


@odd("no features|holds no feature|no polygon")
def only_null_geometries(folder, frame):
    """Attributes alone, in a layer of polygons."""
    nothing = frame.set_geometry(geopandas.GeoSeries([None] * len(frame), crs=frame.crs))
    return _write(folder, nothing, geometry_type="Polygon")


@odd("no layer with geometry|a table|no features|no polygon|no layer")
def a_table(folder, frame):
    """A GeoPackage that holds a table and no map layer."""
    path = folder / f"{STEM}.gpkg"
    pyogrio.write_dataframe(pd.DataFrame(frame.drop(columns="geometry")), path, layer="table")
    return path


@odd("no polygon|no features|holds Point")
def points(folder, frame):
    """Points where polygons belong."""
    return _write(folder, frame.set_geometry(frame.geometry.centroid))


@odd("no polygon|no features|holds")
def lines(folder, frame):
    """Lines where polygons belong."""
    return _write(folder, frame.set_geometry(frame.geometry.boundary))


# Geometries of every kind.


@odd()
def mixed_types(folder, frame):
    """Points and lines among the polygons."""
    first = frame.geometry[0]
    mixed = _with(frame, [first.centroid, shapely.LineString(first.exterior)])
    return _write(folder, mixed.to_crs(4326), ".geojson", RFC7946="YES", COORDINATE_PRECISION=12)


@odd()
def geometry_collections(folder, frame):
    """Polygons inside collections inside collections."""
    nested = [
        shapely.GeometryCollection([g.centroid, shapely.GeometryCollection([g])])
        for g in frame.geometry
    ]
    return _write(folder, frame.set_geometry(nested, crs=frame.crs))


@odd()
def multipolygons(folder, frame):
    """One feature of many parts."""
    return _write(folder, frame.dissolve().explode().dissolve())


@odd()
def with_heights(folder, frame):
    """Z on every corner."""
    return _write(folder, frame.set_geometry(shapely.force_3d(frame.geometry.array, 12.5)))


@odd()
def with_heights_and_measures(folder, frame):
    """Z and M on every corner."""
    path = _write(folder, frame, SPATIAL_INDEX="NO")
    return _replace_geometries(path, [_wkb_zm(g) for g in frame.geometry], "POLYGON", 1, 1)


@odd(same_area=False)
def curves(folder, frame):
    """Circles, as CAD and cadastres draw them."""
    path = _write(folder, frame, SPATIAL_INDEX="NO")
    circles = [_wkb_circle(g.centroid.x, g.centroid.y, 10.0) for g in frame.geometry]
    return _replace_geometries(path, circles, "CURVEPOLYGON", 0, 0)


def _replace_geometries(path, geometries, kind, z, m):
    """Put WKB into a GeoPackage behind OGR's back."""
    database = sqlite3.connect(path)
    header = struct.pack("<2sBBi", b"GP", 0, 1, 32643)
    table, column = database.execute(
        "SELECT table_name, column_name FROM gpkg_geometry_columns"
    ).fetchone()
    for fid, wkb in enumerate(geometries, start=1):
        database.execute(
            f'UPDATE "{table}" SET "{column}" = ? WHERE fid = ?',
            (header + wkb, fid),
        )
    database.execute(
        "UPDATE gpkg_geometry_columns SET geometry_type_name = ?, z = ?, m = ?", (kind, z, m)
    )
    database.commit()
    database.close()
    return path


def _wkb_zm(polygon):
    rings = [polygon.exterior, *polygon.interiors]
    wkb = struct.pack("<BII", 1, 3003, len(rings))
    for ring in rings:
        wkb += struct.pack("<I", len(ring.coords))
        for x, y in ring.coords:
            wkb += struct.pack("<4d", x, y, 12.5, 0.1)
    return wkb


def _wkb_circle(x, y, radius):
    corners = [(x - radius, y), (x + radius, y), (x - radius, y)]
    arc = struct.pack("<BII", 1, 8, 3) + b"".join(struct.pack("<2d", *c) for c in corners)
    return struct.pack("<BII", 1, 10, 1) + arc


@odd(same_area=False)
def invalid_rings(folder, frame):
    """A bow tie, a hole outside of its shell, and a spike."""
    left, _, _, top = GRID.bounds
    bow = shapely.Polygon([(0, 0), (8, 8), (8, 0), (0, 8)])
    lost = shapely.Polygon([(0, 0), (4, 0), (4, 4), (0, 4)], [[(6, 6), (7, 6), (7, 7), (6, 7)]])
    spike = shapely.Polygon([(0, 0), (4, 0), (4, 4), (30, 4), (4, 4), (0, 4)])
    moved = [shapely.affinity.translate(g, left + 4, top - 40) for g in (bow, lost, spike)]
    return _write(folder, _with(frame, moved))


@odd("no polygon|no features|holds|encloses")
def flat_polygons(folder, frame):
    """Polygons that enclose nothing."""
    flat = [shapely.Polygon([(p.x, p.y), (p.x + 9, p.y), (p.x, p.y)]) for p in frame.centroid]
    return _write(folder, frame.set_geometry(flat, crs=frame.crs))


@odd(same_area=False)
def coordinates_that_are_no_numbers(folder, frame):
    """A corner at NaN and one at infinity."""
    path = _write(folder, frame, SPATIAL_INDEX="NO")
    left, _, _, top = GRID.bounds
    wkb = struct.pack("<BII", 1, 3, 1) + struct.pack("<I", 5)
    corners = [(left, top), (left + 9, top), (np.nan, top - 9), (left, np.inf), (left, top)]
    wkb += b"".join(struct.pack("<2d", *corner) for corner in corners)
    return _replace_geometries(path, [wkb], "POLYGON", 0, 0)


@odd(same_area=False)
def a_hundred_thousand_vertices(folder, frame):
    """One outline as a classified raster gives it."""
    angle = np.linspace(0, 2 * np.pi, 100_000, endpoint=False)
    rough = 10 + 0.5 * np.sin(angle * 5_000)
    center = frame.geometry[1].centroid
    x, y = center.x + rough * np.cos(angle), center.y + rough * np.sin(angle)
    ring = shapely.Polygon(np.column_stack([x, y]))
    return _write(folder, frame.set_geometry([frame.geometry[0], ring], crs=frame.crs))


@odd()
def duplicates(folder, frame):
    """Every outline twice."""
    return _write(folder, pd.concat([frame, frame], ignore_index=True))


# Where it lies.


@odd("no coordinate reference system")
def no_crs(folder, frame):
    """No CRS."""
    return _write(folder, frame.set_crs(None, allow_override=True))


@odd("coordinates do not fit", same_area=False)
def wrong_crs(folder, frame):
    """Metres that are said to be degrees."""
    return _write(folder, frame.set_crs(4326, allow_override=True))


@odd(same_area=False)
def another_continent(folder, frame):
    """The right shape in the wrong zone."""
    return _write(folder, frame.set_crs(32718, allow_override=True))


@odd()
def degrees(folder, frame):
    """In degrees."""
    return _write(folder, frame.to_crs(4326))


@odd()
def compound_crs(folder, frame):
    """UTM with heights above the geoid."""
    return _write(folder, frame.set_crs("EPSG:32643+5773", allow_override=True))


@odd("nowhere on Earth")
def engineering_crs(folder, frame):
    """A site's own coordinates."""
    local = 'LOCAL_CS["site",UNIT["metre",1]]'
    return _write(folder, frame.set_crs(local, allow_override=True))


@odd(".prj|no coordinate reference system")
def shapefile_without_prj(folder, frame):
    """The .prj was left on another disk."""
    path = _write(folder, frame, ".shp")
    path.with_suffix(".prj").unlink()
    return path


# Fields and texts.


@odd()
def shapefile(folder, frame):
    """What most people still exchange."""
    return _write(folder, frame, ".shp")


@odd()
def shapefile_without_dbf(folder, frame):
    """The attributes were left on another disk."""
    path = _write(folder, frame, ".shp")
    path.with_suffix(".dbf").unlink()
    return path


@odd(".shx")
def shapefile_without_shx(folder, frame):
    """The index was left on another disk."""
    path = _write(folder, frame, ".shp")
    path.with_suffix(".shx").unlink()
    return path


@odd()
def latin_1(folder, frame):
    """Texts in Latin-1 and no word about it."""
    path = _write(folder, frame.assign(place=["Île-de-France", "São Paulo"]), ".shp",
                  encoding="ISO-8859-1")  # fmt: skip
    path.with_suffix(".cpg").unlink(missing_ok=True)
    return path


@odd()
def latin_1_called_utf_8(folder, frame):
    """Texts in Latin-1 in a file that says it is UTF-8."""
    path = _write(folder, frame.assign(place=["Île-de-France", "São Paulo"]), ".shp",
                  encoding="ISO-8859-1")  # fmt: skip
    path.with_suffix(".cpg").write_text("UTF-8")
    return path


@odd()
def a_field_called_geometry(folder, frame):
    """Attributes that are called as the shapes are."""
    path = _write(folder, frame, SPATIAL_INDEX="NO")
    database = sqlite3.connect(path)
    for name in ("geometry", "Geometry_1", "wkb", "index"):
        database.execute(f'ALTER TABLE "{STEM}" ADD COLUMN "{name}" TEXT DEFAULT "polygon"')
    database.commit()
    database.close()
    return path


@odd()
def geojson_field_called_geometry(folder, frame):
    """The same in GeoJSON, with objects and lists as attributes."""
    path = _write(folder, frame.to_crs(4326), ".geojson", COORDINATE_PRECISION=12)
    content = json.loads(path.read_text())
    for feature in content["features"]:
        feature["properties"] |= {"geometry": {"a": [1, None]}, "id": [1, "x"], "": 3}
    path.write_text(json.dumps(content))
    return path


@odd()
def no_fields(folder, frame):
    """Shapes alone."""
    return _write(folder, frame[["geometry"]])


@odd()
def hostile_texts(folder, frame):
    """Texts that mean something to browsers, spreadsheets and SQL."""
    texts = ['<script>alert(1)</script>"', "=1+1'); DROP TABLE x; --"]
    return _write(folder, frame.assign(note=texts))


@odd("several layers|layers of outlines")
def several_layers(folder, frame):
    """Two layers in one file."""
    _write(folder, frame, layer="first")
    return _write(folder, frame, layer="second", append=True)


@odd()
def accents_in_the_name(folder, frame):
    """A name with spaces, accents and brackets."""
    path = folder / "Île [nord] 100% 2015-03-17 — копия.gpkg"
    pyogrio.write_dataframe(frame, path, layer="côte")
    return path


@odd()
def geojson(folder, frame):
    """GeoJSON in degrees."""
    return _write(folder, frame.to_crs(4326), ".geojson", COORDINATE_PRECISION=12)


@odd()
def flatgeobuf(folder, frame):
    """FlatGeobuf."""
    return _write(folder, frame, ".fgb")


@odd()
def geoparquet(folder, frame):
    """GeoParquet."""
    path = folder / f"{STEM}.parquet"
    frame.to_parquet(path)
    return path


@odd()
def write_ahead_log(folder, frame):
    """A GeoPackage in the mode that QGIS leaves it in."""
    path = _write(folder, frame)
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode=WAL")
    database.close()
    return path


# What is broken.


@odd("cannot be|no layer")
def zero_bytes(folder, frame):
    """An empty file."""
    path = folder / f"{STEM}.gpkg"
    path.write_bytes(b"")
    return path


@odd("cannot be|no layer|no features|no polygon")
def truncated(folder, frame):
    """Half of the file."""
    path = _write(folder, pd.concat([frame] * 500, ignore_index=True))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


@odd("cannot be|no layer|damaged")
def truncated_shapefile(folder, frame):
    """Half of the shapes."""
    path = _write(folder, pd.concat([frame] * 500, ignore_index=True), ".shp")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


@odd("cannot be|no layer")
def truncated_geojson(folder, frame):
    """Half of the text."""
    path = _write(folder, frame.to_crs(4326), ".geojson")
    path.write_text(path.read_text()[:-200])
    return path


@odd("cannot be|no layer")
def truncated_parquet(folder, frame):
    """Half of a table."""
    path = geoparquet(folder, frame)
    path.write_bytes(path.read_bytes()[:-100])
    return path


@odd("cannot be|no layer|no features")
def parquet_without_shapes(folder, frame):
    """A table of another kind."""
    path = folder / f"{STEM}.parquet"
    pd.DataFrame(frame.drop(columns="geometry")).to_parquet(path)
    return path


@odd("cannot be|no layer")
def text_called_gpkg(folder, frame):
    """A web page that says "not found", saved as a layer."""
    path = folder / f"{STEM}.gpkg"
    path.write_text("<html><body>404 not found</body></html>")
    return path


@odd("cannot be|no layer|several|a table")
def folder_called_gpkg(folder, frame):
    """A folder."""
    path = folder / f"{STEM}.gpkg"
    path.mkdir()
    return path


@odd("cannot be|no layer|does not|a table")
def zip_of_nothing(folder, frame):
    """A zip without a layer in it."""
    path = folder / f"{STEM}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("read me.txt", "nothing here")
    return path


KINDS: tuple[str, ...] = (
    "empty", "a_null_geometry", "points", "geometry_collections", "curves", "invalid_rings",
    "coordinates_that_are_no_numbers", "no_crs", "wrong_crs", "engineering_crs", "degrees",
    "latin_1_called_utf_8", "a_field_called_geometry", "geoparquet", "zero_bytes",
    "truncated_shapefile",
)  # fmt: skip
"""Layers that differ in kind, for every command; all of them, where there is time for it."""
if os.environ.get("GEOCITY_WHOLE_CORPUS"):
    KINDS = tuple(VECTORS)
