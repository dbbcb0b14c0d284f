"""Looking at thousands of images once: headers, broken files, and a cache for a run that stops.

A header does not show that the end of a file is missing. The quick look reads the last bytes too
(a JPEG ends with a marker, a PNG with a chunk, all others with their last pixel), which finds cut
downloads at the cost of a seek; the full look decodes every pixel.
"""

import datetime
import functools
import json
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from affine import Affine
from rasterio.windows import Window as RioWindow

from geocity.core.progress import Progress, silent
from geocity.errors import InputError
from geocity.io.cities.site_images import ImageHeader, opened, read_header
from geocity.io.datasets import READ_ERRORS, root_cause

_TAIL = 4096
_ENDS = {".jpg": b"\xff\xd9", ".jpeg": b"\xff\xd9", ".png": b"IEND"}


@dataclass(frozen=True, slots=True)
class Finding:
    """What looking at an image brought.

    Attributes:
        header: None where it cannot be opened.
        reason: why the image cannot serve; empty where it can.
    """

    header: ImageHeader | None
    reason: str


def scan_images(
    paths: Sequence[str], *, full: bool, cache: Path, progress: Progress = silent
) -> list[Finding]:
    """Look at images one by one; what was found is kept at once, so that a killed run goes on.

    Args:
        paths: as GDAL opens them.
        full: decode every pixel.
        cache: a file of one JSON object a line; made if it is not there. It is read where path,
            size, time of change and thoroughness agree.
        progress: told the images done.
    """
    known = _read_cache(cache)
    findings = []
    with cache.open("a", encoding="utf-8") as log:
        for done, path in enumerate(paths):
            progress(done, len(paths), "look at images")
            stamp = [path, *_stamp(path), full]
            finding = known.get(json.dumps(stamp))
            if finding is None:
                finding = _look(path, full)
                log.write(json.dumps([stamp, _to_json(finding)]) + "\n")
                log.flush()
            findings.append(finding)
    progress(len(paths), len(paths), "look at images")
    return findings


def _look(path: str, full: bool) -> Finding:
    try:
        header = read_header(path)
    except InputError as error:
        return Finding(None, f"cannot be opened ({root_cause(error)})")
    if header.unfit:
        return Finding(header, header.unfit)
    try:
        if not _ends_well(path):
            return Finding(header, "is cut short: its end is missing")
        for window in _windows(path, header, full):
            with opened(path) as source:
                source.read(window=window)
    except (*READ_ERRORS, InputError, OSError, zipfile.BadZipFile) as error:
        return Finding(header, f"is damaged ({root_cause(error)})")
    return Finding(header, "")


def _windows(path: str, header: ImageHeader, full: bool) -> Iterator[RioWindow | None]:
    if full:
        yield None
    elif Path(path).suffix.lower() not in _ENDS:
        rows, cols = header.shape
        yield RioWindow(cols - 1, rows - 1, 1, 1)


def _ends_well(path: str) -> bool:
    mark = _ENDS.get(Path(path).suffix.lower())
    return mark is None or mark in _tail(path)


def _tail(path: str) -> bytes:
    archive, inner = _zip_parts(path)
    if archive is None:
        with Path(path).open("rb") as file:
            file.seek(max(0, Path(path).stat().st_size - _TAIL))
            return file.read()
    with _archive(archive).open(inner) as member:
        member.seek(max(0, _archive(archive).getinfo(inner).file_size - _TAIL))
        return member.read()


def _stamp(path: str) -> tuple[int, int]:
    archive, inner = _zip_parts(path)
    try:
        status = Path(archive or path).stat()
        size = _archive(archive).getinfo(inner).file_size if archive else status.st_size
    except (OSError, KeyError):
        return 0, 0
    return size, status.st_mtime_ns


def _zip_parts(path: str) -> tuple[str | None, str]:
    if not path.startswith("/vsizip/"):
        return None, path
    end = path.lower().index(".zip/") + 4
    return path[len("/vsizip/") : end], path[end + 1 :]


@functools.lru_cache(maxsize=4)
def _archive(path: str) -> zipfile.ZipFile:
    return zipfile.ZipFile(path)


def _to_json(finding: Finding) -> dict[str, Any]:
    header = finding.header
    if header is None:
        return {"reason": finding.reason}
    values = asdict(header)
    values["transform"] = list(header.transform)[:6] if header.transform is not None else None
    values["date"] = header.date.isoformat() if header.date else None
    return {"reason": finding.reason, "header": values}


def _read_cache(cache: Path) -> dict[str, Finding]:
    known: dict[str, Finding] = {}
    if not cache.exists():
        return known
    for line in cache.read_text(encoding="utf-8").splitlines():
        try:
            stamp, found = json.loads(line)
        except ValueError:
            continue  # the line that was being written when the run was killed
        known[json.dumps(stamp)] = Finding(_header_of(found.get("header")), found["reason"])
    return known


def _header_of(values: dict[str, Any] | None) -> ImageHeader | None:
    if values is None:
        return None
    date, transform = values["date"], values["transform"]
    return ImageHeader(
        **{
            **values,
            "shape": tuple(values["shape"]),
            "transform": Affine(*transform) if transform is not None else None,
            "date": datetime.date.fromisoformat(date) if date else None,
        }
    )
