"""Everything that a slum tracker can show, of a small made-up place with awkward names."""

import csv
import datetime
import json
from dataclasses import dataclass
from pathlib import Path

import geopandas
import numpy as np
import shapely

from tests.conftest import UTM43, make_grid, write_raster

LEFT, BOTTOM = 275_800.0, 2_116_000.0
BEFORE, AFTER = datetime.date(2015, 2, 14), datetime.date(2025, 2, 9)
WARDS = (
    "<script>alert(1)</script>",
    '=HYPERLINK("x")',
    'Pré-Étang, "north"',
    "O'Neill & Sons",
    "+44 Lane",
    "@home",
)
FORMULAS = (WARDS[1], "+44 Lane", "@home")
"""What a spreadsheet would run."""
NAMES = ("</script><b>S1", "S2", "S3")


def square(col, row, side=20.0):
    """Return a square on a lattice of 25 m."""
    x, y = LEFT + 25 * col, BOTTOM + 25 * row
    return shapely.box(x, y, x + side, y + side)


@dataclass(frozen=True)
class TrackerFiles:
    """Where the inputs lie."""

    slums: Path
    scenes: tuple[Path, Path]
    change: Path
    indicators: Path
    wards: Path
    assessment: Path


def write_layer(path, layer, columns, geometry, crs=UTM43):
    """Write a layer; dates stay dates."""
    frame = geopandas.GeoDataFrame(columns, geometry=list(geometry), crs=crs)
    frame.to_file(path, layer=layer, engine="pyogrio", use_arrow=True)
    return path


def write_slums(path, layer, date, polygons, names=None):
    """Write outlines with the fields of the house."""
    count = len(polygons)
    columns = {
        "slum_id": list(names or (f"P{i}" for i in range(1, count + 1))),
        "class": ["slum"] * count,
        "area_m2": [p.area for p in polygons],
        "prob_mean": [0.9] * count,
        "date": [date] * count,
        "source": [f"scene_{date.year}.tif"] * count,
        "model": ["slums.geocity"] * count,
    }
    return write_layer(path, layer, columns, polygons)


def write_tracker_files(folder):
    """Write one of each: two dates, six wards, one assessment."""
    folder.mkdir(parents=True, exist_ok=True)
    old = [square(0, 0), square(2, 0), square(2, 2)]
    new = [square(0, 0, 24), square(2, 0), square(0, 2)]
    slums = folder / "slums.gpkg"
    write_slums(slums, "slums_2015", BEFORE, old, NAMES)
    write_slums(slums, "slums_2025", AFTER, new, (*NAMES[:2], "S4"))
    return TrackerFiles(
        slums=slums,
        scenes=tuple(_scene(folder, date) for date in (BEFORE, AFTER)),
        change=_change(folder / "change.gpkg", old, new),
        indicators=_indicators(folder / "indicators.csv"),
        wards=_wards(folder / "wards.gpkg"),
        assessment=_assessment(folder / "assessment.json"),
    )


def _scene(folder, date):
    grid = make_grid(160, 160, cell=1.0, left=LEFT - 20, top=BOTTOM + 140)
    pixels = np.random.default_rng(date.year).integers(60, 200, (3, 160, 160), dtype=np.uint8)
    mask = np.full((160, 160), True)
    mask[:10] = False
    tags = {"ACQUISITION_DATE": date.isoformat()}
    return write_raster(folder / f"scene_{date.year}.tif", pixels, grid, mask=mask, tags=tags)


def _change(path, old, new):
    pair = {"from_date": [BEFORE], "to_date": [AFTER]}
    layers = {
        "growth": [new[0] - old[0], new[2]],
        "loss": [old[2]],
        "persistent": [old[0], old[1]],
    }
    for kind, polygons in layers.items():
        count = len(polygons)
        columns = {
            "change": [kind] * count,
            **{key: days * count for key, days in pair.items()},
            "area_m2": [p.area for p in polygons],
            "id_before": [None] * count,
            "id_after": [None] * count,
        }
        write_layer(path, kind, columns, polygons)
    rows = [
        (NAMES[0], BEFORE, "first", 400.0, old[0]),
        (NAMES[0], AFTER, "grown", 576.0, new[0]),
        ("S2", BEFORE, "first", 400.0, old[1]),
        ("S2", AFTER, "kept", 400.0, new[1]),
        ("S3", BEFORE, "first", 400.0, old[2]),
        ("S3", AFTER, "gone", 0.0, old[2]),
        ("S4", AFTER, "new", 400.0, new[2]),
    ]
    names, dates, states, areas, polygons = zip(*rows, strict=True)
    columns = {
        "settle_id": names,
        "date": dates,
        "status": states,
        "area_m2": areas,
        "prev_m2": [0.0] * len(rows),
        "change_m2": [0.0] * len(rows),
        "parents": [""] * len(rows),
    }
    write_layer(path, "settlements", columns, polygons)
    common = shapely.box(LEFT, BOTTOM, LEFT + 100, BOTTOM + 100)
    return write_layer(path, "common_area", {**pair, "area_m2": [1e4]}, [common])


def _wards(path):
    quarters = [square(col, row, 50) for row in (0, 2) for col in (0, 2, 4)]
    return write_layer(path, "wards", {"ward": WARDS}, quarters)


def _indicators(path):
    """Write a table in which no two figures are the same."""
    fields = ["unit", "date", "unit_m2", "covered_m2", "covered", "slum_m2", "slum_share"]
    fields += ["settlements", "largest_m2", "growth_m2", "loss_m2", "annual_rate"]
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(fields)
        for year, date in enumerate((BEFORE, AFTER)):
            for number, ward in enumerate((*WARDS, "All units")):
                slum = 123_456.7 * (number + 1) + 50_000 * year
                since = (4321.0 * (number + 1), 1234.0 * number, 0.012 * (number - 1))
                row = [ward, date, 2e6, 1.9e6, 0.95, slum, slum / 1.9e6, 9 - number, slum / 2]
                table.writerow([*row, *(since if year else ("", "", ""))])
    return path


def _assessment(path):
    def interval(value, half):
        return {"value": value, "low": value - half, "high": value + half}

    area = {"mapped": 667_283.5, "estimate": 700_000.0, "standard_error": 2e4}
    content = {
        "classes": ["background", "slum"],
        "confidence": 0.95,
        "date": AFTER.isoformat(),
        "matrix_counts": [[180, 6], [9, 105]],
        "matrix_proportions": [[0.86, 0.01], [0.01, 0.12]],
        "overall": interval(0.95, 0.02),
        "users": {"background": interval(0.97, 0.02), "slum": interval(0.92, 0.05)},
        "producers": {"background": interval(0.98, 0.01), "slum": interval(0.89, 0.06)},
        "area_m2": {
            "background": {**area, "low": 1.9e6, "high": 2.1e6},
            "slum": {**area, "low": 660_000.0, "high": 740_000.0},
        },
    }
    path.write_text(json.dumps(content), encoding="utf-8")
    return path
