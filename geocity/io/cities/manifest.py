"""City folders: which images show which city, where patches are cut, and what each patch is for.

A city folder holds tables, no pictures: patches are cut from the images where they lie.

``cities.json``     the cities in class order, the size of a patch on the ground, how it was split
``images.csv``      one row an image (`IMAGE_COLUMNS`)
``patches.csv``     one row a patch and fold (`PATCH_COLUMNS`); ``patches.parquet`` when many
``footprints.gpkg`` the images and patches on the map, where images are georeferenced
"""

import datetime
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyproj
from affine import Affine

from geocity.core.grid import Grid, Window
from geocity.errors import InputError
from geocity.io.remote import is_remote
from geocity.io.staging import PathLike, staged_directory

IMAGE_COLUMNS: Mapping[str, str] = {
    "key": "str",
    "city": "int64",
    "site": "str",
    "path": "str",
    "rows": "int64",
    "cols": "int64",
    "bands": "int64",
    "dtype": "str",
    "cell_size_m": "float64",
    "georeferenced": "bool",
    "date": "object",
    "broken": "bool",
    "reason": "str",
    "unit": "str",
    "placed": "str",
    "crs": "str",
    "west": "float64",
    "south": "float64",
    "east": "float64",
    "north": "float64",
}
"""``key`` is unique, ``city/site/stem``. ``cell_size_m`` is measured or, without georeference,
declared. ``reason`` says why an image is ``broken`` and left out. ``unit`` names the place: images
of one place share it, whatever their site and date. ``placed`` says what georeferences the image:
``file``, ``world file``, ``table`` or nothing; the bounds are in ``crs``."""

PATCH_COLUMNS: Mapping[str, str] = {
    "image": "int64",
    "city": "int64",
    "site": "str",
    "row": "int64",
    "col": "int64",
    "side": "int64",
    "part": "str",
    "fold": "int64",
    "sampled": "bool",
}
"""``image`` is a row of the images; ``row``, ``col`` and ``side`` are pixels of the raw image.
``sampled`` marks the 500 test patches a city that DL-SLICER draws; without that split, all."""

_VERSION = 1
_MANY_PATCHES = 200_000


@dataclass(frozen=True, slots=True)
class City:
    """A class of the problem.

    Attributes:
        code: the three letters in its folder's name, or the name where there are none.
        name: of the city.
    """

    code: str
    name: str


@dataclass(frozen=True, eq=False)
class CityFolder:
    """A city folder, read whole: tables, no pixels.

    Attributes:
        path: the folder.
        cities: a city's class is its position.
        images: one row an image, see `IMAGE_COLUMNS`.
        patches: one row a patch and fold, see `PATCH_COLUMNS`.
        patch_m: side of a patch on the ground in metres.
        split: how the parts were made: ``how``, ``seed``, ``folds``, ``held_out``, ``counts``
            (patches per fold, city and part), ``units`` (independent units per fold, city, part).
    """

    path: Path
    cities: tuple[City, ...]
    images: pd.DataFrame
    patches: pd.DataFrame
    patch_m: float | None
    split: Mapping[str, Any]

    def image_path(self, image: int) -> str:
        """Return where an image lies, as GDAL opens it."""
        return resolved(str(self.images["path"].iloc[image]), self.path)

    def image_grid(self, image: int) -> Grid | None:
        """Return where the pixels of an image are; None without georeference."""
        row = self.images.iloc[image]
        if not row["georeferenced"]:
            return None
        width = (row["east"] - row["west"]) / row["cols"]
        height = (row["north"] - row["south"]) / row["rows"]
        transform = Affine(width, 0, row["west"], 0, -height, row["north"])
        shape = (int(row["rows"]), int(row["cols"]))
        return Grid(pyproj.CRS.from_user_input(row["crs"]), transform, shape)

    def patch_window(self, patch: int) -> Window:
        """Return the pixels of a patch in its raw image."""
        row = self.patches.iloc[patch]
        return Window(int(row["row"]), int(row["col"]), int(row["side"]), int(row["side"]))

    def patch_grid(self, patch: int) -> Grid | None:
        """Return where a patch lies on the ground; None without georeference."""
        grid = self.image_grid(int(self.patches["image"].iloc[patch]))
        return None if grid is None else grid[self.patch_window(patch)]


def without_cities(folder: CityFolder, names: Sequence[str]) -> CityFolder:
    """Return a city folder without some of its cities, images and patches alike.

    Args:
        folder: all cities.
        names: codes or names of cities.

    Raises:
        InputError: if a city is not in the folder, or fewer than two would be left.
    """
    known = {word.casefold(): c.code for c in folder.cities for word in (c.name, c.code)}
    for name in names:
        if name.casefold() not in known:
            told = ", ".join(city.code for city in folder.cities)
            raise InputError(f"There is no city {name!r} in {folder.path}; it holds {told}.")
    dropped = {known[name.casefold()] for name in names}
    kept = [k for k, city in enumerate(folder.cities) if city.code not in dropped]
    if len(kept) < 2:
        raise InputError(
            f"Without {', '.join(sorted(dropped))}, {folder.path} has {len(kept)} cities left; "
            "leave two or more to choose from."
        )
    position = {old: new for new, old in enumerate(kept)}
    images = folder.images[folder.images["city"].isin(kept)]
    row = pd.Series(range(len(images)), index=images.index)
    patches = folder.patches[folder.patches["city"].isin(kept)]
    patches = patches.assign(
        image=patches["image"].map(row), city=patches["city"].map(position)
    ).reset_index(drop=True)
    images = images.assign(city=images["city"].map(position)).reset_index(drop=True)
    cities = tuple(folder.cities[k] for k in kept)
    return replace(folder, cities=cities, images=images, patches=patches)


def resolved(path: str, folder: Path) -> str:
    """Return an image's path from the one that the table holds, which may start at the folder."""
    prefix, inner = ("/vsizip/", path[8:]) if path.startswith("/vsizip/") else ("", path)
    return prefix + os.path.normpath(folder.absolute() / inner)


def portable(path: str, folder: Path) -> str:
    """Return a path that starts at the folder where both lie in one tree, so that it can move."""
    prefix, inner = ("/vsizip/", path[8:]) if path.startswith("/vsizip/") else ("", path)
    try:
        shared = os.path.commonpath([inner, folder.absolute()])
    except ValueError:  # another drive
        return path
    if shared == Path(shared).anchor or len(Path(shared).parts) < 3:
        return path
    return prefix + Path(os.path.relpath(inner, folder.absolute())).as_posix()


def write_city_folder(out: PathLike, folder: CityFolder, *, overwrite: bool = False) -> Path:
    """Write the tables of a city folder.

    Args:
        out: the folder to make; `folder.path` does not matter.
        folder: what to write. Paths of images are written as they stand.
        overwrite: replace what is there.

    Returns:
        The path of the folder.
    """
    with staged_directory(out, overwrite=overwrite) as stage:
        write_tables(stage, folder)
    return Path(out)


def write_tables(stage: Path, folder: CityFolder) -> None:
    """Write the tables into a folder that is there already."""
    about = {
        "kind": "geocity city folder",
        "version": _VERSION,
        "cities": [{"code": city.code, "name": city.name} for city in folder.cities],
        "patch_m": folder.patch_m,
        "split": dict(folder.split),
    }
    text = json.dumps(about, indent=2, ensure_ascii=False) + "\n"
    (stage / "cities.json").write_text(text, encoding="utf-8")
    folder.images[list(IMAGE_COLUMNS)].to_csv(
        stage / "images.csv", index=False, lineterminator="\n"
    )
    patches = folder.patches[list(PATCH_COLUMNS)]
    if len(patches) > _MANY_PATCHES:
        patches.to_parquet(stage / "patches.parquet", index=False)
    else:
        patches.to_csv(stage / "patches.csv", index=False, lineterminator="\n")


def read_city_folder(path: PathLike) -> CityFolder:
    """Read a folder that ``geocity city prepare`` made.

    Raises:
        InputError: if it is not one, or its tables do not fit together.
    """
    folder = Path(path)
    about = _read_about(folder)
    images = _read_images(folder / "images.csv")
    if (folder / "patches.parquet").exists():
        patches = pd.read_parquet(folder / "patches.parquet")
    else:
        patches = _read_table(folder / "patches.csv", PATCH_COLUMNS)
    cities = tuple(City(str(c["code"]), str(c["name"])) for c in about["cities"])
    if len(patches) and not (
        patches["image"].between(0, len(images) - 1).all()
        and patches["city"].between(0, len(cities) - 1).all()
    ):
        raise InputError(
            f"The patches of {folder} name images or cities that its other tables do not hold; "
            "make the folder again (geocity city prepare)."
        )
    return CityFolder(folder, cities, images, patches, about["patch_m"], about["split"])


def _read_about(folder: Path) -> dict[str, Any]:
    path = folder / "cities.json"
    if not path.is_file():
        raise InputError(
            f"{folder} holds no cities.json, so it is not a city folder; make one from your images "
            "with geocity city prepare."
        )
    try:
        about: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        version, known = about["version"], {"cities", "patch_m", "split"} <= about.keys()
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is damaged ({error}); make the folder again.") from error
    if version != _VERSION or not known:
        raise InputError(
            f"{path} is of version {version}, but this geocity reads version {_VERSION}; make the "
            "folder again (geocity city prepare)."
        )
    return about


def _read_images(path: Path) -> pd.DataFrame:
    images = _read_table(path, IMAGE_COLUMNS)
    if images["path"].map(is_remote).any():
        raise InputError(
            f"{path} names an image on another machine, which geocity does not fetch because a "
            "file says so; download the images and make the folder again (geocity city prepare)."
        )
    images["date"] = [
        datetime.date.fromisoformat(text) if isinstance(text, str) and text else None
        for text in images["date"]
    ]
    images["date"] = images["date"].astype(object).where(images["date"].notna(), None)
    return images


def _read_table(path: Path, columns: Mapping[str, str]) -> pd.DataFrame:
    texts = [name for name, kind in columns.items() if kind in ("str", "object")]
    try:
        # A city or site called "NA" or "007" is a text.
        table = pd.read_csv(
            path, dtype=dict.fromkeys(texts, "object"), keep_default_na=False,
            na_values={name: [""] for name in columns if name not in texts},
        )  # fmt: skip
        return table[list(columns)].astype(
            {name: kind for name, kind in columns.items() if kind not in ("str", "object")}
        )
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"{path} cannot be read as the table of a city folder ({error}); make the folder again "
            "(geocity city prepare)."
        ) from error
