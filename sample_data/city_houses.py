"""What stands on the blocks of six made-up cities: houses as roof faces, yards, lawns and trees."""

from collections.abc import Callable

import numpy as np
import shapely
from city_parts import (
    Face,
    Site,
    color,
    fronts,
    gable,
    gardens,
    hip,
    placed,
    row_of_trees,
    scatter,
    split,
    turned_about,
)
from city_streets import (
    AREA,
    Plan,
    canals,
    contour_roads,
    crooked_alleys,
    polygons_of,
    rings_and_rays,
    square_grid,
    superblocks,
)
from shapely import LineString, Point, Polygon
from shapely.affinity import rotate


def _courtyard_blocks(rng: np.random.Generator, site: Site) -> None:
    for block in site.plan.blocks:
        outer, court = block.buffer(-3.2), block.buffer(-3.2 - rng.uniform(10, 12))
        storeys = rng.uniform(14, 18)
        ring = outer.difference(court)
        if court.is_empty or rng.random() < 0.06:  # a small park instead
            site.lawns.append(outer)
            site.trees += scatter(rng, outer.buffer(-2), 75, (2.2, 4.0))
            continue
        site.faces += [Face(p, storeys, color(rng)) for p in polygons_of(ring)]
        for front in fronts(outer, lambda: rng.uniform(9, 15), 0.0, 0.0):
            half = front.width / 2
            plot = placed(shapely.box(-half, -6.5, half, 6.5), *front.behind(5), front.angle)
            height, tint = storeys + rng.normal(0, 1.6), color(rng)
            site.faces += [Face(p, height, tint) for p in polygons_of(plot.intersection(ring), 12)]
        (site.lawns if rng.random() < 0.6 else site.yards).append(court)
        site.trees += scatter(rng, court.buffer(-3), 34, (1.8, 3.2))
        if rng.random() < 0.4 and court.area > 420:
            c = court.centroid
            site.faces += gable(rng, c.x, c.y, 12, 8, np.radians(site.plan.angle_deg), 5)
    for axis in site.plan.axes:
        site.trees += row_of_trees(rng, axis, 12, 4.8, (1.7, 2.5))


def _ring_rows(rng: np.random.Generator, site: Site) -> None:
    for block in site.plan.blocks:
        inner = block.buffer(-13)
        if rng.random() < 0.05:
            site.lawns.append(block)
            site.trees += scatter(rng, block.buffer(-3), 70, (2.2, 4.0))
            continue
        gardens(rng, site, block, 420)
        site.trees += scatter(rng, inner, 70, (1.6, 3.2))
        height = rng.uniform(8, 12)
        for front in fronts(block, lambda: rng.uniform(12, 20), 2.0, 0.5):
            outward = np.arctan2(front.y - site.plan.centre[1], front.x - site.plan.centre[0])
            if abs(np.cos(front.angle - outward)) > 0.6:
                continue  # rows follow the rings; what looks on a ray is a garden's end
            depth = rng.uniform(9, 11)
            centre = front.behind(depth / 2)
            if rng.random() < 0.04 or not block.contains(Point(centre)):
                continue
            tall = height + rng.normal(0, 0.7)
            site.faces += gable(rng, *centre, front.width, depth, front.angle, tall)


def _patio_houses(rng: np.random.Generator, site: Site) -> None:
    for block in site.plan.blocks:
        if rng.random() < 0.05:
            (site.yards if rng.random() < 0.5 else site.lawns).append(block)
            site.trees += scatter(rng, block.buffer(-2), 90, (1.8, 3.2))
            continue
        site.yards.append(block)
        for plot in split(rng, block, rng.uniform(110, 190)):
            house = plot.buffer(-0.12)
            patio = plot.centroid.buffer(
                np.sqrt(plot.area) * rng.uniform(0.13, 0.22), cap_style="square"
            )
            patio = rotate(patio.envelope, float(rng.uniform(0, 90)))
            if rng.random() < 0.75:
                house = house.difference(patio)
                if rng.random() < 0.4:
                    c = patio.centroid
                    site.trees.append((c.x, c.y, float(rng.uniform(1.0, 1.8))))
            height, tint = rng.uniform(4, 9), color(rng)
            site.faces += [Face(p, height, tint) for p in polygons_of(house, 8)]


def _slabs(rng: np.random.Generator, site: Site) -> None:
    for block in site.plan.blocks:
        site.lawns.append(block)
        inner = block.buffer(-12)
        angle = np.radians(site.plan.angle_deg + (90 if rng.random() < 0.5 else 0))
        c, taken = block.centroid, []
        west, south, east, north = rotate(inner, -np.degrees(angle), origin=c).bounds
        if inner.is_empty or rng.random() < 0.07:
            site.trees += scatter(rng, inner, 60, (2.0, 3.8))
            continue
        for row in np.arange(south + rng.uniform(7, 12), north - 6.5, rng.uniform(32, 38)):
            at = west + rng.uniform(1, 16)
            while at < east - 30:
                length = min(float(rng.choice([44, 60, 76])), east - 1 - at)
                x, y = turned_about(c, at + length / 2, row, angle)
                slab = placed(shapely.box(-length / 2, -6.2, length / 2, 6.2), x, y, angle)
                if inner.contains(slab) and rng.random() < 0.93:
                    taken.append(slab)
                    _one_slab(rng, site, (x, y), length, angle, slab)
                at += length + rng.uniform(10, 18)
        for _ in range(3):
            ends = [block.exterior.interpolate(t, normalized=True) for t in rng.uniform(0, 1, 2)]
            site.drives.append(LineString(ends).buffer(1.3))
        free = block.buffer(-4).difference(shapely.union_all([s.buffer(7) for s in taken]))
        site.trees += scatter(rng, free, 42, (2.0, 3.8))
    for axis in site.plan.axes:
        site.trees += row_of_trees(rng, axis, 9, 15.5, (2.0, 3.0))
        site.medians.append(axis.buffer(2.0))


def _one_slab(
    rng: np.random.Generator,
    site: Site,
    xy: tuple[float, float],
    length: float,
    angle: float,
    slab: Polygon,
) -> None:
    height, tint = rng.uniform(17, 27), color(rng)
    site.faces.append(Face(slab, height, tint))
    for at in np.arange(-length / 2 + 9, length / 2, 18):  # lift houses
        x, y = xy[0] + at * np.cos(angle), xy[1] + at * np.sin(angle)
        top = placed(shapely.box(-2.2, -1.8, 2.2, 1.8), x, y, angle)
        site.faces.append(Face(top, height + 3, tuple(0.8 * v for v in tint)))
    drive = placed(shapely.box(-length / 2 - 4, -15, length / 2 + 4, -10.5), *xy, angle)
    site.drives.append(drive)
    for at in np.arange(-length / 2, length / 2, 3.2):
        if rng.random() < 0.45:
            car = shapely.box(at - 0.9, -17.2, at + 0.9, -13.2)
            site.cars.append(placed(car, *xy, angle))


def _terraces(rng: np.random.Generator, site: Site) -> None:
    for block in site.plan.blocks:
        gardens(rng, site, block, 170)
        height = rng.uniform(9, 12)
        for front in fronts(block, lambda: rng.uniform(5.4, 7.4), 1.2, 0.6):
            depth = rng.uniform(12, 15)
            centre = front.behind(depth / 2)
            if rng.random() > 0.03 and block.contains(Point(centre)):
                # Gables towards the water: the ridge runs away from the front.
                tall, turned = height + rng.normal(0, 1), front.angle + np.pi / 2
                site.faces += gable(rng, *centre, depth, front.width, turned, tall)
        site.trees += scatter(rng, block.buffer(-17), 80, (1.6, 3.0))
    for axis in site.plan.axes:
        for part in shapely.get_parts(axis):
            site.trees += row_of_trees(rng, part, 9, 1.6, (1.4, 2.2))


def _villas(rng: np.random.Generator, site: Site) -> None:
    streets = shapely.union_all([s.buffer(2.5) for s in site.plan.streets])
    standing: list[Polygon] = []
    tree = None
    for block in site.plan.blocks:
        gardens(rng, site, block, 800)
    for axis in site.plan.axes:
        for at in np.arange(rng.uniform(4, 20), axis.length - 4, rng.uniform(19, 23)):
            p, q = axis.interpolate(at), axis.interpolate(at + 1)
            angle = np.arctan2(q.y - p.y, q.x - p.x)
            for side in (-1, 1):
                away = rng.uniform(13, 17) * side
                x, y = p.x - away * np.sin(angle), p.y + away * np.cos(angle)
                length, width = rng.uniform(12, 17), rng.uniform(9, 11.5)
                foot = placed(
                    shapely.box(-length / 2, -width / 2, length / 2, width / 2), x, y, angle
                )
                room = foot.buffer(2.5)
                if not AREA.contains(Point(x, y)) or foot.intersects(streets):
                    continue
                if tree is not None and len(tree.query(room, predicate="intersects")):
                    continue
                standing.append(foot)
                tree = shapely.STRtree(standing)
                site.faces += hip(rng, x, y, length, width, angle, rng.uniform(5, 7))
                site.drives.append(LineString([(p.x, p.y), (x, y)]).buffer(1.6))
                if rng.random() < 0.35:
                    px, py = x - side * 11 * np.sin(angle), y + side * 11 * np.cos(angle)
                    site.pools.append(Point(px, py).buffer(2.6).intersection(AREA))
    free = AREA.difference(streets).difference(shapely.union_all([s.buffer(1.5) for s in standing]))
    site.trees += scatter(rng, free, 46, (1.6, 3.6))


def _cars(rng: np.random.Generator, site: Site) -> None:
    for axis in site.plan.axes:
        for part in shapely.get_parts(axis):
            for at in np.arange(rng.uniform(0, 20), part.length, 13):
                if rng.random() < 0.4:
                    p, q = part.interpolate(at), part.interpolate(at + 1)
                    angle = np.arctan2(q.y - p.y, q.x - p.x)
                    side = float(rng.choice([-2.2, 2.2]))
                    car = shapely.box(-2.1, side - 0.9, 2.1, side + 0.9)
                    site.cars.append(placed(car, p.x, p.y, angle))


FORMS: dict[str, tuple[Callable[[np.random.Generator], Plan], Callable]] = {
    "Kvadrata(KVD)": (square_grid, _courtyard_blocks),
    "Estrela(EST)": (rings_and_rays, _ring_rows),
    "Kasbarra(KSB)": (crooked_alleys, _patio_houses),
    "Plattenau(PLT)": (superblocks, _slabs),
    "Grachtmeer(GRM)": (canals, _terraces),
    "Serrana(SRN)": (contour_roads, _villas),
}
"""The cities, by the names of their folders. None exists."""


def build_site(city: str, seed: list[int]) -> Site:
    """Draw everything that stands on a site."""
    rng = np.random.default_rng(seed)
    streets, houses = FORMS[city]
    site = Site(streets(rng))
    houses(rng, site)
    if city != "Kasbarra(KSB)":
        _cars(rng, site)
    return site
