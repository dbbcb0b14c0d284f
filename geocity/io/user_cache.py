"""The user's cache: what is costly to make and can always be made again."""

import atexit
import functools
import hashlib
import json
import logging
import os
import shutil
import sys
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path

logger = logging.getLogger(__name__)

_MANIFEST = "manifest.json"
_KEPT = 8


def cache_folder() -> Path:
    """Return geocity's folder in the user's cache: ``$XDG_CACHE_HOME/geocity`` or its like."""
    if chosen := os.environ.get("XDG_CACHE_HOME"):
        return Path(chosen) / "geocity"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData/Local")) / "geocity/Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches/geocity"
    return Path.home() / ".cache/geocity"


def cached_folder(kind: str, key: str, make: Callable[[Path], None]) -> Path:
    """Return a folder of files that ``make`` fills the first time.

    It appears whole or not at all, and every file in it is checked against its hash: a damaged
    entry is made again. The eight entries used last are kept. Without a place to write, the folder
    is a temporary one, which goes when the process ends.

    Args:
        kind: what is cached; a folder name.
        key: which one; a file name.
        make: writes the files into the folder that it gets; what it raises is passed on.
    """
    entry = _writable(cache_folder() / kind) / key
    if _is_whole(entry):
        os.utime(entry)
        return entry
    fresh = entry.with_name(f".{key}.{uuid.uuid4().hex[:8]}.part")
    fresh.mkdir(parents=True)
    try:
        make(fresh)
        hashes = {path.name: _sha256(path) for path in sorted(fresh.iterdir())}
        (fresh / _MANIFEST).write_text(json.dumps(hashes), encoding="utf-8")
        _replace(fresh, entry)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    _forget_old(entry.parent)
    return entry


def _writable(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK)
    except OSError:
        writable = False
    if writable:
        return folder
    kept = _substitute(cache_folder()) / folder.name
    kept.mkdir(exist_ok=True)
    return kept


@functools.cache
def _substitute(cache: Path) -> Path:
    """Return a folder that stands in for a cache as long as this process lives."""
    substitute = Path(tempfile.mkdtemp(prefix="geocity-"))
    logger.warning("The cache %s cannot be written; using %s this time.", cache, substitute)
    atexit.register(_remove, substitute, os.getpid())
    return substitute


def _remove(substitute: Path, owner: int) -> None:
    # A process forked from the owner uses its folder, and may well end before it.
    if os.getpid() == owner:
        shutil.rmtree(substitute, ignore_errors=True)


def _is_whole(entry: Path) -> bool:
    manifest = entry / _MANIFEST
    if not manifest.is_file():
        return False
    try:
        hashes = json.loads(manifest.read_text(encoding="utf-8"))
        whole = bool(hashes) and all(_sha256(entry / n) == h for n, h in hashes.items())
    except (OSError, ValueError, AttributeError):
        whole = False
    if not whole:
        logger.warning("%s in the cache is damaged; it is made again.", entry)
    return whole


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _replace(fresh: Path, entry: Path) -> None:
    if entry.exists():
        former = fresh.with_name(fresh.name + ".former")
        entry.rename(former)
        shutil.rmtree(former, ignore_errors=True)
    try:
        fresh.rename(entry)
    except OSError:
        # Another process was quicker and made the same.
        if not _is_whole(entry):
            raise


def _forget_old(folder: Path) -> None:
    entries = [p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")]
    for old in sorted(entries, key=lambda p: p.stat().st_mtime, reverse=True)[_KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
