"""The street plans of six made-up cities: which ground is street, water or block.

Everything is in local metres, x to the east, y to the north, (0, 0) in the lower left corner of a
site. Plans reach beyond the site on all sides, so that nothing ends at the picture's edge.
"""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import shapely
from shapely import LineString, MultiPoint, Point, Polygon, box
from shapely.affinity import rotate
from shapely.geometry.base import BaseGeometry
from shapely.ops import unary_union, voronoi_diagram

EXTENT_M = 409.6
MARGIN_M = 60.0
AREA = box(-MARGIN_M, -MARGIN_M, EXTENT_M + MARGIN_M, EXTENT_M + MARGIN_M)
MIDDLE = (EXTENT_M / 2, EXTENT_M / 2)


@dataclass
class Plan:
    """A site's ground plan.

    Attributes:
        streets: carriageways, one polygon each, wide ones last.
        quays: paved strips under the streets and beside the water.
        water: canals.
        blocks: what lies between, for houses.
        axes: centre lines of the streets, for rows of trees and cars.
        angle_deg: the direction that the plan follows, where it has one.
        centre: of its rings, where it has some.
    """

    streets: list[BaseGeometry]
    blocks: list[Polygon]
    axes: list[LineString]
    quays: list[BaseGeometry] = field(default_factory=list)
    water: list[BaseGeometry] = field(default_factory=list)
    angle_deg: float = 0.0
    centre: tuple[float, float] | None = None


def polygons_of(geometry: BaseGeometry, least_m2: float = 60.0) -> list[Polygon]:
    """Return the polygons of a geometry that are large enough to matter."""
    parts = shapely.get_parts(geometry)
    return [p for p in parts if isinstance(p, Polygon) and p.area >= least_m2]


def _between(covered: list[BaseGeometry], least_m2: float) -> list[Polygon]:
    return polygons_of(AREA.difference(unary_union(covered)), least_m2)


def _turned(lines: list[LineString], angle_deg: float) -> list[LineString]:
    return [rotate(line, angle_deg, origin=MIDDLE) for line in lines]


def _ladder(rng: np.random.Generator, spacing_m: float, jitter_m: float) -> np.ndarray:
    """Positions of parallel streets across twice the extent, a random phase."""
    steps = np.arange(-EXTENT_M, 2 * EXTENT_M, spacing_m) + rng.uniform(0, spacing_m)
    return steps + rng.normal(0, jitter_m, len(steps))


def square_grid(rng: np.random.Generator) -> Plan:
    """Equal square blocks with cut corners, every street alike, one wide avenue."""
    angle = float(rng.uniform(-40, 40))
    reach = (-EXTENT_M, 2 * EXTENT_M)
    ups = [LineString([(x, reach[0]), (x, reach[1])]) for x in _ladder(rng, 66, 0.8)]
    acrosses = [LineString([(reach[0], y), (reach[1], y)]) for y in _ladder(rng, 66, 0.8)]
    axes = _turned([*ups, *acrosses], angle)
    avenue = int(rng.integers(len(ups) // 3, 2 * len(ups) // 3))
    streets = [
        axis.buffer(10.0 if i == avenue else 5.5, cap_style="flat") for i, axis in enumerate(axes)
    ]
    blocks = [
        b.buffer(-7).buffer(7, quad_segs=1, join_style="bevel") for b in _between(streets, 900)
    ]
    return Plan(streets, [p for b in blocks for p in polygons_of(b, 900)], axes, angle_deg=angle)


def rings_and_rays(rng: np.random.Generator) -> Plan:
    """Rings around a round square, cut by rays that double as the rings grow."""
    x, y = rng.uniform(-0.15, 1.15, 2) * EXTENT_M
    centre, turn = Point(x, y), rng.uniform(0, 2 * np.pi)
    radii = np.arange(46, 1100, 58.0)
    axes = [LineString(centre.buffer(r, quad_segs=48).exterior.coords) for r in radii]
    widths = [4.5 if i % 3 else 8.0 for i in range(len(radii))]
    for start, first, count in ((46.0, 0, 12), (162.0, 12, 12), (394.0, 24, 24), (742.0, 48, 48)):
        for k in range(count):
            offset = 0.0 if first == 0 else 0.5
            a = turn + 2 * np.pi * (k + offset) / count
            ends = [(x + r * np.cos(a), y + r * np.sin(a)) for r in (start, 1200.0)]
            axes.append(LineString(ends))
            widths.append(7.0 if first == 0 and k % 3 == 0 else 4.0)
    axes, widths = zip(
        *((a, w) for a, w in zip(axes, widths, strict=True) if a.intersects(AREA)), strict=True
    )
    streets = [a.buffer(w, cap_style="flat") for a, w in zip(axes, widths, strict=True)]
    return Plan(streets, _between(streets, 350), list(axes), centre=(x, y))


def crooked_alleys(rng: np.random.Generator) -> Plan:
    """An old town: cells of a Voronoi diagram, alleys that wind, a few streets a cart can pass."""
    steps = np.arange(-140, EXTENT_M + 140, 44.0)
    gx, gy = np.meshgrid(steps, steps)
    points = np.stack([gx.ravel(), gy.ravel()], 1) + rng.uniform(-21, 21, (gx.size, 2))
    cells = voronoi_diagram(MultiPoint(points), envelope=AREA.buffer(200))
    edges = shapely.get_parts(shapely.line_merge(unary_union([c.boundary for c in cells.geoms])))
    axes = [_wiggled(rng, edge, 2.6) for edge in edges if edge.intersects(AREA)]
    main = [_wiggled(rng, _wandering(rng), 4.0) for _ in range(2)]
    streets = [a.buffer(float(rng.uniform(1.3, 2.2))) for a in axes]
    streets += [a.buffer(4.2) for a in main]
    return Plan(streets, _between(streets, 150), main)


def _wandering(rng: np.random.Generator) -> LineString:
    along = np.linspace(-100, EXTENT_M + 100, 9)
    across = rng.uniform(0.2, 0.8) * EXTENT_M + np.cumsum(rng.normal(0, 26, 9))
    flat = LineString(np.stack([along, across], 1))
    return rotate(flat, float(rng.uniform(0, 180)), origin=MIDDLE)


def _wiggled(rng: np.random.Generator, line: LineString, sigma_m: float) -> LineString:
    count = max(2, int(line.length / 9))
    along = [line.interpolate(t, normalized=True).coords[0] for t in np.linspace(0, 1, count + 1)]
    points = np.array(along)
    points[1:-1] += rng.normal(0, sigma_m, (count - 1, 2))
    return LineString(points)


def superblocks(rng: np.random.Generator) -> Plan:
    """Boulevards far apart, and inside them lawns with slabs and looping drives."""
    angle = float(rng.uniform(-40, 40))
    reach = (-EXTENT_M, 2 * EXTENT_M)
    ups = [LineString([(x, reach[0]), (x, reach[1])]) for x in _ladder(rng, 236, 6.0)]
    acrosses = [LineString([(reach[0], y), (reach[1], y)]) for y in _ladder(rng, 216, 6.0)]
    axes = _turned([*ups, *acrosses], angle)
    streets = [axis.buffer(13.0, cap_style="flat") for axis in axes]
    return Plan(streets, _between(streets, 2500), axes, angle_deg=angle)


def canals(rng: np.random.Generator) -> Plan:
    """Canals side by side with quays, long terraces between them, and bridges."""
    angle, bend = float(rng.uniform(0, 180)), float(rng.uniform(18, 34))
    phase, wave = rng.uniform(0, 2 * np.pi), rng.uniform(500, 700)
    along = np.arange(-EXTENT_M, 2 * EXTENT_M, 12.0)
    sway = bend * np.sin(2 * np.pi * along / wave + phase)
    lines = [LineString(np.stack([along, y + sway], 1)) for y in _ladder(rng, 84, 0.8)]
    crossings = [
        LineString([(x, -EXTENT_M), (x + rng.normal(0, 8), 2 * EXTENT_M)])
        for x in _ladder(rng, 128, 9)
    ]
    lines, crossings = _turned(lines, angle), _turned(crossings, angle)
    lines = [line for line in lines if line.intersects(AREA)]
    water = [line.buffer(7.0, cap_style="flat") for line in lines]
    quays = [line.buffer(13.0, cap_style="flat") for line in lines]
    streets = [line.buffer(3.6, cap_style="flat") for line in crossings]
    axes = [line.parallel_offset(10.6, side) for line in lines for side in ("left", "right")]
    blocks = _between([*quays, *streets], 500)
    return Plan(streets, blocks, axes, quays=quays, water=water, angle_deg=angle)


def contour_roads(rng: np.random.Generator) -> Plan:
    """A slope: narrow roads that follow it in curves, hairpins between them."""
    angle = float(rng.uniform(0, 180))
    along = np.arange(-EXTENT_M, 2 * EXTENT_M, 8.0)
    phases, waves = rng.uniform(0, 2 * np.pi, 3), rng.uniform((330, 150, 90), (460, 210, 120))
    axes = []
    for k, base in enumerate(np.arange(-EXTENT_M, 2 * EXTENT_M, 64.0)):
        drift = k * 0.22
        sway = 46 * np.sin(2 * np.pi * along / waves[0] + phases[0] + drift)
        sway += 17 * np.sin(2 * np.pi * along / waves[1] + phases[1] - 0.7 * drift)
        sway += 5 * np.sin(2 * np.pi * along / waves[2] + phases[2])
        axes.append(LineString(np.stack([along, base + sway], 1)))
    links = []
    for lower, upper in pairwise(axes):
        for t in np.arange(rng.uniform(0, 0.12), 1, 0.16):
            start = lower.interpolate(t, normalized=True)
            end = upper.interpolate(t + rng.uniform(0.02, 0.05), normalized=True)
            links.append(LineString([start, end]))
    axes = [a for a in _turned([*axes, *links], angle) if a.intersects(AREA)]
    streets = [axis.buffer(3.1) for axis in axes]
    return Plan(streets, _between(streets, 300), axes, angle_deg=angle)
