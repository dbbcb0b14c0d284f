"""Finding the images of cities in a download as it comes: folders, or zips of them.

    raw/<City>(<CODE>)/<site>/<anything>.jpg

is how DL-SLICER's images lie. The root may be the folder above, `preprocessed`, `raw`, the folder
of city folders, or zips of any of these.
"""

import os
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from geocity.errors import InputError
from geocity.io.cities.manifest import City

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".tif", ".tiff"})

_CITY = re.compile(r"^(.+?)[ _]*\(([A-Z]{3})\)$")
_ABOVE = ("preprocessed", "raw")


@dataclass(frozen=True, slots=True)
class RawImage:
    """An image as it was found.

    Attributes:
        folder: name of the city's folder, e.g. ``Almaty(ALA)``.
        site: name of its site.
        date: name of the folder that stands for a date; empty without one.
        path: as GDAL opens it; ``/vsizip/…`` inside a zip.
    """

    folder: str
    site: str
    date: str
    path: str

    @property
    def name(self) -> str:
        """Return the file's name."""
        return PurePosixPath(self.path.replace("\\", "/")).name


def city_of(folder: str) -> City:
    """Return the city that a folder's name stands for.

    Example:
        >>> city_of("San Francisco(SFO)"), city_of("riverside")
        (City(code='SFO', name='San Francisco'), City(code='riverside', name='riverside'))
    """
    match = _CITY.match(folder)
    return City(match[2], match[1]) if match else City(folder, folder)


def natural_key(text: str) -> list[tuple[int, int, str]]:
    """Return a key that sorts numbers in names as numbers: 2 before 10."""
    return [
        (0, int(part), "") if part.isdecimal() else (1, 0, part.lower())
        for part in re.split(r"(\d+)", text)
        if part
    ]


def find_images(root: Path, layout: str = "city/site") -> list[RawImage]:
    """Find all images below a root, sorted as people sort: city, site, name.

    Names that start with a dot or with ``__`` are passed over.

    Args:
        root: a folder or a zip.
        layout: what the folders mean from the top, of ``city``, ``site`` and ``date``. What lies
            in the place of a site's folder is a site by itself; folders further down belong to
            their site.

    Raises:
        InputError: if there are none, or the root is the folder of one city.
    """
    if not root.exists():
        raise InputError(f"{root} does not exist; check the name and the folder.")
    found = [
        image
        for parts, path in _entries(root)
        if (image := _understood(parts, path, layout)) is not None
    ]
    if not found:
        raise InputError(
            f"{root} holds no images of cities; expected are folders <city>/<site>/<image>, e.g. "
            f"Almaty(ALA)/1/ALA_01.jpg, with images of the kinds {', '.join(sorted(SUFFIXES))}."
        )
    if _CITY.match(root.name.removesuffix(".zip")) and not _CITY.match(found[0].folder):
        raise InputError(f"{root} is the folder of one city; give the folder above it.")
    return sorted(
        found,
        key=lambda i: (i.folder, natural_key(i.site), natural_key(i.name), i.name, i.path),
    )


def _understood(parts: tuple[str, ...], path: str, layout: str) -> RawImage | None:
    if any(part.startswith((".", "__")) for part in parts):
        return None
    if PurePosixPath(parts[-1]).suffix.lower() not in SUFFIXES:
        return None
    below = _below_the_root(parts, layout)
    if below is None:
        return None
    levels = layout.split("/")
    stem = PurePosixPath(parts[-1]).stem
    named = dict(zip(levels, below[:-1], strict=False))
    if "city" not in named or ("date" in levels[:2] and "date" not in named):
        return None
    return RawImage(named["city"], named.get("site", stem), named.get("date", ""), path)


def _below_the_root(parts: tuple[str, ...], layout: str) -> tuple[str, ...] | None:
    """Cut what lies above the cities; None for cut patches, which are not raw images."""
    for depth, part in enumerate(parts[:3]):
        if part == "patches" and (depth == 0 or parts[depth - 1] == "preprocessed"):
            return None
    for depth, part in reversed(list(enumerate(parts[:-1]))):
        if part in _ABOVE and depth < 3:
            return parts[depth + 1 :]
    for depth, part in enumerate(parts[:-1]):
        if _CITY.match(part) and not layout.startswith("date"):
            return parts[depth:]
    return parts


def _entries(root: Path) -> Iterator[tuple[tuple[str, ...], str]]:
    if root.is_file():
        yield from _zipped(root)
        return
    for folder, subfolders, files in os.walk(root):
        subfolders[:] = sorted(s for s in subfolders if not s.startswith((".", "__")))
        above = Path(folder).relative_to(root).parts
        for name in sorted(files):
            path = Path(folder, name)
            if name.lower().endswith(".zip") and not name.startswith("."):
                yield from (((*above, path.stem, *inner), at) for inner, at in _zipped(path))
            else:
                yield (*above, name), str(path.absolute())


def _zipped(path: Path) -> Iterator[tuple[tuple[str, ...], str]]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = sorted(n for n in archive.namelist() if not n.endswith("/"))
    except (zipfile.BadZipFile, OSError) as error:
        raise InputError(
            f"{path} cannot be read as a zip ({error}); copy or download it again."
        ) from error
    for name in names:
        parts = PurePosixPath(name).parts
        if parts[0] == path.stem:  # Almaty(ALA).zip that holds Almaty(ALA)/…: one level, not two
            parts = parts[1:] or parts
        yield parts, f"/vsizip/{path.absolute().as_posix()}/{name}"


def unique_keys(images: Sequence[RawImage]) -> list[str]:
    """Name every image ``city/site/stem``; where that repeats, with its date, suffix or number."""
    keys = [f"{i.folder}/{i.site}/{PurePosixPath(i.name).stem}" for i in images]
    for more in (lambda i: i.date, lambda i: PurePosixPath(i.name).suffix[1:]):
        repeated = _repeated(keys)
        keys = [
            f"{key}_{more(image)}" if key in repeated and more(image) else key
            for key, image in zip(keys, images, strict=True)
        ]
    taken: set[str] = set()
    for position, key in enumerate(keys):
        number, unique = 1, key
        while unique in taken:
            number += 1
            unique = f"{key}_{number}"
        keys[position] = unique
        taken.add(unique)
    return keys


def _repeated(keys: Sequence[str]) -> set[str]:
    seen: set[str] = set()
    return {key for key in keys if key in seen or seen.add(key)}  # type: ignore[func-returns-value]
