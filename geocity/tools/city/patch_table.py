"""From a table of images to patches with a part for each."""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from geocity.core.cities.city_split import (
    LEAST_UNITS,
    TEST_SHARE,
    is_held_out,
    part_on_date,
    split_units,
)
from geocity.core.cities.patch_grid import Half, patch_origins, patch_side, patch_stride
from geocity.errors import InputError
from geocity.io.cities.manifest import PATCH_COLUMNS, City
from geocity.tools.city.prepare_options import PrepareOptions

logger = logging.getLogger(__name__)

SAMPLED_PER_CITY = 500
_SAME_CELL = 0.01
Parts = list[dict[int, list[tuple[str, Half]]]]
"""For each fold and image, the parts it serves and with which half of it."""


def sides(images: pd.DataFrame, options: PrepareOptions) -> list[int]:
    """Return the side of a patch in pixels for every image; 0 where it cannot serve.

    Raises:
        InputError: if a side in pixels was asked for and cell sizes differ.
    """
    usable = ~images["broken"].to_numpy()
    cells = images["cell_size_m"].to_numpy(float)
    if options.patch_px is not None and usable.any():
        least, most = cells[usable].min(), cells[usable].max()
        if most > least * (1 + _SAME_CELL):
            raise InputError(
                f"Cells measure {least:.4g} to {most:.4g} m here, so {options.patch_px} pixels are "
                "different ground in different images; give the side on the ground (--patch-m)."
            )
    wanted = [options.patch_px or patch_side(options.patch_m, cell) for cell in cells]
    fits = usable & (images[["rows", "cols"]].min(axis=1).to_numpy() >= wanted)
    small = images[usable & ~fits]
    if len(small):
        logger.warning(
            "%d images are smaller than a patch and give none, e.g. %s (%d x %d).",
            len(small),
            small["key"].iloc[0],
            small["rows"].iloc[0],
            small["cols"].iloc[0],
        )
    return [side if fit else 0 for side, fit in zip(wanted, fits, strict=True)]


def patch_table(
    images: pd.DataFrame, cities: Sequence[City], options: PrepareOptions
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Cut and split.

    Returns:
        One row a patch and fold (`PATCH_COLUMNS`), and how they were split.

    Raises:
        InputError: if the images do not allow the split that was asked for.
    """
    side_of = sides(images, options)
    usable = images[np.array(side_of) > 0]
    bare = [city.name for i, city in enumerate(cities) if not (usable["city"] == i).any()]
    if bare:
        raise InputError(
            f"{', '.join(bare)} gives no patch at all; add larger or whole images, or take the "
            "city's folder away."
        )
    how = _chosen(usable, cities, options)
    split: dict[str, Any] = {"how": how, "seed": options.seed, "folds": options.folds}
    if how == "dl-slicer":
        parts = _dl_slicer(usable, cities)
    elif how == "dates":
        held_out = _held_out(usable, cities, options)
        split["held_out"] = {cities[c].code: text for c, text in held_out.items()}
        parts = _by_date(usable, cities, held_out, options)
    else:
        parts = _by_sites(usable, cities, options)
    patches = _cut(images, side_of, parts, options)
    if how == "dl-slicer":
        _sample(patches, len(cities), options.seed)
    _refuse_empty(patches, cities, options.folds)
    split["counts"], split["units"] = _counted(patches, images, cities)
    return patches, split


def _chosen(images: pd.DataFrame, cities: Sequence[City], options: PrepareOptions) -> str:
    if options.split != "auto":
        return options.split
    if options.hold_out_date is not None:
        return "dates"
    dates = [set(images.loc[images["city"] == c, "date"].dropna()) for c in range(len(cities))]
    dated = images["date"].notna().all() and all(len(d) > 1 for d in dates)
    if not dated:
        logger.info("Whole sites are held out; no city has two known dates for a date to be.")
        return "sites"
    logger.info("Whole sites and each city's latest date are held out.")
    return "dates"


def _by_sites(images: pd.DataFrame, cities: Sequence[City], options: PrepareOptions) -> Parts:
    parts: Parts = [{} for _ in range(options.folds)]
    for c, city in enumerate(cities):
        mine = images[images["city"] == c]
        for fold, dealt in enumerate(_dealt(city, sorted(set(mine["unit"])), c, options)):
            units = zip(mine.index, mine["unit"], strict=True)
            parts[fold] |= {int(i): [(dealt[u], "whole")] for i, u in units}
    return parts


def _dealt(city: City, units: list[str], c: int, options: PrepareOptions) -> list[dict[str, str]]:
    needed = max(LEAST_UNITS, options.folds)
    if len(units) < needed:
        held = f"{len(units)} place" + ("s" if len(units) != 1 else "")
        raise InputError(
            f"{city.name} has {held} ({', '.join(units)}; sites that overlap on the ground are "
            f"one), but holding whole places out in {options.folds} fold(s) takes {needed}: to "
            "train, validate and test. Add sites, ask for fewer folds, or take the city away."
        )
    return split_units(units, options.folds, [options.seed, c])


def _held_out(
    images: pd.DataFrame, cities: Sequence[City], options: PrepareOptions
) -> dict[int, str]:
    undated = images[images["date"].isna()]
    if len(undated):
        raise InputError(
            f"{len(undated)} images have no date, e.g. {undated['key'].iloc[0]}, so none can be "
            "held out; give a table of dates (--dates), a layout with a date folder, or names that "
            "hold a date such as 20180521."
        )
    held = {}
    for c, city in enumerate(cities):
        dates = sorted(set(images.loc[images["city"] == c, "date"]))
        wanted = options.hold_out_date or dates[-1].isoformat()
        chosen = [d for d in dates if is_held_out(d, wanted)]
        if not chosen or len(chosen) == len(dates):
            raise InputError(
                f"{city.name} has images of {', '.join(d.isoformat() for d in dates)}; to hold "
                f"{wanted} out, it needs images of that date and of another one."
            )
        held[c] = wanted
    return held


def _by_date(
    images: pd.DataFrame,
    cities: Sequence[City],
    held_out: Mapping[int, str],
    options: PrepareOptions,
) -> Parts:
    parts: Parts = [{} for _ in range(options.folds)]
    for c, city in enumerate(cities):
        mine = images[images["city"] == c]
        dates = zip(mine.index, mine["date"], strict=True)
        held = {int(i): is_held_out(date, held_out[c]) for i, date in dates}
        for fold, dealt in enumerate(_dealt_by_date(city, mine, held, c, options)):
            for image, unit in zip(mine.index, mine["unit"], strict=True):
                part = part_on_date(dealt[unit], held[int(image)])
                if part:
                    parts[fold][int(image)] = [(part, "whole")]
    return parts


def _dealt_by_date(
    city: City, images: pd.DataFrame, held: Mapping[int, bool], c: int, options: PrepareOptions
) -> list[dict[str, str]]:
    """Deal places so that tests have the held-out date and the rest another one."""
    seen: dict[str, set[bool]] = defaultdict(set)
    for image, unit in zip(images.index, images["unit"], strict=True):
        seen[unit].add(held[int(image)])
    both = sorted(u for u, kinds in seen.items() if len(kinds) == 2)
    only_held = sorted(u for u, kinds in seen.items() if kinds == {True})
    others = sorted(u for u, kinds in seen.items() if kinds == {False})
    extra = dict.fromkeys(only_held, "test") | dict.fromkeys(others, "train")
    if len(both) >= max(LEAST_UNITS, options.folds):
        return [dealt | extra for dealt in split_units(both, options.folds, [options.seed, c])]
    free = sorted([*both, *others])
    if options.folds == 1 and only_held and len(free) >= LEAST_UNITS - 1:
        order = np.random.default_rng([options.seed, c]).permutation(len(free))
        count = max(1, round(TEST_SHARE * len(free)))
        dealt = {free[i]: "val" if k < count else "train" for k, i in enumerate(order)}
        return [dealt | dict.fromkeys(only_held, "test")]
    raise InputError(
        f"{city.name} has {len(both)} places with images of the held-out date and of another one, "
        f"{len(only_held)} with the held-out date alone and {len(others)} with others alone; a "
        f"place may not train on one date and test on another, so {options.folds} fold(s) take "
        f"{max(LEAST_UNITS, options.folds)} of the first kind, or one of the second and two more."
    )


def _dl_slicer(images: pd.DataFrame, cities: Sequence[City]) -> Parts:
    parts: dict[int, list[tuple[str, Half]]] = {}
    for c, city in enumerate(cities):
        mine = images[images["city"] == c]
        ordered = sorted(set(mine["site"]))  # as texts, like the authors: "10" before "2"
        if len(ordered) < 2:
            raise InputError(
                f"{city.name} has one site ({ordered[0]}); DL-SLICER's split needs two or more: "
                "the last is halved for validation and test, the others train."
            )
        last = mine["site"] == ordered[-1]
        if set(mine.loc[last, "unit"]) & set(mine.loc[~last, "unit"]):
            logger.warning(
                "%s: the last site overlaps others on the ground, so this split leaks; the "
                "default (--split sites) would not.",
                city.name,
            )
        parts |= {int(i): [("train", "whole")] for i in mine.index[~last]}
        parts |= {int(i): [("test", "left"), ("val", "right")] for i in mine.index[last]}
    return [parts]


def _cut(
    images: pd.DataFrame, side_of: Sequence[int], parts: Parts, options: PrepareOptions
) -> pd.DataFrame:
    pieces: dict[str, list[Any]] = {name: [] for name in PATCH_COLUMNS}
    rows, cols = images["rows"].to_numpy(), images["cols"].to_numpy()
    cities, sites = images["city"].to_numpy(), images["site"].to_numpy()
    for fold, dealt in enumerate(parts):
        for image in sorted(dealt):
            side = side_of[image]
            stride = patch_stride(side, options.overlap)
            for part, half in dealt[image]:
                shape = (int(rows[image]), int(cols[image]))
                origins = patch_origins(shape, side, stride, half)
                values = (image, cities[image], sites[image], *origins.T, side, part, fold, True)
                for name, value in zip(PATCH_COLUMNS, values, strict=True):
                    kind = object if isinstance(value, str) else None
                    pieces[name].append(np.broadcast_to(np.asarray(value, kind), len(origins)))
    return pd.DataFrame({name: np.concatenate(column) for name, column in pieces.items()})


def _sample(patches: pd.DataFrame, cities: int, seed: int) -> None:
    """Draw DL-SLICER's 500 test patches a city; with a seed, which theirs has not."""
    test = (patches["part"] == "test").to_numpy()
    sampled = np.zeros(len(patches), bool)
    for c in range(cities):
        mine = np.flatnonzero(test & (patches["city"] == c).to_numpy())
        count = min(SAMPLED_PER_CITY, len(mine))
        drawn = np.random.default_rng([seed, c]).choice(mine, count, replace=False)
        sampled[drawn] = True
    patches["sampled"] = sampled


def _refuse_empty(patches: pd.DataFrame, cities: Sequence[City], folds: int) -> None:
    present = set(zip(patches["fold"], patches["city"], patches["part"], strict=True))
    for fold in range(folds):
        for c, city in enumerate(cities):
            for part in ("train", "val", "test"):
                if (fold, c, part) not in present:
                    raise InputError(
                        f"{city.name} has no patch to {'validate' if part == 'val' else part} on; "
                        "its images are too small or too few for this split."
                    )


def _counted(
    patches: pd.DataFrame, images: pd.DataFrame, cities: Sequence[City]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return patches, and places that are independent of each other, per fold, city and part."""
    places = images["unit"].to_numpy()[patches["image"].to_numpy()]
    grouped = patches.assign(place=places).groupby(["fold", "city", "part"])["place"]
    counts: dict[str, Any] = {}
    units: dict[str, Any] = {}
    for table, values in ((counts, grouped.size()), (units, grouped.nunique())):
        for (fold, c, part), value in zip(values.index, values, strict=True):
            city = table.setdefault(str(fold), {}).setdefault(cities[c].code, {})
            city[part] = int(value)
    return counts, units
