"""From traced polygons to features: chosen by size, cut, smoothed, measured."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray

from geocity.core.areas import GroundMeasure, Outlines
from geocity.core.probability_tally import ProbabilityTally
from geocity.core.simplify import dice, simplify_coverage
from geocity.core.traced_polygons import TracedPolygons

_CLASS_VALUES = 255


@dataclass(frozen=True, slots=True)
class PolygonFeatures:
    """Polygons with what is told of each.

    Attributes:
        places: where each stands in the order of the layer; pieces of one polygon share theirs.
        values: class of each.
        n_px: pixels it was made of.
        outlines: in pixel coordinates.
        prob_mean: mean probability of its pixels, NaN where none is known; None if nobody asked.
        prob_p10: the tenth percentile.
    """

    places: NDArray[np.int64]
    values: NDArray[np.uint8]
    n_px: NDArray[np.int64]
    outlines: Outlines
    prob_mean: NDArray[np.float64] | None = None
    prob_p10: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.values)

    @classmethod
    def of(cls, traced: TracedPolygons) -> "PolygonFeatures":
        """Return traced polygons as they are."""
        mean, tenth = traced.tally.summary(len(traced)) if traced.tally else (None, None)
        return cls(traced.places(), traced.values, traced.n_px, traced.outlines(), mean, tenth)

    def joined(self, *others: "PolygonFeatures") -> "PolygonFeatures":
        """Return these features and others behind them."""
        parts = (self, *others)
        return PolygonFeatures(
            np.concatenate([part.places for part in parts]),
            np.concatenate([part.values for part in parts]),
            np.concatenate([part.n_px for part in parts]),
            self.outlines.joined(*(part.outlines for part in others)),
            _strung([part.prob_mean for part in parts]),
            _strung([part.prob_p10 for part in parts]),
        )


def _strung(columns: Sequence[NDArray[np.float64] | None]) -> NDArray[np.float64] | None:
    known = [column for column in columns if column is not None]
    return np.concatenate(known) if known else None


def large_enough(
    batches: Iterable[TracedPolygons], ground: GroundMeasure, min_area_m2: float
) -> Iterator[TracedPolygons]:
    """Yield the batches without the polygons that are smaller than an area."""
    for batch in batches:
        if min_area_m2 > 0 and len(batch):
            area_m2, _ = ground.measure(batch.outlines())
            # A hair below counts as equal: areas are measured, limits are round numbers.
            yield batch.take(area_m2 >= min_area_m2 * (1 - 1e-6))
        else:
            yield batch


def diced(features: PolygonFeatures, max_vertices: int) -> PolygonFeatures:
    """Cut polygons with too many vertices; every piece keeps the probability of its polygon."""
    outlines = features.outlines
    rings = np.diff(outlines.polygon_offsets)
    vertices = np.diff(outlines.corner_offsets) - rings
    if not (vertices > max_vertices).any():
        return features
    polygons = outlines.geometries()
    pieces = [
        dice(polygon, max_vertices) if too_many else [polygon]
        for polygon, too_many in zip(polygons, vertices > max_vertices, strict=True)
    ]
    owner = np.repeat(np.arange(len(features)), [len(parts) for parts in pieces])
    flat = np.array([piece for parts in pieces for piece in parts], dtype=object)
    return PolygonFeatures(
        features.places[owner],
        features.values[owner],
        np.rint(shapely.area(flat)).astype(np.int64),
        Outlines.of(flat),
        None if features.prob_mean is None else features.prob_mean[owner],
        None if features.prob_p10 is None else features.prob_p10[owner],
    )


def simplified(
    batches: Iterable[PolygonFeatures], cell_m: tuple[float, float], tolerance_m: float
) -> PolygonFeatures:
    """Smooth all polygons together: a border can only stay shared if both sides are at hand."""
    first, *others = batches
    features = first.joined(*others)
    if not len(features):
        return features
    simple = simplify_coverage(features.outlines, cell_m, tolerance_m)
    return replace(features, outlines=Outlines.of(simple))


@dataclass(frozen=True, slots=True)
class MappedFeatures:
    """Features on the map, as they are written.

    Attributes:
        places: where each stands in the order of the layer.
        values: class of each.
        n_px: pixels.
        geometries: polygons, or multipolygons, in the CRS of the grid.
        area_m2: area on the ellipsoid.
        perim_m: length of all rings on the ellipsoid.
        prob_mean: mean probability, or None.
        prob_p10: tenth percentile, or None.
    """

    places: NDArray[np.int64]
    values: NDArray[np.uint8]
    n_px: NDArray[np.int64]
    geometries: NDArray[np.object_]
    area_m2: NDArray[np.float64]
    perim_m: NDArray[np.float64]
    prob_mean: NDArray[np.float64] | None = None
    prob_p10: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.values)

    def joined(self, *others: "MappedFeatures") -> "MappedFeatures":
        """Return these features and others behind them."""
        parts = (self, *others)
        return MappedFeatures(
            np.concatenate([part.places for part in parts]),
            np.concatenate([part.values for part in parts]),
            np.concatenate([part.n_px for part in parts]),
            np.concatenate([part.geometries for part in parts]),
            np.concatenate([part.area_m2 for part in parts]),
            np.concatenate([part.perim_m for part in parts]),
            _strung([part.prob_mean for part in parts]),
            _strung([part.prob_p10 for part in parts]),
        )


def on_map(features: PolygonFeatures, ground: GroundMeasure, transform: Affine) -> MappedFeatures:
    """Measure features and put them on the map."""
    area_m2, perim_m = ground.measure(features.outlines)
    return MappedFeatures(
        features.places,
        features.values,
        features.n_px,
        features.outlines.geometries(transform),
        area_m2,
        perim_m,
        features.prob_mean,
        features.prob_p10,
    )


def by_class(features: MappedFeatures, tally: ProbabilityTally) -> MappedFeatures:
    """Put all polygons of a class together to one multipolygon.

    Args:
        features: single polygons.
        tally: probabilities by class value; used where the features have any.
    """
    values, member = np.unique(features.values, return_inverse=True)
    order = np.argsort(member, kind="stable")
    count = len(values)
    parts = shapely.multipolygons(features.geometries[order], indices=member[order])
    mean, tenth = tally.summary(_CLASS_VALUES) if features.prob_mean is not None else (None, None)
    return MappedFeatures(
        np.arange(count),
        values,
        np.bincount(member, features.n_px, count).astype(np.int64),
        np.asarray(parts, dtype=object),
        np.bincount(member, features.area_m2, count).astype(np.float64),
        np.bincount(member, features.perim_m, count).astype(np.float64),
        None if mean is None else mean[values],
        None if tenth is None else tenth[values],
    )


class TallyByClass:
    """Sums up the probabilities of polygons by class while they pass by."""

    def __init__(self) -> None:
        self.tally = ProbabilityTally()

    def watch(self, batches: Iterable[TracedPolygons]) -> Iterator[TracedPolygons]:
        """Yield the batches as they are."""
        for batch in batches:
            if batch.tally is not None:
                self.tally = self.tally.merged(batch.tally, batch.values.astype(np.int64))
            yield batch

    def add(self, tally: ProbabilityTally) -> None:
        """Count what another one has summed up."""
        self.tally = self.tally.merged(tally, np.arange(_CLASS_VALUES))
