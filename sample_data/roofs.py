"""Roofs, and everything else that stands on the ground as a rectangle: a table of them, and makers.

All makers return a `Roofs` table. Later rows of a table are drawn over earlier ones.
"""

from dataclasses import dataclass, fields

import numpy as np
import shapely
from layout import Block, Plan, frame, on_land, parcels
from shapely import Polygon
from shapely.geometry.base import BaseGeometry

FLAT, GABLE, PANELS, SHED = 0, 1, 2, 3

PALETTE = np.array(
    [
        (186, 181, 172),  # 0 pale concrete
        (160, 155, 147),  # 1 concrete
        (124, 119, 112),  # 2 weathered concrete
        (141, 100, 79),  # 3 rusted sheet
        (166, 108, 84),  # 4 tiles
        (208, 209, 206),  # 5 bright sheet
        (149, 152, 153),  # 6 grey sheet
        (92, 120, 152),  # 7 blue sheet
        (130, 114, 98),  # 8 brown asbestos cement
        (106, 126, 110),  # 9 green sheet
        (224, 221, 213),  # 10 lime wash
    ],
    dtype=np.float64,
)
# Houses, workshops and slums draw their roofs from these same shares: colour cannot part them.
SHARED_ROOFS = (0.12, 0.16, 0.15, 0.13, 0.10, 0.06, 0.12, 0.04, 0.09, 0.02, 0.01)
SHED_ROOFS = (0.10, 0.06, 0.03, 0.06, 0.0, 0.34, 0.20, 0.13, 0.02, 0.04, 0.02)
SLAB_ROOFS = (0.34, 0.28, 0.14, 0.02, 0.05, 0.0, 0.02, 0.0, 0.0, 0.0, 0.15)
CAR_COLORS = np.array(
    [(225, 225, 222), (190, 192, 194), (60, 62, 66), (120, 40, 38), (52, 70, 104), (214, 176, 60)]
)
BOX_COLORS = np.array(
    [(150, 74, 56), (62, 92, 130), (96, 116, 92), (196, 196, 190), (168, 128, 66), (92, 92, 94)]
)


@dataclass(frozen=True)
class Roofs:
    """A table of rectangles standing on the ground, n rows.

    Attributes:
        centre: (n, 2) metres.
        angle: (n,) of the first side, radians.
        size: (n, 2) length and width, metres.
        height: (n,) metres above the ground.
        color: (n, 3) red, green, blue, 0 to 255.
        style: (n,) FLAT, GABLE, PANELS or SHED.
        from_year, to_year: (n,) the thing stands on a date d if from_year <= d < to_year.
    """

    centre: np.ndarray
    angle: np.ndarray
    size: np.ndarray
    height: np.ndarray
    color: np.ndarray
    style: np.ndarray
    from_year: np.ndarray
    to_year: np.ndarray

    def __len__(self) -> int:
        return len(self.angle)

    def pick(self, index: np.ndarray) -> "Roofs":
        """The rows that an index or a mask chooses."""
        return Roofs(*(getattr(self, f.name)[index] for f in fields(self)))

    def polygons(self) -> np.ndarray:
        """The rectangles as shapely polygons, (n,)."""
        half = self.size / 2
        signs = np.array([(1, 1), (-1, 1), (-1, -1), (1, -1)])
        local = half[:, None, :] * signs
        cos, sin = np.cos(self.angle)[:, None], np.sin(self.angle)[:, None]
        x = local[..., 0] * cos - local[..., 1] * sin
        y = local[..., 0] * sin + local[..., 1] * cos
        return shapely.polygons(np.stack([x, y], axis=-1) + self.centre[:, None, :])

    def away_from(self, area: BaseGeometry) -> "Roofs":
        """The rows whose rectangle does not touch an area."""
        shapely.prepare(area)
        return self.pick(~shapely.intersects(area, self.polygons()))

    def on_date(self, year: int) -> "Roofs":
        """The rows that stand in a year."""
        return self.pick((self.from_year <= year) & (year < self.to_year))


def rectangles(
    centre: np.ndarray, angle: np.ndarray, length: np.ndarray, width: np.ndarray
) -> Roofs:
    """A table with the given rectangles, everything else at its default."""
    n = len(angle)
    size = np.column_stack([length, width]).astype(float)
    return Roofs(
        np.asarray(centre, float).reshape(n, 2), np.asarray(angle, float), size, np.full(n, 3.0),
        np.full((n, 3), 150.0), np.zeros(n, int), np.zeros(n, int), np.full(n, 9999),
    )  # fmt: skip


def stack(tables: list[Roofs]) -> Roofs:
    """Several tables as one, in order."""
    return Roofs(*(np.concatenate([getattr(t, f.name) for t in tables]) for f in fields(Roofs)))


def draw_colors(
    n: int, shares: tuple[float, ...], rng: np.random.Generator, spread: float = 9
) -> np.ndarray:
    """Draw n roof colours from the palette, with the wear of the years on them."""
    share = np.asarray(shares) / np.sum(shares)
    base = PALETTE[rng.choice(len(PALETTE), n, p=share)]
    return base + rng.normal(0, spread, (n, 1)) + rng.normal(0, 4, (n, 3))


def leaning(
    shares: tuple[float, ...], strength: float, rng: np.random.Generator
) -> tuple[float, ...]:
    """Shares that lean, as those of one neighbourhood do, to some of the colours."""
    return tuple(np.asarray(shares) * np.exp(rng.normal(0, strength, len(shares))))


def local_points(polygon: Polygon, u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, float]:
    """Points at (u, v) metres along and across a polygon's oriented box, from its centre."""
    x, y, angle, _, _ = frame(polygon)
    cos, sin = np.cos(angle), np.sin(angle)
    return np.column_stack([x + u * cos - v * sin, y + u * sin + v * cos]), angle


def houses(block: Block, rng: np.random.Generator) -> tuple[Roofs, list[Polygon]]:
    """The plots of a planned block and a house on most of them."""
    plot_area = rng.uniform(170, 430)
    plots = list(parcels(block.polygon, plot_area, rng, jitter=0.06, tilt=0.02))
    boxes = np.array([frame(p) for p in plots])
    n = len(plots)
    centre, angle = boxes[:, :2], boxes[:, 2]
    length = np.clip(boxes[:, 3] * rng.uniform(0.62, 0.9, n), 5, 26)
    width = np.clip(boxes[:, 4] * rng.uniform(0.6, 0.88, n), 4.5, 18)
    table = rectangles(centre + rng.normal(0, 0.7, (n, 2)), angle, length, width)
    table.height[:] = rng.choice([3.6, 6.6, 9.8], n, p=[0.4, 0.45, 0.15])
    shares = leaning(SHARED_ROOFS, 0.7, rng)
    table.color[:] = draw_colors(n, shares, rng)
    table.style[:] = rng.choice([FLAT, GABLE, PANELS], n, p=[0.5, 0.3, 0.2])
    table.from_year[:] = np.where(rng.uniform(size=n) < 0.035, 2016, 0)
    wing = table.pick(np.arange(n)[rng.uniform(size=n) < 0.45])
    shift = wing.size[:, 0] * rng.choice([-0.3, 0.3], len(wing))
    wing.centre[:] += np.column_stack([np.cos(wing.angle), np.sin(wing.angle)]) * shift[:, None]
    wing.size[:] *= rng.uniform(0.35, 0.6, (len(wing), 1)) * np.array([[1.0, 2.0]])
    wing.height[:] *= 0.8
    wing.color[:] = draw_colors(len(wing), shares, rng)
    standing = rng.uniform(size=n) < 0.93
    return stack([table.pick(standing), wing]), plots


def slabs(polygon: Polygon, rng: np.random.Generator, from_year: int = 0) -> Roofs:
    """Apartment slabs in rows."""
    _, _, _, length, width = frame(polygon)
    deep, gap = rng.uniform(12, 16), rng.uniform(17, 26)
    long = rng.uniform(34, 58)
    v = np.arange(-width / 2 + deep / 2 + 5, width / 2 - deep / 2, deep + gap)
    u = np.arange(-length / 2 + long / 2 + 6, length / 2 - long / 2, long + rng.uniform(9, 14))
    uu, vv = (a.ravel() for a in np.meshgrid(u, v))
    centre, angle = local_points(polygon, uu, vv)
    n = len(centre)
    table = rectangles(centre, np.full(n, angle), np.full(n, long), np.full(n, deep))
    table.height[:] = rng.uniform(13, 25) + rng.normal(0, 1.5, n)
    table.color[:] = draw_colors(n, SLAB_ROOFS, rng, spread=5)
    table.from_year[:] = from_year
    return inside(table, polygon.buffer(1.0))


def inside(table: Roofs, area: BaseGeometry) -> Roofs:
    """The rows whose rectangle lies wholly in an area."""
    shapely.prepare(area)
    return table.pick(shapely.contains(area, table.polygons()))


def sheds(polygon: Polygon, rng: np.random.Generator) -> Roofs:
    """Factory sheds, and in the yard between them containers and lorries."""
    tables = []
    for lot in parcels(polygon, rng.uniform(2800, 6500), rng, jitter=0.15, tilt=0.0):
        x, y, angle, length, width = frame(lot)
        table = rectangles(
            np.array([[x, y]]), np.array([angle]),
            np.array([length * rng.uniform(0.62, 0.84)]),
            np.array([width * rng.uniform(0.55, 0.78)]),
        )  # fmt: skip
        table.height[:] = rng.uniform(7, 12)
        table.color[:] = draw_colors(1, SHED_ROOFS, rng)
        table.style[:] = SHED
        tables.append(table)
        n = int(rng.integers(0, 16))
        u = -length / 2 + 4 + 3.1 * np.arange(n)
        centre, _ = local_points(lot, u, np.full(n, width / 2 - 8.0))
        boxes = rectangles(centre, np.full(n, angle + np.pi / 2), np.full(n, 9.0), np.full(n, 2.5))
        boxes.height[:] = 2.6
        boxes.color[:] = BOX_COLORS[rng.integers(0, len(BOX_COLORS), n)] + rng.normal(0, 8, (n, 3))
        tables.append(boxes.pick(rng.uniform(size=n) < 0.8))
    return inside(stack(tables), polygon)


def workshops(polygon: Polygon, rng: np.random.Generator) -> Roofs:
    """Rows of workshops or market halls, roof against roof, parted by straight lanes."""
    _, _, _, length, width = frame(polygon)
    deep, front = rng.uniform(5.0, 9.0), rng.uniform(4.0, 8.5)
    lane = rng.uniform(2.8, 4.4)
    pair = 2 * deep + lane
    rows = np.arange(-width / 2 + deep / 2 + 1, width / 2, pair)
    v = np.concatenate([rows, rows + deep])
    u = np.arange(-length / 2 + front / 2 + 1, length / 2, front)
    uu, vv = (a.ravel() for a in np.meshgrid(u, v))
    centre, angle = local_points(polygon, uu, vv)
    n = len(centre)
    table = rectangles(centre, np.full(n, angle), np.full(n, front - 0.3), np.full(n, deep - 0.2))
    table.height[:] = rng.choice([3.4, 4.4, 6.2], n)
    table.color[:] = draw_colors(n, leaning(SHARED_ROOFS, 0.4, rng), rng, spread=12)
    table.style[:] = rng.choice([FLAT, GABLE, PANELS], n, p=[0.3, 0.35, 0.35])
    return inside(table, polygon.buffer(0.6))


def campus(polygon: Polygon, rng: np.random.Generator) -> Roofs:
    """A school or hospital: a few long wings set at right angles."""
    _, _, angle, length, width = frame(polygon)
    u = rng.uniform(-0.3, 0.3, 7) * length
    v = rng.uniform(-0.3, 0.3, 7) * width
    centre, _ = local_points(polygon, u, v)
    turn = rng.choice([0, np.pi / 2], 7)
    table = rectangles(centre, angle + turn, rng.uniform(28, 62, 7), rng.uniform(10, 15, 7))
    table.height[:] = rng.uniform(6, 12, 7)
    table.color[:] = draw_colors(7, SLAB_ROOFS, rng, spread=6)
    table.style[:] = rng.choice([FLAT, GABLE], 7)
    return inside(table, polygon)


def rooftop_boxes(table: Roofs, rng: np.random.Generator) -> Roofs:
    """Water tanks, stair heads and sheds on flat roofs."""
    area = table.size.prod(axis=1)
    flat = np.flatnonzero((table.style == FLAT) & (area > 45))
    owner = np.repeat(flat, np.clip((area[flat] / 55).astype(int), 1, 6))
    owner = owner[rng.uniform(size=len(owner)) < 0.75]
    n = len(owner)
    off = rng.uniform(-0.38, 0.38, (n, 2)) * table.size[owner]
    cos, sin = np.cos(table.angle[owner]), np.sin(table.angle[owner])
    shift = np.column_stack([off[:, 0] * cos - off[:, 1] * sin, off[:, 0] * sin + off[:, 1] * cos])
    length, width = rng.uniform(1.2, 3.8, n), rng.uniform(1.1, 2.8, n)
    made = rectangles(table.centre[owner] + shift, table.angle[owner], length, width)
    made.height[:] = table.height[owner] + rng.uniform(0.8, 2.4, n)
    made.color[:] = np.clip(table.color[owner] + rng.normal(0, 26, (n, 1)), 40, 235)
    made.from_year[:] = table.from_year[owner]
    made.to_year[:] = table.to_year[owner]
    return made


def cars(plan: Plan, spacing_m: float, rng: np.random.Generator) -> Roofs:
    """Cars and lorries on the roads of first and second rank; other ones on each call."""
    tables = []
    for lines, lanes, spacing in (
        (plan.arterials, (2.6, 6.0), spacing_m),
        (plan.secondaries, (1.9, 4.4), spacing_m * 2.2),
    ):
        for line in shapely.get_parts(shapely.line_merge(lines)):
            n = int(line.length / spacing)
            if n == 0:
                continue
            at = rng.uniform(0, line.length, n)
            here = shapely.get_coordinates(shapely.line_interpolate_point(line, at))
            there = shapely.get_coordinates(shapely.line_interpolate_point(line, at + 0.5))
            angle = np.arctan2(*(there - here).T[::-1])
            side = rng.choice(lanes, n) * rng.choice([-1, 1], n)
            centre = here + np.column_stack([-np.sin(angle), np.cos(angle)]) * side[:, None]
            lorry = rng.uniform(size=n) < 0.14
            table = rectangles(centre, angle, np.where(lorry, 9.5, 4.3), np.where(lorry, 2.5, 1.8))
            table.height[:] = np.where(lorry, 3.0, 1.4)
            table.color[:] = CAR_COLORS[rng.integers(0, len(CAR_COLORS), n)]
            tables.append(table)
    made = stack(tables)
    return made.pick(~on_land(made.centre, plan.river.difference(plan.bridges)))
