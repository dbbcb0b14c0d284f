"""Several GeoPackages made one: layers streamed over with their styles and provenance."""

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

import pyogrio

from geocity.io.geopackage_styles import copy_look
from geocity.io.staging import PathLike, staged
from geocity.io.vector_layers import FORMATS, undated


def collect_layers(
    sources: Mapping[str, PathLike],
    *,
    out: PathLike,
    overwrite: bool = False,
    add: Callable[[Path], None] | None = None,
) -> Path:
    """Copy layers of several GeoPackages into one. Memory does not grow with the layers.

    Args:
        sources: for each layer, in the order wanted, the GeoPackage that holds it.
        out: the GeoPackage to make.
        overwrite: replace what is there.
        add: called with the collected but unnamed file, to put something more into it.

    Returns:
        The path of the result.

    Raises:
        OutputExistsError: if the result is there and may not be replaced.
    """
    form = FORMATS[".gpkg"]
    with staged(out, overwrite=overwrite) as stage, undated():
        for layer, source in sources.items():
            title, description = _told(source, layer)
            with pyogrio.open_arrow(source, layer=layer, use_pyarrow=True) as (about, reader):
                pyogrio.write_arrow(
                    reader,
                    stage.path,
                    layer=layer,
                    driver=form.driver,
                    geometry_name=about["geometry_name"] or "wkb_geometry",
                    geometry_type=about["geometry_type"],
                    crs=about["crs"],
                    dataset_options=dict(form.dataset_options),
                    layer_options={
                        **form.layer_options,
                        "IDENTIFIER": title,
                        "DESCRIPTION": description,
                    },
                )
        if add is not None:
            add(stage.path)
        # Styles come last: OGR would lose them on adding a layer by rewriting.
        for layer, source in sources.items():
            copy_look(source, stage.path, layer)
    return Path(out)


def _told(path: PathLike, layer: str) -> tuple[str, str]:
    """Return the title and the description of a layer."""
    with closing(sqlite3.connect(path)) as database:
        row = database.execute(
            "SELECT identifier, description FROM gpkg_contents WHERE table_name = ?", (layer,)
        ).fetchone()
    title, description = row
    return title or layer, description or ""
