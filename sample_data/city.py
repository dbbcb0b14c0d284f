"""The made-up city as a whole: everything that stands or lies on the ground, on either date."""

from dataclasses import dataclass

import numpy as np
import shapely
from layout import (
    ARTERIAL_HALF_WIDTH_M,
    SECONDARY_HALF_WIDTH_M,
    Block,
    Plan,
    band,
    frame,
    on_land,
    plan_city,
)
from roofs import Roofs, campus, houses, rooftop_boxes, sheds, slabs, stack, workshops
from settlements import Settlement, holes, settle, shacks, slum_ground, wave
from shapely import LineString, Polygon
from shapely.geometry.base import BaseGeometry
from shapely.ops import unary_union

# Kinds of ground: two colours that noise mixes.
GROUND = {
    "road": ((112, 110, 108), (98, 97, 97)),
    "street": ((134, 127, 117), (112, 108, 102)),
    "pavement": ((160, 154, 143), (140, 131, 118)),
    "soil": ((158, 138, 112), (126, 112, 88)),
    "yard": ((148, 138, 124), (112, 110, 84)),
    "lawn": ((104, 116, 76), (134, 126, 90)),
    "bare": ((170, 149, 120), (118, 112, 78)),
    "concrete": ((172, 167, 157), (146, 141, 132)),
    "park": ((92, 110, 64), (122, 122, 80)),
    "river": ((66, 78, 66), (80, 88, 72)),
    "lake": ((50, 70, 64), (62, 80, 66)),
    "bank": ((148, 132, 104), (92, 102, 62)),
    "ballast": ((118, 108, 100), (98, 92, 88)),
    "alley": ((138, 124, 106), (104, 96, 86)),
    "wheat": ((152, 142, 88), (132, 128, 78)),
    "crop": ((96, 110, 66), (118, 120, 76)),
    "fallow": ((146, 122, 96), (128, 108, 84)),
    "marking": ((196, 194, 186), (170, 168, 160)),
    "rubble": ((184, 172, 156), (136, 126, 112)),
    "pitch": ((152, 146, 98), (112, 124, 76)),
    "rails": ((86, 80, 78), (96, 90, 86)),
}
KINDS = {name: i for i, name in enumerate(GROUND)}


@dataclass(frozen=True)
class Trees:
    """Tree crowns: centre (n, 2), radius (n,), height (n,) in metres, tone (n,)."""

    centre: np.ndarray
    radius: np.ndarray
    height: np.ndarray
    tone: np.ndarray


@dataclass(frozen=True)
class City:
    """The ground plan, the settlements, what stands, and the plots of the planned blocks."""

    plan: Plan
    settlements: list[Settlement]
    roofs: Roofs
    plots: list[Polygon]
    trees: Trees


def build_city(seed: int) -> City:
    """Draw the whole city from one seed."""
    streams = [np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(6)]
    plan = plan_city(streams[0])
    settlements = settle(plan, streams[1])
    planned, plots = planned_roofs(plan.blocks, streams[2])
    land = slum_everywhere(settlements)
    planned = planned.away_from(land.buffer(1.0))
    slums = stack([shacks(s, streams[3]) for s in settlements])
    later = [
        slabs(s.outline_2015, streams[3], from_year=2016)
        for s in settlements
        if s.replaced_by == "apartments" and s.outline_2015 is not None
    ]
    planned = stack([planned, *later])
    roofs = stack([planned, slums, rooftop_boxes(planned, streams[4])])
    return City(plan, settlements, roofs, plots, plant(plan, roofs, land, streams[5]))


def slum_everywhere(settlements: list[Settlement]) -> BaseGeometry:
    """The land that is a settlement on one date or the other, holes included."""
    both = [slum_ground(settlements, 2015), slum_ground(settlements, 2025), *holes(settlements)]
    return unary_union(both)


def planned_roofs(blocks: list[Block], rng: np.random.Generator) -> tuple[Roofs, list[Polygon]]:
    """Everything built outside the settlements, and the plots of the houses."""
    tables, plots = [], []
    for block in blocks:
        inner = block.polygon.buffer(-1.5)
        if inner.is_empty or inner.geom_type != "Polygon" or inner.area < 150:
            continue
        if block.use == "planned":
            made, own = houses(Block(inner, "planned"), rng)
            plots.extend(own)
        elif block.use == "apartments":
            made = slabs(inner, rng)
        elif block.use == "industry":
            made = sheds(inner, rng)
        elif block.use == "workshops":
            made = workshops(inner, rng)
        elif block.use == "campus":
            made = campus(inner, rng)
        else:
            continue
        tables.append(made)
    return stack(tables), plots


TREE_AREA_M2 = {
    "planned": 120.0, "apartments": 170.0, "industry": 900.0, "workshops": 1500.0,
    "park": 62.0, "open": 380.0, "campus": 150.0, "farm": 3000.0,
}  # fmt: skip


def scatter(area: BaseGeometry, each_m2: float, rng: np.random.Generator) -> np.ndarray:
    """Random points in an area, one for so many square metres."""
    x0, y0, x1, y1 = area.bounds
    n = rng.poisson((x1 - x0) * (y1 - y0) / each_m2)
    points = rng.uniform((x0, y0), (x1, y1), (n, 2))
    return points[on_land(points, area)]


def beside(
    lines: BaseGeometry, offset_m: float, step_m: float, rng: np.random.Generator
) -> np.ndarray:
    """Points in rows on both sides of road lines, with gaps."""
    rows = []
    for line in shapely.get_parts(shapely.line_merge(lines)):
        at = np.arange(step_m, line.length, step_m)
        if len(at) == 0:
            continue
        here = shapely.get_coordinates(shapely.line_interpolate_point(line, at))
        ahead = shapely.get_coordinates(shapely.line_interpolate_point(line, at - 0.5)) - here
        normal = np.column_stack([-ahead[:, 1], ahead[:, 0]]) / 0.5
        for side in (-offset_m, offset_m):
            keep = (rng.uniform(size=len(at)) < 0.75) & (wave(here, 150, rng) > -0.1)
            rows.append((here + normal * side + rng.normal(0, 0.5, here.shape))[keep])
    return np.concatenate(rows)


def plant(plan: Plan, roofs: Roofs, slums: BaseGeometry, rng: np.random.Generator) -> Trees:
    """Trees in gardens and parks, along roads and water; few where settlements are."""
    shapely.prepare(slums)
    groups = []
    for block in plan.blocks:
        points = scatter(block.polygon, TREE_AREA_M2[block.use], rng)
        if block.use in ("park", "open"):
            points = points[wave(points, 70, rng) > (-0.1 if block.use == "park" else 0.5)]
        groups.append(points)
    waterside = unary_union([plan.river.buffer(11), plan.lakes.buffer(9)]).difference(plan.water)
    bank = scatter(waterside, 55.0, rng)
    groups.append(bank[wave(bank, 90, rng) > -0.3])
    groups.append(scatter(plan.rail.buffer(4).difference(plan.rail), 130.0, rng))
    groups.append(beside(plan.secondaries, SECONDARY_HALF_WIDTH_M + 0.7, 9.0, rng))
    groups.append(beside(plan.arterials, ARTERIAL_HALF_WIDTH_M + 0.6, 10.0, rng))
    points = np.concatenate(groups)
    lone = rng.uniform(size=len(points)) < 0.12
    points = points[lone | ~shapely.intersects_xy(slums, points[:, 0], points[:, 1])]
    water = unary_union([plan.water.buffer(1.5), plan.rail])
    points = points[~on_land(points, water)]
    index = shapely.STRtree(roofs.polygons())
    covered = np.unique(index.query(shapely.points(points), predicate="within")[0])
    keep = np.ones(len(points), bool)
    keep[covered] = rng.uniform(size=len(covered)) < 0.04
    points = points[keep]
    n = len(points)
    radius = np.clip(rng.lognormal(np.log(2.3), 0.38, n), 1.1, 5.6)
    return Trees(points, radius, radius * rng.uniform(1.3, 2.1, n), rng.normal(0, 1, n))


def ground_shapes(
    city: City, year: int, rng: np.random.Generator
) -> list[tuple[BaseGeometry, int]]:
    """What lies on the ground, as (shape, kind) in drawing order."""
    plan = city.plan
    shapes: list[tuple[BaseGeometry, str]] = [
        (plan.rail.buffer(5), "bank"),
        (plan.river.buffer(12), "bank"),
        (band(plan.secondaries, SECONDARY_HALF_WIDTH_M), "road"),
        (band(plan.arterials, ARTERIAL_HALF_WIDTH_M), "road"),
    ]
    shapes += [(d, "street") for d in plan.districts]
    shapes += [shape for block in plan.blocks for shape in block_shapes(block, rng)]
    shapes += [(plan.lakes.buffer(7), "bank"), (plan.lakes, "lake")]
    floors = ["soil", "yard", "lawn", "concrete", "yard"]
    shapes += [(plot, str(rng.choice(floors))) for plot in city.plots]
    shapes += settlement_shapes(city, year)
    shapes.append((plan.rail.buffer(-1.5), "ballast"))
    shapes += [(plan.rail_line.offset_curve(d).buffer(0.3), "rails") for d in (-3, -1.6, 1.6, 3)]
    shapes += [(plan.river, "river"), (plan.bridges, "road")]
    open_water = plan.river.difference(plan.bridges)
    shapes.append((band(plan.arterials, 0.75).difference(open_water), "marking"))
    return [(shape, KINDS[kind]) for shape, kind in shapes if not shape.is_empty]


def block_shapes(block: Block, rng: np.random.Generator) -> list[tuple[BaseGeometry, str]]:
    """The ground of one block: a pavement around, and inside what its use asks for."""
    inner = block.polygon.buffer(-1.5)
    if block.use == "farm":
        return [(block.polygon, str(rng.choice(["wheat", "crop", "crop", "fallow"])))]
    floor = {
        "planned": "yard", "apartments": str(rng.choice(["lawn", "yard", "soil"])),
        "industry": str(rng.choice(["concrete", "soil", "bare"])), "workshops": "street",
        "park": "park", "open": "bare", "campus": str(rng.choice(["soil", "lawn"])),
    }[block.use]  # fmt: skip
    shapes: list[tuple[BaseGeometry, str]] = [(block.polygon, "pavement"), (inner, floor)]
    if block.use in ("park", "open"):
        x, y, angle, length, width = frame(inner)
        for _ in range(3):
            ends = rng.uniform(-0.6, 0.6, (2, 2)) * (length, width)
            turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
            s = np.linspace(0, 1, 20)[:, None]
            path = (ends[0] * (1 - s) + ends[1] * s) @ turn + (x, y)
            path += 5 * np.sin(6 * s + rng.uniform(0, 6)) * np.array([[1, -1]])
            shapes.append((LineString(path).buffer(1.3).intersection(inner), "soil"))
    if block.use in ("campus", "park"):
        x, y, angle, length, width = frame(inner)
        spot = shapely.Point(inner.centroid).buffer(1)
        field = shapely.affinity.scale(spot, min(width * 0.3, 44), min(width * 0.22, 30))
        field = shapely.affinity.rotate(field, np.degrees(angle))
        shapes.append((field.intersection(inner), "pitch"))
    return shapes


def settlement_shapes(city: City, year: int) -> list[tuple[BaseGeometry, str]]:
    """Trodden ground around and in the settlements, what replaced cleared ones, the holes."""
    plan = city.plan
    roads = unary_union(
        [
            band(plan.secondaries, SECONDARY_HALF_WIDTH_M + 0.5),
            band(plan.arterials, ARTERIAL_HALF_WIDTH_M + 0.5),
            plan.rail,
        ]
    )
    shapes: list[tuple[BaseGeometry, str]] = []
    for i, s in enumerate(city.settlements):
        now = s.outline_2015 if year == 2015 else s.outline_2025
        if now is not None:
            shapes.append((now.buffer(3.0).difference(roads), ("bare", "yard", "soil")[i % 3]))
    for s in city.settlements:
        if s.outline_2025 is None and year == 2025 and s.outline_2015 is not None:
            kind = "lawn" if s.replaced_by == "apartments" else "rubble"
            shapes.append((s.outline_2015, kind))
    shapes.append((slum_ground(city.settlements, year).buffer(-0.8), "alley"))
    kinds = ["lake", "soil"]
    shapes += list(zip(holes(city.settlements), kinds, strict=False))
    return shapes
