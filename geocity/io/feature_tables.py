"""Features on their way from a band of a raster to the layer: plain columns and WKB, in a file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from geocity.core.areas import Outlines
from geocity.core.polygon_features import MappedFeatures, PolygonFeatures

_GEOMETRY = "geometry"


@dataclass(frozen=True, slots=True, eq=False)
class FeatureTable:
    """Features as columns.

    Attributes:
        columns: by name, one value a feature; `places` is where each stands in the layer.
        wkb: their geometries.
    """

    columns: dict[str, NDArray[Any]]
    wkb: pa.BinaryArray

    def __len__(self) -> int:
        return len(self.wkb)

    @classmethod
    def of(cls, features: MappedFeatures | PolygonFeatures) -> "FeatureTable":
        """Return features on the map with their measures, or in pixel coordinates without."""
        columns: dict[str, NDArray[Any]] = {
            "places": features.places,
            "values": features.values,
            "n_px": features.n_px,
        }
        if isinstance(features, MappedFeatures):
            geometries = features.geometries
            columns |= {"area_m2": features.area_m2, "perim_m": features.perim_m}
        else:
            geometries = features.outlines.geometries()
        if features.prob_mean is not None and features.prob_p10 is not None:
            columns |= {"prob_mean": features.prob_mean, "prob_p10": features.prob_p10}
        return cls(columns, pa.array(shapely.to_wkb(geometries), pa.binary()))

    @classmethod
    def merged(cls, tables: Sequence["FeatureTable"]) -> "FeatureTable":
        """Return the features of one table or more, in the order of their places."""
        order = np.argsort(
            np.concatenate([table.columns["places"] for table in tables]), kind="stable"
        )
        columns = {
            name: np.concatenate([table.columns[name] for table in tables])[order]
            for name in tables[0].columns
        }
        wkb = pa.concat_arrays([table.wkb for table in tables])
        return cls(columns, wkb.take(pa.array(order)))

    def take(self, which: NDArray[np.bool_]) -> "FeatureTable":
        """Return some of the features."""
        columns = {name: column[which] for name, column in self.columns.items()}
        return FeatureTable(columns, self.wkb.filter(pa.array(which)))

    def polygon_features(self) -> PolygonFeatures:
        """Return the features that were kept in pixel coordinates."""
        found = self.columns
        return PolygonFeatures(
            found["places"],
            found["values"],
            found["n_px"],
            Outlines.of(self._geometries()),
            found.get("prob_mean"),
            found.get("prob_p10"),
        )

    def mapped_features(self) -> MappedFeatures:
        """Return the features that were kept on the map."""
        found = self.columns
        return MappedFeatures(
            found["places"],
            found["values"],
            found["n_px"],
            self._geometries(),
            found["area_m2"],
            found["perim_m"],
            found.get("prob_mean"),
            found.get("prob_p10"),
        )

    def _geometries(self) -> NDArray[np.object_]:
        return np.asarray(shapely.from_wkb(self.wkb.to_numpy(zero_copy_only=False)), object)

    def write(self, path: Path) -> None:
        """Write them to an Arrow file."""
        names = [*self.columns, _GEOMETRY]
        arrays = [*(pa.array(column) for column in self.columns.values()), self.wkb]
        batch = pa.RecordBatch.from_arrays(arrays, names)
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, batch.schema) as writer:
            writer.write_batch(batch)

    @classmethod
    def read(cls, path: Path) -> "FeatureTable":
        """Read what `write` has written."""
        with pa.OSFile(str(path), "rb") as file:
            batch = pa.ipc.open_file(file).get_batch(0)
        columns = {
            name: batch.column(name).to_numpy() for name in batch.schema.names if name != _GEOMETRY
        }
        return cls(columns, batch.column(_GEOMETRY))
