"""Make the sample cities: six made-up cities, several sites each, on two dates.

    python sample_data/generate_cities.py              # writes into cities/ in this folder
    python sample_data/generate_cities.py --out FOLDER

Nothing is read and nothing is downloaded; the same versions of the libraries give the same bytes.
"""

import argparse
import warnings
from pathlib import Path

import numpy as np
import rasterio
from city_houses import FORMS, build_site
from city_parts import Site
from city_picture import CELL_M, LOOKS, SIDE, Canvas, Look, burn_site, take_picture
from city_streets import EXTENT_M
from rasterio.errors import NotGeoreferencedWarning
from rasterio.transform import from_origin

SEED = 45
SCENE_SITES = range(1, 9)
RAW_SITES = range(9, 12)  # as text, "10" comes before "9": sorting by text has its own last site
RAW_SIDE = 480
QUALITY = 68
# Maps need a place: one UTM zone a city, and a corner in it. Nothing of that place is shown.
PLACES = {
    "Kvadrata(KVD)": (32631, 430_000.0, 4_580_000.0),
    "Estrela(EST)": (32629, 480_000.0, 4_290_000.0),
    "Kasbarra(KSB)": (32630, 385_000.0, 3_770_000.0),
    "Plattenau(PLT)": (32633, 390_000.0, 5_820_000.0),
    "Grachtmeer(GRM)": (32632, 300_000.0, 5_900_000.0),
    "Serrana(SRN)": (32719, 345_000.0, 6_300_000.0),
}
SITE_STEP_M = 1700.0


def pictures(city: str, site: int) -> list[tuple[Look, np.ndarray]]:
    """Return one picture a date; what stands on the ground is the same."""
    seed = [SEED, list(FORMS).index(city), site]
    plan: Site = build_site(city, seed)
    canvas: Canvas = burn_site(plan, [*seed, 1])
    return [
        (look, take_picture(plan, canvas, look, [*seed, 2 + k])) for k, look in enumerate(LOOKS)
    ]


def write_scene(path: Path, picture: np.ndarray, city: str, site: int, look: Look) -> None:
    """Write a GeoTIFF on its place."""
    epsg, west, south = PLACES[city]
    west += SITE_STEP_M * ((site - 1) % 3)
    north = south + SITE_STEP_M * ((site - 1) // 3) + EXTENT_M
    profile = {
        "driver": "GTiff", "count": 3, "dtype": "uint8", "height": SIDE, "width": SIDE,
        "crs": f"EPSG:{epsg}", "transform": from_origin(west, north, CELL_M, CELL_M),
        "tiled": True, "blockxsize": 256, "blockysize": 256, "compress": "jpeg",
        "photometric": "ycbcr", "jpeg_quality": QUALITY, "interleave": "pixel",
    }  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with rasterio.open(path, "w", **profile) as scene:
        scene.write(picture)
        scene.update_tags(
            TIFFTAG_DATETIME=look.date.replace("-", ":") + " 10:30:00",
            TIFFTAG_IMAGEDESCRIPTION="Made-up city, generated; no real place is shown",
            TIFFTAG_COPYRIGHT="CC0-1.0",
        )


def write_raw(path: Path, picture: np.ndarray) -> None:
    """Write a JPEG without a place, as pictures of cities usually come."""
    cut = (SIDE - RAW_SIDE) // 2
    middle = picture[:, cut : cut + RAW_SIDE, cut : cut + RAW_SIDE]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(
            path, "w", driver="JPEG", count=3, dtype="uint8", height=RAW_SIDE, width=RAW_SIDE,
            quality=QUALITY,
        ) as target:  # fmt: skip
            target.write(middle)


def write_city(out: Path, city: str) -> None:
    """Write all sites of a city."""
    code = city[-4:-1]
    for site in (*SCENE_SITES, *RAW_SITES):
        for look, picture in pictures(city, site):
            day = look.date.replace("-", "")
            if site in SCENE_SITES:
                name = out / "scenes" / city / str(site) / f"{code}_{site}_{day}.tif"
                write_scene(name, picture, city, site, look)
            else:
                write_raw(out / "raw" / city / str(site) / f"{code}_{day}.jpg", picture)


def main() -> None:
    """Write all files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "cities")
    parser.add_argument("--city", choices=list(FORMS), help="only this one")
    options = parser.parse_args()
    for city in [options.city] if options.city else FORMS:
        write_city(options.out, city)
        print(city)


if __name__ == "__main__":
    main()
