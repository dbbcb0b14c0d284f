"""Pieces that six made-up cities are built of: roofs, plots along a street, gardens, trees."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import shapely
from city_streets import AREA, Plan, polygons_of
from shapely import LineString, Point, Polygon
from shapely.affinity import affine_transform, rotate
from shapely.geometry.base import BaseGeometry

# One palette with one set of shares for every city: colour must not tell which it is.
ROOFS = np.array(
    [
        (172, 100, 76),
        (146, 92, 76),
        (138, 138, 140),
        (186, 184, 180),
        (190, 170, 142),
        (96, 98, 104),
    ]
)
SHARES = np.array([0.22, 0.16, 0.2, 0.16, 0.16, 0.1])

Color = tuple[float, float, float]
Tree = tuple[float, float, float]
"""x, y and the radius of the crown, in metres."""


@dataclass(frozen=True)
class Face:
    """A piece of roof.

    Attributes:
        shape: outline.
        height_m: above the ground.
        color: of `ROOFS`, varied.
        azimuth_deg: where it faces, clockwise from north; None if flat.
    """

    shape: Polygon
    height_m: float
    color: Color
    azimuth_deg: float | None = None


@dataclass
class Site:
    """Everything on the ground of one site."""

    plan: Plan
    faces: list[Face] = field(default_factory=list)
    lawns: list[BaseGeometry] = field(default_factory=list)
    yards: list[BaseGeometry] = field(default_factory=list)
    drives: list[BaseGeometry] = field(default_factory=list)
    pools: list[BaseGeometry] = field(default_factory=list)
    trees: list[Tree] = field(default_factory=list)
    medians: list[BaseGeometry] = field(default_factory=list)
    cars: list[Polygon] = field(default_factory=list)


def color(rng: np.random.Generator) -> Color:
    """Return a roof's colour."""
    base = ROOFS[rng.choice(len(ROOFS), p=SHARES)] * rng.normal(1, 0.07) + rng.normal(0, 4, 3)
    r, g, b = np.clip(base, 30, 235)
    return float(r), float(g), float(b)


def placed(shape: Polygon, x: float, y: float, angle: float) -> Polygon:
    """Turn a shape about (0, 0) by an angle in radians and move it."""
    c, s = np.cos(angle), np.sin(angle)
    return affine_transform(shape, (c, -s, s, c, x, y))


def gable(
    rng: np.random.Generator, x: float, y: float, length: float, width: float, angle: float,
    height_m: float, tint: Color | None = None,
) -> list[Face]:  # fmt: skip
    """A roof of two faces; the ridge runs along `angle` (radians from the x axis)."""
    tint = tint or color(rng)
    faces = []
    for side in (1, -1):
        half = shapely.box(
            -length / 2, min(0, side * width / 2), length / 2, max(0, side * width / 2)
        )
        azimuth = 90 - np.degrees(angle + side * np.pi / 2)
        faces.append(Face(placed(half, x, y, angle), height_m, tint, float(azimuth) % 360))
    return faces


def hip(
    rng: np.random.Generator, x: float, y: float, length: float, width: float, angle: float,
    height_m: float,
) -> list[Face]:  # fmt: skip
    """A roof of four faces."""
    tint, a, b = color(rng), length / 2, width / 2
    ridge = a - b
    outlines = (
        (90, [(-a, b), (a, b), (ridge, 0), (-ridge, 0)]),
        (-90, [(a, -b), (-a, -b), (-ridge, 0), (ridge, 0)]),
        (0, [(a, b), (a, -b), (ridge, 0)]),
        (180, [(-a, -b), (-a, b), (-ridge, 0)]),
    )
    return [
        Face(
            placed(Polygon(points), x, y, angle), height_m, tint,
            (90 - np.degrees(angle) - turn) % 360,
        )
        for turn, points in outlines
    ]  # fmt: skip


@dataclass(frozen=True)
class Front:
    """The street side of a plot: its middle, how wide it is, and which way the block lies."""

    x: float
    y: float
    width: float
    angle: float
    side: float

    def behind(self, depth: float) -> tuple[float, float]:
        """Return the point that lies `depth` metres behind the front."""
        return (
            self.x - self.side * np.sin(self.angle) * depth,
            self.y + self.side * np.cos(self.angle) * depth,
        )


def fronts(
    block: Polygon, step_m: Callable[[], float], inset_m: float, corner_m: float
) -> Iterator[Front]:
    """Walk along a block's edges, plot by plot; curved edges are taken as short straight ones."""
    for part in polygons_of(block.buffer(-inset_m, join_style="mitre"), 40):
        line = LineString(part.simplify(0.8).exterior.coords)
        corners = [*sorted(line.project(Point(c)) for c in line.coords[:-1]), line.length]
        side = 1.0 if part.exterior.is_ccw else -1.0
        for start, end in pairwise(corners):
            at = start + corner_m
            while end - corner_m - at > 3.5:
                width = min(step_m(), end - corner_m - at)
                a, b = line.interpolate(at), line.interpolate(at + width)
                angle = np.arctan2(b.y - a.y, b.x - a.x)
                yield Front((a.x + b.x) / 2, (a.y + b.y) / 2, width, float(angle), side)
                at += width


def scatter(
    rng: np.random.Generator, area: BaseGeometry, per_ha: float, radius: tuple[float, float]
) -> list[Tree]:
    """Return trees at random in an area."""
    if area.is_empty:
        return []
    count = rng.poisson(area.area / 1e4 * per_ha)
    west, south, east, north = area.bounds
    xy = rng.uniform((west, south), (east, north), (int(count * 1.6) + 1, 2))
    inside = shapely.contains_xy(area, xy[:, 0], xy[:, 1])
    return [(float(x), float(y), float(rng.uniform(*radius))) for x, y in xy[inside][:count]]


def row_of_trees(
    rng: np.random.Generator,
    axis: LineString,
    step_m: float,
    offset_m: float,
    radius: tuple[float, float],
) -> list[Tree]:
    """Return trees on both sides of a line."""
    trees = []
    for at in np.arange(rng.uniform(0, step_m), axis.length, step_m):
        p, q = axis.interpolate(at), axis.interpolate(at + 0.5)
        angle = np.arctan2(q.y - p.y, q.x - p.x)
        for side in (-1, 1):
            if rng.random() < 0.8:
                x, y = p.x - side * offset_m * np.sin(angle), p.y + side * offset_m * np.cos(angle)
                trees.append((x, y, float(rng.uniform(*radius))))
    return [t for t in trees if AREA.contains(Point(t[0], t[1]))]


def split(rng: np.random.Generator, shape: Polygon, most_m2: float) -> list[Polygon]:
    """Cut a shape across its longer side until no piece is larger than asked."""
    if shape.area <= most_m2:
        return [shape]
    corners = np.array(shape.minimum_rotated_rectangle.exterior.coords)
    sides = np.linalg.norm(np.diff(corners[:3], axis=0), axis=1)
    along = corners[1] - corners[0] if sides[0] > sides[1] else corners[2] - corners[1]
    start = corners[0] if sides[0] > sides[1] else corners[1]
    point = start + along * rng.uniform(0.38, 0.62)
    across = np.array([-along[1], along[0]]) / np.linalg.norm(along)
    across = across + rng.normal(0, 0.12, 2)
    knife = LineString([point - across * 300, point + across * 300])
    parts = [p for p in shapely.ops.split(shape, knife).geoms if p.area > 12]
    if len(parts) < 2:
        return [shape]
    return [q for p in parts for q in split(rng, p, most_m2)]


def gardens(rng: np.random.Generator, site: Site, block: Polygon, most_m2: float) -> None:
    """Lawns and bare yards, plot by plot."""
    for plot in split(rng, block, most_m2):
        (site.lawns if rng.random() < 0.66 else site.yards).append(plot)


def turned_about(c: Point, x: float, y: float, angle: float) -> tuple[float, float]:
    """Turn an offset in a block's own directions about its middle."""
    turned = rotate(Point(x, y), np.degrees(angle), origin=c)
    return turned.x, turned.y
