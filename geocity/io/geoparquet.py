"""GeoParquet 1.1 as a stream of Arrow batches, with a bounding box a row for quick filtering."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyproj
import shapely

_CORNERS = ("xmin", "ymin", "xmax", "ymax")
_BBOX = pa.struct([pa.field(corner, pa.float64()) for corner in _CORNERS])


def write_geoparquet(
    target: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch], crs: pyproj.CRS
) -> None:
    """Write batches whose last column is WKB; geometry types and extent are collected on the way.

    Args:
        target: the file to make.
        schema: of the batches.
        batches: features.
        crs: of the coordinates.
    """
    geometry = schema.names[-1]
    types: set[str] = set()
    bounds = np.array([np.inf, np.inf, -np.inf, -np.inf])
    full = schema.append(pa.field("bbox", _BBOX))
    with pq.ParquetWriter(target, full, compression="zstd") as writer:
        for batch in batches:
            if not batch.num_rows:
                continue
            shapes = shapely.from_wkb(np.asarray(batch.column(geometry), dtype=object))
            boxes = shapely.bounds(shapes)
            bounds[:2] = np.minimum(bounds[:2], boxes[:, :2].min(axis=0))
            bounds[2:] = np.maximum(bounds[2:], boxes[:, 2:].max(axis=0))
            types |= {str(shape.geom_type) for shape in shapes}
            box = pa.StructArray.from_arrays(list(boxes.T), fields=list(_BBOX))
            writer.write_batch(pa.RecordBatch.from_arrays([*batch.columns, box], schema=full))
        writer.add_key_value_metadata({"geo": json.dumps(_metadata(geometry, types, bounds, crs))})


def _metadata(
    geometry: str, types: set[str], bounds: np.ndarray[Any, Any], crs: pyproj.CRS
) -> dict[str, Any]:
    column: dict[str, Any] = {
        "encoding": "WKB",
        "geometry_types": sorted(types),
        "crs": crs.to_json_dict(),
        "covering": {"bbox": {corner: ["bbox", corner] for corner in _CORNERS}},
    }
    if np.isfinite(bounds).all():
        column["bbox"] = bounds.tolist()
    return {"version": "1.1.0", "primary_column": geometry, "columns": {geometry: column}}
