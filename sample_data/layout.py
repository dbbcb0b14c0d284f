"""The ground plan of the made-up city: districts, blocks, roads, river and railway.

Everything is in local metres: x to the east, y to the north, (0, 0) in the lower left corner of the
scene. The plan reaches beyond the scene on all sides, so that nothing ends at the picture's edge.

The street pattern comes from splitting a polygon across its longer side again and again (the usual
way of city generators), then bending the result with a smooth warp, so that no street is quite
straight.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from shapely import LineString, MultiLineString, Point, Polygon, box
from shapely.affinity import rotate, scale
from shapely.geometry.base import BaseGeometry
from shapely.ops import split, unary_union

EXTENT_M = 1638.4
ARTERIAL_HALF_WIDTH_M = 10.5
SECONDARY_HALF_WIDTH_M = 5.5
LOCAL_HALF_WIDTH_M = 3.2
RIVER_HALF_WIDTH_M = 26.0
RAIL_HALF_WIDTH_M = 7.5

# A deck of uses, dealt to the districts in order of position, spreads every use over the scene.
USES = (
    ["planned"] * 13
    + ["apartments"] * 4
    + ["industry"] * 4
    + ["workshops"] * 4
    + ["park"] * 2
    + ["open"] * 4
    + ["campus"]
)
BLOCK_AREA_M2 = {
    "planned": 6500.0,
    "apartments": 14000.0,
    "industry": 13000.0,
    "workshops": 4200.0,
    "park": 60000.0,
    "open": 26000.0,
    "campus": 30000.0,
    "farm": 5200.0,
}


@dataclass(frozen=True)
class Block:
    """One block between streets: its polygon without the streets, and what it is used for."""

    polygon: Polygon
    use: str


@dataclass(frozen=True)
class Plan:
    """The whole ground plan.

    Attributes:
        quarters: polygons between the arterial roads; the wards are made of them.
        districts: polygons between roads of second rank, without the roads.
        blocks: blocks between local streets, without the streets.
        arterials: centre lines of the arterial roads.
        secondaries: centre lines of the roads of second rank.
        river, lakes, rail, bridges: areas.
        rail_line: centre line of the railway.
    """

    quarters: list[Polygon]
    districts: list[Polygon]
    blocks: list[Block]
    arterials: BaseGeometry
    secondaries: BaseGeometry
    river: BaseGeometry
    lakes: BaseGeometry
    rail: BaseGeometry
    rail_line: LineString
    bridges: BaseGeometry

    @property
    def water(self) -> BaseGeometry:
        """River and lakes together."""
        return unary_union([self.river, self.lakes])


def polygons_of(geometry: BaseGeometry, min_area_m2: float = 0.0) -> list[Polygon]:
    """The polygons inside any geometry, small ones left out."""
    parts = shapely.get_parts(geometry, return_index=False)
    return [p for p in parts if p.geom_type == "Polygon" and p.area > min_area_m2]


def frame(polygon: Polygon) -> tuple[float, float, float, float, float]:
    """The oriented box of a polygon: (x, y, angle of the long side, length, width)."""
    corners = np.asarray(polygon.minimum_rotated_rectangle.exterior.coords)
    first, second = corners[1] - corners[0], corners[2] - corners[1]
    if np.hypot(*first) < np.hypot(*second):
        first, second = second, first
    x, y = corners[:4].mean(axis=0)
    angle = float(np.arctan2(first[1], first[0]))
    return float(x), float(y), angle, float(np.hypot(*first)), float(np.hypot(*second))


def halve(polygon: Polygon, rng: np.random.Generator, jitter: float, tilt: float) -> list[Polygon]:
    """Cut a polygon in two across its longer side, near the middle."""
    x, y, angle, length, _ = frame(polygon)
    along = np.array([np.cos(angle), np.sin(angle)])
    middle = np.array([x, y]) + along * length * rng.uniform(-jitter, jitter)
    across = angle + np.pi / 2 + rng.uniform(-tilt, tilt)
    reach = np.array([np.cos(across), np.sin(across)]) * 5000
    return polygons_of(split(polygon, LineString([middle - reach, middle + reach])))


def parcels(
    polygon: Polygon,
    area_m2: float,
    rng: np.random.Generator,
    *,
    jitter: float = 0.1,
    tilt: float = 0.06,
) -> Iterator[Polygon]:
    """Split a polygon until every piece is smaller than about `area_m2`."""
    stack = [polygon]
    while stack:
        piece = stack.pop()
        if piece.area <= area_m2 * rng.uniform(1.0, 1.45):
            yield piece
        else:
            stack.extend(halve(piece, rng, jitter, tilt))


def bend(geometry: BaseGeometry) -> BaseGeometry:
    """Bend a geometry with the city's smooth warp (up to 30 m, over several hundred metres)."""

    def warp(xy: np.ndarray) -> np.ndarray:
        x, y = xy[:, 0], xy[:, 1]
        dx = 20 * np.sin(y / 190 + 0.7) + 9 * np.sin((x + y) / 110)
        dy = 17 * np.sin(x / 210 + 2.1) + 8 * np.sin((x - 1.4 * y) / 130 + 1.0)
        return np.column_stack([x + dx, y + dy])

    return shapely.transform(shapely.segmentize(geometry, 18.0), warp)


def river_line() -> LineString:
    """The river's course, from the north-west to the south-east."""
    s = np.linspace(-0.25, 1.25, 160)
    x = EXTENT_M * (0.16 + 0.74 * s) + 95 * np.sin(7.1 * s + 0.6) + 30 * np.sin(17 * s)
    y = EXTENT_M * (0.97 - 0.93 * s) + 80 * np.sin(5.3 * s + 2.2)
    return LineString(np.column_stack([x, y]))


def uneven_buffer(line: LineString, half_width_m: float, rng: np.random.Generator) -> BaseGeometry:
    """A band along a line whose width changes slowly from place to place."""
    points = shapely.line_interpolate_point(line, np.arange(0, line.length, 12.0))
    steps = np.convolve(rng.normal(size=len(points) + 24), np.hanning(25), "same")[12:-12]
    widths = half_width_m * np.clip(1 + 0.10 * steps, 0.6, 1.6)
    return unary_union(shapely.buffer(points, widths)).simplify(0.5)


def band(lines: BaseGeometry, half_width_m: float) -> BaseGeometry:
    """Buffer a road network piece by piece, which is far quicker than buffering it whole."""
    pieces = shapely.get_parts(shapely.line_merge(lines))
    return unary_union(shapely.buffer(pieces, half_width_m))


def crossings(lines: BaseGeometry, area: BaseGeometry, max_length_m: float) -> BaseGeometry:
    """The pieces of road lines that cross an area by a short way: these become bridges."""
    pieces = shapely.get_parts(lines.intersection(area.buffer(3)))
    return MultiLineString(
        [p for p in pieces if p.geom_type == "LineString" and 8 < p.length < max_length_m]
    )


def uses_for(districts: list[Polygon], rng: np.random.Generator) -> list[str]:
    """Deal uses to districts in order of position; the north-eastern corner is farm land."""
    order = sorted(
        range(len(districts)),
        key=lambda i: (districts[i].centroid.y // 260, districts[i].centroid.x),
    )
    uses = [""] * len(districts)
    deck: list[str] = []
    for i in order:
        centre = districts[i].centroid
        if centre.x + centre.y > 1.78 * EXTENT_M:
            uses[i] = "farm"
            continue
        if not deck:
            deck = list(rng.permutation(USES))
        uses[i] = deck.pop()
    return uses


def plan_city(rng: np.random.Generator) -> Plan:
    """Draw the ground plan."""
    middle = EXTENT_M / 2
    root = rotate(box(middle - 1250, middle - 1250, middle + 1250, middle + 1250), 13)
    raw_quarters = list(parcels(root, 330000.0, rng))
    raw_districts = [d for q in raw_quarters for d in parcels(q, 46000.0, rng)]
    # One set of lines for all, so that neighbouring quarters share their border exactly.
    lines = shapely.union_all([q.boundary for q in raw_quarters], grid_size=0.01)
    arterials = bend(lines)
    quarters = list(shapely.get_parts(shapely.polygonize(shapely.get_parts(arterials))))
    secondaries = unary_union([bend(d).boundary for d in raw_districts]).difference(
        band(arterials, 2.0)
    )
    course = river_line()
    river = uneven_buffer(course, RIVER_HALF_WIDTH_M, rng)
    rail_line = LineString([(-400, 420), (300, 560), (900, 900), (1300, 1010), (2100, 1120)])
    rail_line = LineString(
        shapely.line_interpolate_point(rail_line, np.arange(0, rail_line.length, 60)).tolist()
    )
    rail_line = smooth(rail_line)
    rail = rail_line.buffer(RAIL_HALF_WIDTH_M)
    keep_clear = unary_union([river.buffer(11), rail.buffer(4)])
    roads = band(arterials, ARTERIAL_HALF_WIDTH_M)
    districts, blocks = [], []
    for raw, use in zip(raw_districts, uses_for(raw_districts, rng), strict=True):
        land = bend(raw).buffer(-SECONDARY_HALF_WIDTH_M).difference(roads).difference(keep_clear)
        for district in polygons_of(land, 400.0):
            districts.append(district)
            for piece in parcels(district, BLOCK_AREA_M2[use], rng):
                inner = piece.buffer(-LOCAL_HALF_WIDTH_M if use != "farm" else -0.8)
                blocks.extend(Block(p, use) for p in polygons_of(inner, 120.0))
    bridge_lines = unary_union([crossings(arterials, river, 125), crossings(arterials, rail, 90)])
    return Plan(
        quarters, districts, blocks, arterials, secondaries, river, lakes(blocks, rng), rail,
        rail_line, bridge_lines.buffer(ARTERIAL_HALF_WIDTH_M - 1.5, cap_style="flat"),
    )  # fmt: skip


def lakes(blocks: list[Block], rng: np.random.Generator) -> BaseGeometry:
    """Two lakes, in the roomiest park and the roomiest open ground of the scene's inner part."""
    inner = box(120, 120, EXTENT_M - 120, EXTENT_M - 120)
    result = []
    for use, size in (("park", 0.42), ("open", 0.5)):
        circles = [
            shapely.maximum_inscribed_circle(b.polygon, tolerance=2.0)
            for b in blocks
            if b.use == use and inner.contains(b.polygon)
        ]
        if not circles:
            continue
        radius = max(c.length for c in circles)
        x, y = next(c for c in circles if c.length == radius).coords[0]
        reach = min(radius, 70.0) * size
        course = LineString([(x - 0.8 * reach, y), (x, y + 0.4 * reach), (x + 0.9 * reach, y)])
        result.append(uneven_buffer(course, reach * 0.8, rng))
    return unary_union(result)


def smooth(line: LineString) -> LineString:
    """Round a line's corners by averaging its vertices along the way."""
    xy = np.asarray(line.coords)
    kernel = np.hanning(9) / np.hanning(9).sum()
    padded = np.pad(xy, ((4, 4), (0, 0)), mode="edge")
    xy = np.column_stack([np.convolve(padded[:, i], kernel, "valid") for i in (0, 1)])
    return LineString(xy[2:-2])


def on_land(points: np.ndarray, area: BaseGeometry) -> np.ndarray:
    """Which of the points (n, 2) lie in the area."""
    shapely.prepare(area)
    return shapely.contains_xy(area, points[:, 0], points[:, 1])


def ellipse(x: float, y: float, a: float, b: float, angle_deg: float) -> Polygon:
    """An ellipse with half axes a and b."""
    return rotate(scale(Point(x, y).buffer(1.0, quad_segs=12), a, b), angle_deg)
