"""The slums of the made-up city: where they lie, how they grew, and the roofs inside them.

A settlement starts at a seed and fills the land around it that no road, rail or water takes, in an
order that is distance from the seed made uneven by noise; where it stops is decided by its area.
The settlement of 2025 is the same filling taken further, so it contains that of 2015.
"""

from dataclasses import dataclass, replace

import numpy as np
import shapely
from layout import (
    ARTERIAL_HALF_WIDTH_M,
    EXTENT_M,
    SECONDARY_HALF_WIDTH_M,
    Plan,
    band,
    ellipse,
    on_land,
    polygons_of,
)
from rasterio import features
from rasterio.transform import from_origin
from roofs import FLAT, GABLE, PANELS, SHARED_ROOFS, Roofs, draw_colors, leaning, rectangles
from scipy import ndimage
from shapely import LineString, Polygon
from shapely.geometry.base import BaseGeometry
from shapely.ops import split, unary_union

CELL_M = 2.0
EDGE_MARGIN_M = 62.0  # settlements keep clear of the nodata collar of both dates

NAMES = (
    "Ashkiln", "Bellreed", "Copperlane", "Dustmarket", "Elmferry", "Fennelgate", "Gravelbank",
    "Hollowbridge", "Inkwell Row", "Jutesheds", "Kitefield", "Lampmakers", "Mudlark Steps",
    "Nettlebank", "Osierholm", "Pumphouse", "Quarrymouth", "Ropewalk", "Siltside", "Tilers' Rest",
    "Underline", "Verbena Cut", "Washerfolk", "Yarrow Sidings", "Zinc Lane", "Brackenhithe",
    "Cinder Halt", "Drywell", "Eelpie Bank", "Foundry Back", "Goatmeadow", "Hempyard",
)  # fmt: skip


@dataclass(frozen=True)
class Settlement:
    """One slum: its outline on both dates (None where it does not exist)."""

    name: str
    outline_2015: Polygon | None
    outline_2025: Polygon | None
    replaced_by: str = ""  # for a cleared one: "apartments" or "bare"


def wave(
    points: np.ndarray, length_m: float, rng: np.random.Generator, terms: int = 7
) -> np.ndarray:
    """Smooth random values (about unit variance) at points (n, 2), from a sum of sine waves."""
    angle = rng.uniform(0, 2 * np.pi, terms)
    k = 2 * np.pi / (length_m * rng.uniform(0.7, 1.6, terms))
    phase = rng.uniform(0, 2 * np.pi, terms)
    waves = points[:, :1] * (k * np.cos(angle)) + points[:, 1:] * (k * np.sin(angle)) + phase
    return np.sin(waves).sum(axis=1) * np.sqrt(2 / terms)


def free_land(plan: Plan) -> np.ndarray:
    """Cells of CELL_M on which a settlement may lie (rows from the north)."""
    size = int(EXTENT_M / CELL_M)
    taken = unary_union(
        [
            band(plan.arterials, ARTERIAL_HALF_WIDTH_M + 2.5),
            band(plan.secondaries, SECONDARY_HALF_WIDTH_M + 1.5),
            plan.river.buffer(5),
            plan.lakes.buffer(4),
            plan.rail.buffer(1.5),
        ]
    )
    transform = from_origin(0, EXTENT_M, CELL_M, CELL_M)
    free = features.rasterize([taken], (size, size), transform=transform, all_touched=True) == 0
    margin = int(EDGE_MARGIN_M / CELL_M)
    inside = np.zeros_like(free)
    inside[margin:-margin, margin:-margin] = True
    return free & inside


def preference(plan: Plan, free: np.ndarray) -> np.ndarray:
    """How likely a settlement starts at a cell: open ground, water's edge and railway first."""
    likes = {"open": 3.0, "park": 1.2, "industry": 1.0, "workshops": 0.6, "farm": 1.0}
    transform = from_origin(0, EXTENT_M, CELL_M, CELL_M)
    shapes = [(b.polygon, likes.get(b.use, 0.35)) for b in plan.blocks]
    near = unary_union([plan.river.buffer(38), plan.rail.buffer(34), plan.lakes.buffer(35)])
    base = features.rasterize(shapes, free.shape, transform=transform, dtype="float32")
    edge = features.rasterize([near], free.shape, transform=transform, dtype="float32")
    return np.where(free, base + 2.2 * edge, 0.0)


def seeds(
    weight: np.ndarray, squares: tuple[int, int], rng: np.random.Generator
) -> list[tuple[int, int]]:
    """One seed cell in each square of a grid over the scene, where the weight is high."""
    margin, pad = EDGE_MARGIN_M / CELL_M, 8
    downs, rights = (
        np.linspace(margin, size - margin, n + 1).astype(int)
        for size, n in zip(weight.shape, squares, strict=True)
    )
    found = []
    for top, bottom in zip(downs[:-1] + pad, downs[1:] - pad, strict=True):
        for left, right in zip(rights[:-1] + pad, rights[1:] - pad, strict=True):
            square = weight[top:bottom, left:right]
            chance = (square.astype(np.float64) ** 3).ravel()
            row, col = np.unravel_index(
                rng.choice(chance.size, p=chance / chance.sum()), square.shape
            )
            found.append((int(row + top), int(col + left)))
    return found


def fill_order(seed: tuple[int, int], free: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The cost at which each cell joins the settlement (infinite where it cannot)."""
    rows, cols = np.indices(free.shape, dtype=np.float32)
    dy, dx = (rows - seed[0]) * CELL_M, (cols - seed[1]) * CELL_M
    angle, stretch = rng.uniform(0, np.pi), rng.uniform(1.0, 1.9)
    along, across = dx * np.cos(angle) + dy * np.sin(angle), dy * np.cos(angle) - dx * np.sin(angle)
    distance = np.hypot(along / np.sqrt(stretch), across * np.sqrt(stretch))
    noise = ndimage.gaussian_filter(rng.normal(size=free.shape).astype(np.float32), 9)
    noise += 0.45 * ndimage.gaussian_filter(rng.normal(size=free.shape).astype(np.float32), 4)
    cost = distance * np.exp(0.42 * noise / noise.std())
    return np.where(free, cost, np.inf)


def fill(cost: np.ndarray, seed: tuple[int, int], area_m2: float) -> np.ndarray:
    """The connected cells around the seed, cheapest first, up to an area."""
    low, high = 0.0, 400.0
    for _ in range(16):
        middle = (low + high) / 2
        labels, _ = ndimage.label(cost < middle)
        part = labels == labels[seed] if labels[seed] else np.zeros_like(labels, bool)
        low, high = (middle, high) if part.sum() * CELL_M**2 < area_m2 else (low, middle)
    return ndimage.binary_fill_holes(part) & np.isfinite(cost)


def outline(cells: np.ndarray, corner: tuple[int, int]) -> Polygon | None:
    """The cells' outline as an interpreter would draw it: corners rounded, specks gone."""
    transform = from_origin(corner[1] * CELL_M, EXTENT_M - corner[0] * CELL_M, CELL_M, CELL_M)
    shapes = features.shapes(cells.astype(np.uint8), mask=cells, transform=transform)
    whole = unary_union([shapely.geometry.shape(s) for s, _ in shapes])
    whole = whole.buffer(-3.5).buffer(5.5).buffer(-2.0).simplify(0.7)
    parts = polygons_of(whole, 300.0)
    if not parts:
        return None
    biggest = max(parts, key=lambda p: p.area)
    return Polygon(biggest.exterior, [r for r in biggest.interiors if Polygon(r).area > 400])


def settle(plan: Plan, rng: np.random.Generator) -> list[Settlement]:
    """Place all settlements and let them grow; three are new in 2025, two are cleared by then."""
    free = free_land(plan)
    places = seeds(preference(plan, free), (6, 5), rng)
    names = [str(name) for name in rng.permutation(NAMES)]
    sizes = rng.permutation(1700 + 40000 * np.linspace(0, 1, len(places)) ** 1.35)
    new = set(np.argsort(sizes)[[6, 9, 13]].tolist())
    result: list[Settlement] = []
    for i, place in enumerate(places):
        if not free[place]:
            continue
        before, after = grow(place, free, sizes[i], rng)
        if before is None or after is None:
            continue
        outlines = (None, before) if i in new else (before, after)
        result.append(Settlement(names.pop(), *outlines))
    return give_neighbours(give_holes(clear_two(result), rng), rng, names)


def grow(
    place: tuple[int, int], free: np.ndarray, area_m2: float, rng: np.random.Generator
) -> tuple[Polygon | None, Polygon | None]:
    """The outlines of one settlement before and after its growth; its land is taken from `free`."""
    reach = 170
    top, left = max(0, place[0] - reach), max(0, place[1] - reach)
    window = (slice(top, place[0] + reach), slice(left, place[1] + reach))
    seed = (place[0] - top, place[1] - left)
    cost = fill_order(seed, free[window], rng)
    early, late = (fill(cost, seed, a) for a in (area_m2, area_m2 * rng.uniform(1.35, 2.05)))
    free[window] &= ~ndimage.binary_dilation(early | late, iterations=6)
    before, after = outline(early, (top, left)), outline(late, (top, left))
    if before is not None and after is not None:
        after = max(polygons_of(unary_union([before, after])), key=lambda p: p.area)
    return before, after


def clear_two(settlements: list[Settlement]) -> list[Settlement]:
    """Clear two compact settlements of middle size: one for apartments, one leaves bare ground."""

    def compact(i: int) -> float:
        old = settlements[i].outline_2015
        if old is None or not 6000 < old.area < 21000:
            return 0.0
        return old.area / old.minimum_rotated_rectangle.area

    result = list(settlements)
    order = sorted(range(len(settlements)), key=compact, reverse=True)
    for i, successor in zip(order, ("apartments", "bare"), strict=False):
        result[i] = replace(result[i], outline_2025=None, replaced_by=successor)
    return result


def largest_lasting(settlements: list[Settlement]) -> list[tuple[int, Polygon, Polygon]]:
    """The settlements that stand on both dates, largest first: (position, before, after)."""
    lasting = [
        (i, s.outline_2015, s.outline_2025)
        for i, s in enumerate(settlements)
        if s.outline_2015 is not None and s.outline_2025 is not None
    ]
    return sorted(lasting, key=lambda item: -item[1].area)


def give_holes(settlements: list[Settlement], rng: np.random.Generator) -> list[Settlement]:
    """Cut a pond into the largest settlement and a square into another."""
    lasting = largest_lasting(settlements)
    result = list(settlements)
    for rank, a, b in ((0, 19.0, 12.0), (3, 15.0, 13.0)):
        i, before, after = lasting[rank]
        x, y = shapely.maximum_inscribed_circle(before, tolerance=1.0).coords[0]
        hole = ellipse(x, y, a, b, float(rng.uniform(0, 180)))
        result[i] = replace(
            settlements[i],
            outline_2015=before.difference(hole),
            outline_2025=after.difference(hole),
        )
    return result


def give_neighbours(
    settlements: list[Settlement], rng: np.random.Generator, names: list[str]
) -> list[Settlement]:
    """Cut two large settlements in two by a crooked line: neighbours that share a border."""
    lasting = largest_lasting(settlements)
    result = list(settlements)
    for rank in (1, 4):
        i, before, after = lasting[rank]
        x, y = before.centroid.coords[0]
        angle = rng.uniform(0, np.pi)
        s = np.linspace(-400, 400, 81)
        sway = 9 * np.sin(s / 21) + 5 * np.sin(s / 8 + 1)
        line = LineString(
            np.column_stack(
                [
                    x + s * np.cos(angle) - sway * np.sin(angle),
                    y + s * np.sin(angle) + sway * np.cos(angle),
                ]
            )
        )
        early = sorted(polygons_of(split(before, line)), key=lambda p: -p.area)[:2]
        late = sorted(polygons_of(split(after, line)), key=lambda p: -p.area)
        pairs = [(e, max(late, key=lambda p: p.intersection(e).area)) for e in early]
        result[i] = replace(settlements[i], outline_2015=pairs[0][0], outline_2025=pairs[0][1])
        result.append(Settlement(str(names.pop()), *pairs[1]))
    return result


def holes(settlements: list[Settlement]) -> list[Polygon]:
    """The ponds and squares inside settlements, largest settlement first."""
    outlines = [s.outline_2015 for s in settlements if s.outline_2015 and s.outline_2015.interiors]
    outlines.sort(key=lambda p: -p.area)
    return [Polygon(ring) for p in outlines for ring in p.interiors]


def slum_ground(settlements: list[Settlement], year: int) -> BaseGeometry:
    """The land under all settlements on a date."""
    outlines = [s.outline_2015 if year == 2015 else s.outline_2025 for s in settlements]
    return unary_union([o for o in outlines if o is not None])


def shacks(settlement: Settlement, rng: np.random.Generator) -> Roofs:
    """The roofs of one settlement: 2 to 5 m, crooked, dense, parted by narrow winding alleys."""
    outlines = [o for o in (settlement.outline_2015, settlement.outline_2025) if o is not None]
    land = unary_union(outlines)
    x0, y0, x1, y1 = land.bounds
    pitch = rng.uniform(3.3, 3.9)
    reach = np.hypot(x1 - x0, y1 - y0) / 2 + pitch
    ticks = np.arange(-reach, reach, pitch)
    grid = np.stack(np.meshgrid(ticks, ticks * 0.93), axis=-1).reshape(-1, 2)
    points = grid + rng.uniform(-0.36, 0.36, grid.shape) * pitch
    tilt = rng.uniform(0, np.pi)
    turn = np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]])
    points = points @ turn + np.array([(x0 + x1) / 2, (y0 + y1) / 2])
    points += np.column_stack([wave(points, 30, rng), wave(points, 30, rng)]) * 2.2
    angles = tilt + 0.5 * wave(points, 60, rng) + rng.normal(0, 0.14, len(points))
    lanes = np.abs(wave(points, 46, rng)) < 0.075
    keep = on_land(points, land.buffer(-1.4)) & ~lanes & (rng.uniform(size=len(points)) < 0.95)
    points, angles = points[keep], angles[keep]
    n = len(points)
    length = np.clip(rng.lognormal(np.log(pitch * 1.12), 0.2, n), 2.2, 6.5)
    width = np.clip(rng.lognormal(np.log(pitch * 0.84), 0.16, n), 2.0, 4.6)
    made = rectangles(points, angles, length, width)
    made.height[:] = rng.uniform(2.3, 3.6, n) + 2.0 * (rng.uniform(size=n) < 0.16)
    made.color[:] = draw_colors(n, leaning(SHARED_ROOFS, 0.35, rng), rng, spread=10)
    made.style[:] = rng.choice([FLAT, GABLE, PANELS], n, p=[0.45, 0.25, 0.3])
    before, after = settlement.outline_2015, settlement.outline_2025
    in_2015 = on_land(points, before.buffer(-1.4)) if before is not None else np.zeros(n, bool)
    in_2025 = on_land(points, after.buffer(-1.4)) if after is not None else np.zeros(n, bool)
    made.from_year[:] = np.where(in_2015, 0, 2016)
    made.to_year[:] = np.where(in_2025, 9999, 2016)
    return made.pick(rng.permutation(n))
