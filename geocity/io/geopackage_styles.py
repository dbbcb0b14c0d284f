"""What a GeoPackage carries beside its features: QGIS styles and provenance.

QGIS and GDAL keep styles in a table `layer_styles`, metadata in the standard's metadata extension.
Both are written with plain SQL, so that neither QGIS nor GDAL's writers are needed, and so that the
file still passes GDAL's `validate_gpkg`. Rewriting the file loses them: they are written last.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from geocity.errors import InputError
from geocity.io.markup import node
from geocity.io.qml import QGIS_VERSION, Period, to_text
from geocity.io.staging import PathLike

_STYLES_TABLE = """
CREATE TABLE IF NOT EXISTS layer_styles (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    f_table_catalog TEXT(256), f_table_schema TEXT(256), f_table_name TEXT(256),
    f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT, styleSLD TEXT,
    useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30),
    update_time DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now'))
)"""

_METADATA_TABLES = (
    """
CREATE TABLE IF NOT EXISTS gpkg_metadata (
    id INTEGER CONSTRAINT m_pk PRIMARY KEY ASC NOT NULL,
    md_scope TEXT NOT NULL DEFAULT 'dataset', md_standard_uri TEXT NOT NULL,
    mime_type TEXT NOT NULL DEFAULT 'text/xml', metadata TEXT NOT NULL DEFAULT ''
)""",
    """
CREATE TABLE IF NOT EXISTS gpkg_metadata_reference (
    reference_scope TEXT NOT NULL, table_name TEXT, column_name TEXT, row_id_value INTEGER,
    timestamp DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')),
    md_file_id INTEGER NOT NULL, md_parent_id INTEGER,
    CONSTRAINT crmr_mfi_fk FOREIGN KEY (md_file_id) REFERENCES gpkg_metadata(id),
    CONSTRAINT crmr_mpi_fk FOREIGN KEY (md_parent_id) REFERENCES gpkg_metadata(id)
)""",
    """
CREATE TABLE IF NOT EXISTS gpkg_extensions (
    table_name TEXT, column_name TEXT, extension_name TEXT NOT NULL, definition TEXT NOT NULL,
    scope TEXT NOT NULL, CONSTRAINT ge_tce UNIQUE (table_name, column_name, extension_name)
)""",
)

_QGIS_METADATA = "http://mrcc.com/qgis.dtd"
_EPOCH = "2000-01-01T00:00:00.000Z"
"""A fixed time of change: the same input gives the same bytes."""
_LONGEST_STYLE_NAME = 30


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a layer says about where it comes from, as QGIS shows it under Information.

    Attributes:
        title: one line.
        abstract: a few sentences: what it is, how areas were measured, caution.
        history: one line for each step that made it: image, model, command, options.
        period: the time the layer holds for.
    """

    title: str
    abstract: str = ""
    history: tuple[str, ...] = ()
    period: Period | None = None


def embed_style(
    geopackage: PathLike, layer: str, qml: str, sld: str = "", name: str = "geocity"
) -> None:
    """Store a layer's default style inside its GeoPackage; QGIS applies it on opening.

    Args:
        geopackage: the file; it is changed in place, so call this before it gets its final name.
        layer: the layer to style; a default style that it has loses that rank.
        qml: the QGIS style.
        sld: the same for other programs.
        name: what the style is called, cut to 30 characters.

    Raises:
        InputError: if the file is no GeoPackage or has no such layer.
    """
    with _connected(geopackage) as database:
        geometry = _geometry_column(database, geopackage, layer)
        database.execute(_STYLES_TABLE)
        style_name = name[:_LONGEST_STYLE_NAME]
        database.execute(
            "DELETE FROM layer_styles WHERE f_table_name = ? AND styleName = ?", (layer, style_name)
        )
        database.execute(
            "UPDATE layer_styles SET useAsDefault = 0 WHERE f_table_name = ?", (layer,)
        )
        database.execute(
            "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name,"
            " f_geometry_column, styleName, styleQML, styleSLD, useAsDefault, description, owner,"
            " ui, update_time) VALUES ('', '', ?, ?, ?, ?, ?, 1, '', '', NULL, ?)",
            (layer, geometry, style_name, qml, sld, _EPOCH),
        )
        _list_as_attributes(database, "layer_styles")


def embed_provenance(geopackage: PathLike, layer: str, provenance: Provenance) -> None:
    """Store where a layer comes from inside its GeoPackage, readable in QGIS.

    Args:
        geopackage: the file; it is changed in place, so call this before it gets its final name.
        layer: the layer; what it said before is replaced.
        provenance: what to say.

    Raises:
        InputError: if the file is no GeoPackage or has no such layer.
    """
    with _connected(geopackage) as database:
        _geometry_column(database, geopackage, layer)
        _store_metadata(database, layer, provenance_qmd(provenance))


def provenance_qmd(provenance: Provenance) -> str:
    """Return the provenance as a QGIS metadata document (QMD)."""
    root = node(
        "qgis",
        {"version": QGIS_VERSION},
        node("identifier"),
        node("type", text="dataset"),
        node("title", text=provenance.title),
        node("abstract", text=provenance.abstract),
        *(node("history", text=step) for step in provenance.history),
    )
    if provenance.period is not None:
        start, end = (day.isoformat() for day in provenance.period)
        period = node(
            "period",
            None,
            node("start", text=f"{start}T00:00:00Z"),
            node("end", text=f"{end}T23:59:59Z"),
        )
        root.append(node("extent", None, node("temporal", None, period)))
    return to_text(root)


def read_styles(geopackage: PathLike) -> Mapping[str, str]:
    """Return the default QML of each layer that has one."""
    with _connected(geopackage) as database:
        if not _exists(database, "layer_styles"):
            return {}
        rows = database.execute(
            "SELECT f_table_name, styleQML FROM layer_styles WHERE useAsDefault = 1 ORDER BY id"
        )
        return dict(rows.fetchall())


def copy_look(source: PathLike, target: PathLike, layer: str) -> None:
    """Copy a layer's default style and provenance to the layer of that name in another file.

    Args:
        source: the GeoPackage that has them; what it lacks is not copied.
        target: the GeoPackage to store them in, changed in place.
        layer: the name of the layer in both.

    Raises:
        InputError: if a file is no GeoPackage or has no such layer.
    """
    with _connected(source) as database:
        _geometry_column(database, source, layer)
        style = metadata = None
        if _exists(database, "layer_styles"):
            style = database.execute(
                "SELECT styleQML, styleSLD, styleName FROM layer_styles"
                " WHERE f_table_name = ? AND useAsDefault = 1",
                (layer,),
            ).fetchone()
        if _exists(database, "gpkg_metadata"):
            metadata = database.execute(
                "SELECT metadata FROM gpkg_metadata JOIN gpkg_metadata_reference"
                " ON md_file_id = gpkg_metadata.id WHERE table_name = ? AND md_standard_uri = ?",
                (layer, _QGIS_METADATA),
            ).fetchone()
    if style is not None:
        embed_style(target, layer, *style)
    if metadata is not None:
        with _connected(target) as database:
            _store_metadata(database, layer, metadata[0])


@contextmanager
def _connected(geopackage: PathLike) -> Iterator[sqlite3.Connection]:
    """Open the file for one transaction that happens whole or not at all."""
    path = Path(geopackage)
    if not path.is_file():
        raise InputError(f"{path} is not there; write the layer before its style.")
    database = sqlite3.connect(path)
    try:
        with database:
            yield database
    except sqlite3.DatabaseError as error:
        raise InputError(
            f"{path} is not a GeoPackage that can be changed ({error}); write it as .gpkg first."
        ) from error
    finally:
        database.close()


def _geometry_column(database: sqlite3.Connection, path: PathLike, layer: str) -> str:
    rows = database.execute("SELECT table_name, column_name FROM gpkg_geometry_columns").fetchall()
    columns = dict(rows)
    if layer not in columns:
        raise InputError(
            f"{path} has no layer {layer!r}; it has {', '.join(sorted(columns)) or 'none'}."
        )
    return str(columns[layer])


def _list_as_attributes(database: sqlite3.Connection, table: str) -> None:
    """Announce a table without geometry, as the standard wants of every table with user data."""
    database.execute(
        "INSERT OR IGNORE INTO gpkg_contents (table_name, data_type, identifier, description,"
        " last_change, srs_id) VALUES (?, 'attributes', ?, '', ?, 0)",
        (table, table, _EPOCH),
    )
    if _exists(database, "gpkg_ogr_contents"):
        database.execute(
            "INSERT OR REPLACE INTO gpkg_ogr_contents (table_name, feature_count)"
            f" SELECT ?, count(*) FROM {table}",
            (table,),
        )


def _store_metadata(database: sqlite3.Connection, layer: str, text: str) -> None:
    """Make a QGIS metadata document the only one of a layer."""
    for table in _METADATA_TABLES:
        database.execute(table)
    for table in ("gpkg_metadata", "gpkg_metadata_reference"):
        database.execute(
            "INSERT INTO gpkg_extensions SELECT ?, NULL, 'gpkg_metadata',"
            " 'http://www.geopackage.org/spec120/#extension_metadata', 'read-write'"
            " WHERE NOT EXISTS (SELECT 1 FROM gpkg_extensions WHERE table_name = ?)",
            (table, table),
        )
    _forget_provenance(database, layer)
    cursor = database.execute(
        "INSERT INTO gpkg_metadata (md_scope, md_standard_uri, mime_type, metadata)"
        " VALUES ('dataset', ?, 'text/xml', ?)",
        (_QGIS_METADATA, text),
    )
    database.execute(
        "INSERT INTO gpkg_metadata_reference (reference_scope, table_name, timestamp,"
        " md_file_id) VALUES ('table', ?, ?, ?)",
        (layer, _EPOCH, cursor.lastrowid),
    )


def _forget_provenance(database: sqlite3.Connection, layer: str) -> None:
    own = (
        "SELECT md_file_id FROM gpkg_metadata_reference JOIN gpkg_metadata"
        " ON md_file_id = gpkg_metadata.id WHERE table_name = ? AND md_standard_uri = ?"
    )
    ids = [row[0] for row in database.execute(own, (layer, _QGIS_METADATA))]
    for identity in ids:
        database.execute("DELETE FROM gpkg_metadata_reference WHERE md_file_id = ?", (identity,))
        database.execute("DELETE FROM gpkg_metadata WHERE id = ?", (identity,))


def _exists(database: sqlite3.Connection, table: str) -> bool:
    found = database.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    return found is not None
