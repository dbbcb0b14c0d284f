"""Generate the sample data of geocity: a made-up city on two dates, ten years apart.

Run `python sample_data/generate.py` to write every file again, into this folder or into `--out`.
Needs numpy, scipy, rasterio, geopandas and shapely; takes about a minute. The same seed and the
same versions of the libraries give the same files.

The city does not exist. `layout.py` draws its ground plan, `settlements.py` its slums, `roofs.py`
what stands, `city.py` puts all together, `picture.py` lights it and takes the picture, and this
file writes the result: scenes, outlines, wards and population.
"""

import argparse
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import rasterio
import shapely
from affine import Affine
from city import City, build_city
from layout import EXTENT_M, polygons_of
from picture import CELL_M, LOOKS, take_picture
from rasterio import features
from rasterio.enums import Resampling
from rasterio.transform import from_origin
from settlements import slum_ground
from shapely import Polygon, box
from shapely.geometry.base import BaseGeometry

SEED = 15
CRS = "EPSG:32643"
WEST_M, SOUTH_M = 412_000.0, 2_345_600.0  # where the scene's lower left corner is put
DATES = {2015: "2015:02:14 05:41:00", 2025: "2025:02:09 05:52:00"}
JPEG_QUALITY = {2015: 85, 2025: 85}
POPULATION_CELL_M = 50.0
WARDS = (
    "Saltmarket", "Miller's Reach", "Tannery Row", "Pré-Étang", "Brickfields", "North Quay",
    "Parade Ground", "Low Orchard",
)  # fmt: skip
PEOPLE_PER_HA = {
    "planned": 150.0, "apartments": 430.0, "workshops": 85.0, "industry": 5.0, "campus": 20.0,
    "open": 2.0, "park": 0.0, "farm": 3.0,
}  # fmt: skip
SLUM_PEOPLE_PER_HA = {2015: 780.0, 2025: 860.0}


def to_map(geometry: BaseGeometry) -> BaseGeometry:
    """From local metres to map coordinates, on a grid of centimetres."""
    moved = shapely.transform(geometry, lambda xy: xy + np.array([WEST_M, SOUTH_M]))
    return shapely.set_precision(moved, 0.01)


def footprint(year: int) -> Polygon:
    """What the sensor saw on a date: nearly the whole scene, a little turned, with uneven edges."""
    rng = np.random.default_rng([SEED, year, 9])
    t = np.linspace(0, 1, 60, endpoint=False)
    corners = np.array([(0, 0), (EXTENT_M, 0), (EXTENT_M, EXTENT_M), (0, EXTENT_M)])
    inset = rng.uniform(9, 40, (4, 2)) * [(1, 1), (-1, 1), (-1, -1), (1, -1)]
    corners = corners + inset
    ring = []
    for i in range(4):
        side = corners[i] * (1 - t[:, None]) + corners[(i + 1) % 4] * t[:, None]
        wave = 3.0 * np.sin(2 * np.pi * (t * rng.uniform(2, 4) + rng.uniform()))
        wave += 0.8 * np.sin(2 * np.pi * t * rng.uniform(17, 23))
        ring.append(side + (wave * np.sin(np.pi * t) ** 0.5)[:, None] * [(0, 1), (1, 0)][i % 2])
    return Polygon(np.concatenate(ring)).buffer(0)


def write_scene(path: Path, picture: np.ndarray, year: int) -> None:
    """Write a scene as a tiled JPEG GeoTIFF with an internal mask and overviews."""
    shape = picture.shape[1:]
    local = from_origin(0, EXTENT_M, CELL_M, CELL_M)
    valid = features.rasterize([footprint(year)], shape, transform=local, dtype="uint8") * 255
    picture = np.where(valid, picture, 0).astype(np.uint8)
    path.unlink(missing_ok=True)
    profile = {
        "driver": "GTiff", "count": 3, "dtype": "uint8", "height": shape[0], "width": shape[1],
        "crs": CRS, "transform": Affine.translation(WEST_M, SOUTH_M) @ local, "tiled": True,
        "blockxsize": 512, "blockysize": 512, "compress": "jpeg", "photometric": "ycbcr",
        "jpeg_quality": JPEG_QUALITY[year], "interleave": "pixel",
    }  # fmt: skip
    quality = str(JPEG_QUALITY[year])
    with rasterio.Env(
        GDAL_TIFF_INTERNAL_MASK=True, COMPRESS_OVERVIEW="JPEG", PHOTOMETRIC_OVERVIEW="YCBCR",
        JPEG_QUALITY_OVERVIEW=quality, INTERLEAVE_OVERVIEW="PIXEL", GDAL_TIFF_OVR_BLOCKSIZE=512,
    ):  # fmt: skip
        with rasterio.open(path, "w", **profile) as scene:
            scene.write(picture)
            scene.write_mask(valid)
            scene.update_tags(
                TIFFTAG_DATETIME=DATES[year],
                TIFFTAG_IMAGEDESCRIPTION="Made-up city, generated; no real place is shown",
                TIFFTAG_COPYRIGHT="CC0-1.0",
            )
        with rasterio.open(path, "r+") as scene:
            scene.build_overviews([2, 4, 8], Resampling.average)


def write_layer(path: Path, layer: str, table: gpd.GeoDataFrame) -> None:
    """Write one GeoPackage layer, with a fixed time of last change."""
    path.unlink(missing_ok=True)
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": "2025-03-01T00:00:00.000Z"})
    table.to_file(path, layer=layer, driver="GPKG", engine="pyogrio")


def write_slums(path: Path, city: City, year: int) -> None:
    """Write the outlines of a date, ordered by name."""
    outlines = {
        s.name: s.outline_2015 if year == 2015 else s.outline_2025 for s in city.settlements
    }
    names = sorted(name for name, outline in outlines.items() if outline is not None)
    table = {
        "code": np.ones(len(names), np.int32),
        "name": names,
        "geometry": [to_map(outlines[name]) for name in names],
    }
    write_layer(path, "slums", gpd.GeoDataFrame(table, crs=CRS))


def wards(city: City) -> list[Polygon]:
    """Eight wards: the quarters between arterial roads, the smallest joined to a neighbour."""
    town = box(-85, -70, EXTENT_M + 60, EXTENT_M + 95)
    parts = [p for q in city.plan.quarters for p in polygons_of(q.intersection(town), 10.0)]
    while len(parts) > len(WARDS):
        small = parts.pop(min(range(len(parts)), key=lambda i: parts[i].area))
        border = [small.intersection(p).length for p in parts]
        best = int(np.argmax(border))
        parts[best] = shapely.union(parts[best], small)
    return sorted(parts, key=lambda p: (-round(p.centroid.y / 500), p.centroid.x))


def write_population(path: Path, city: City, town: BaseGeometry, year: int) -> None:
    """Write people per cell; cells whose centre no ward holds are nodata."""
    fine_m, low, cells = 10.0, -100.0, 37
    high = low + cells * POPULATION_CELL_M
    step = int(POPULATION_CELL_M / fine_m)
    grid = from_origin(low, high, fine_m, fine_m)
    growth = 1.0 if year == 2015 else 1.09
    shapes = [(b.polygon, PEOPLE_PER_HA[b.use] * growth) for b in city.plan.blocks]
    if year == 2025:
        cleared = [s for s in city.settlements if s.replaced_by]
        shapes += [
            (s.outline_2015, PEOPLE_PER_HA["apartments"] if s.replaced_by == "apartments" else 0.0)
            for s in cleared
        ]
    shapes += [(slum_ground(city.settlements, year), SLUM_PEOPLE_PER_HA[year])]
    density = features.rasterize(
        shapes, (cells * step, cells * step), transform=grid, dtype="float32"
    )
    people = density.reshape(cells, step, cells, step).sum(axis=(1, 3)) * fine_m**2 / 1e4
    people *= np.random.default_rng([SEED, 77]).lognormal(0, 0.12, people.shape)
    coarse = from_origin(low, high, POPULATION_CELL_M, POPULATION_CELL_M)
    lived = features.rasterize([town], people.shape, transform=coarse) == 1
    values = np.where(lived, np.round(people, 1), -1).astype(np.float32)
    path.unlink(missing_ok=True)
    with rasterio.open(
        path, "w", driver="GTiff", count=1, dtype="float32", height=cells, width=cells, crs=CRS,
        transform=Affine.translation(WEST_M, SOUTH_M) @ coarse, nodata=-1, compress="deflate",
    ) as raster:  # fmt: skip
        raster.write(values, 1)
        raster.set_band_description(1, "people per cell")


def main() -> None:
    """Write all files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    city = build_city(SEED)
    town = wards(city)
    table = {"ward": WARDS, "geometry": [to_map(p) for p in town]}
    write_layer(out / "wards.gpkg", "wards", gpd.GeoDataFrame(table, crs=CRS))
    for year, look in LOOKS.items():
        write_slums(out / f"slums_{year}.gpkg", city, year)
        write_population(out / f"population_{year}.tif", city, shapely.union_all(town), year)
        write_scene(out / f"scene_{year}.tif", take_picture(city, look, SEED), year)
        print(f"{year}: {slum_ground(city.settlements, year).area / 1e4:.1f} ha of slums")


if __name__ == "__main__":
    main()
