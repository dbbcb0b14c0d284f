"""Outputs that appear whole or not at all.

Every output is made under a temporary name beside its place and renamed when it is complete, so
that QGIS never meets half a file and a failed run leaves the former result untouched.
"""

import errno
import logging
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from geocity.errors import OutputError, OutputExistsError

logger = logging.getLogger(__name__)

PathLike = str | os.PathLike[str]

_FILE_SUFFIXES = {
    *(".tif", ".tiff", ".gpkg", ".shp", ".geojson", ".json", ".fgb", ".parquet", ".geoparquet"),
    *(".csv", ".html", ".png", ".pdf", ".svg", ".qgz", ".geocity", ".onnx", ".dlpk"),
}


def fresh_output(out: PathLike, *, overwrite: bool) -> Path:
    """Check, before any work, that a result may be written where it is asked for.

    Raises:
        OutputExistsError: if something is there and may not be replaced.
        OutputError: if the folder cannot be made or written to.
    """
    path = Path(out)
    if path.exists() and not overwrite:
        raise OutputExistsError(
            f"{path} is already there; choose another name or allow replacing it (--overwrite)."
        )
    if path.is_dir() and path.suffix.lower() in _FILE_SUFFIXES:
        raise OutputExistsError(
            f"{path} is a folder, and the result is a file; choose another name, or remove the "
            "folder."
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"The folder {path.parent} cannot be made: {error.strerror}.") from error
    if not os.access(path.parent, os.W_OK):
        raise OutputError(
            f"The folder {path.parent} is not writable; choose another place for the result."
        )
    return path


class Stage:
    """Temporary files that become an output and its sidecars together."""

    def __init__(self, out: Path) -> None:
        self._out = out
        # The mark stands before the suffix: drivers choose the format by the suffix.
        self._stem = f".{out.stem}.{uuid.uuid4().hex[:8]}.part"
        self.path = out.with_name(self._stem + out.suffix)
        self._sidecars: dict[Path, Path] = {}

    def sidecar(self, suffix: str) -> Path:
        """Return a temporary path for ``<stem><suffix>`` beside the output, e.g. ``.qml``."""
        return self._register(self._stem + suffix, self._out.stem + suffix)

    def sidecar_full(self, suffix: str) -> Path:
        """Return a temporary path for ``<full name><suffix>``, e.g. ``map.tif.aux.xml``."""
        return self._register(self.path.name + suffix, self._out.name + suffix)

    def scratch(self, suffix: str) -> Path:
        """Return a temporary path on the same disk for a file that no one keeps."""
        return self._out.with_name(self._stem + ".scratch" + suffix)

    def _register(self, temporary: str, final: str) -> Path:
        path = self._out.with_name(temporary)
        self._sidecars[path] = self._out.with_name(final)
        return path

    def commit(self) -> None:
        """Give every temporary file its final name, the main one last; all of them or none."""
        _flush_to_disk(self.path)
        kept: list[tuple[Path, Path]] = []
        try:
            for temporary, final in self._sidecars.items():
                if temporary.exists():
                    former = temporary.with_name(f"{temporary.name}.former")
                    if final.exists():
                        os.replace(final, former)  # noqa: PTH105 - replaces across platforms, atomic
                    kept.append((former, final))
                    os.replace(temporary, final)  # noqa: PTH105
            os.replace(self.path, self._out)  # noqa: PTH105
        except BaseException:
            for former, final in kept:
                with suppress(OSError):
                    os.replace(former, final) if former.exists() else final.unlink()  # noqa: PTH105
            raise
        self.discard()  # scratch files, and former sidecars

    def discard(self) -> None:
        """Remove whatever was written under the temporary names."""
        for leftover in self._out.parent.glob(self._stem.replace("[", "[[]") + "*"):
            with suppress(OSError):
                shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()


@contextmanager
def staged(out: PathLike, *, overwrite: bool = False) -> Iterator[Stage]:
    """Make a file, and its sidecars, under temporary names and rename them when all is well.

    Args:
        out: the final path; its suffix is kept by the temporary one.
        overwrite: replace what is there.

    Yields:
        The stage; write to ``stage.path``.

    Raises:
        OutputExistsError: if the output is there and may not be replaced.
        OutputError: if it cannot be written, a full disk included.
    """
    stage = Stage(fresh_output(out, overwrite=overwrite))
    try:
        yield stage
        stage.commit()
    except OSError as error:
        stage.discard()
        if isinstance(error, OutputError) or error.errno is None:
            raise
        raise OutputError(why_not_written(Path(out), error)) from error
    except BaseException:
        stage.discard()
        raise


@contextmanager
def staged_directory(out: PathLike, *, overwrite: bool = False) -> Iterator[Path]:
    """Fill a folder under a temporary name and rename it when all is well.

    Args:
        out: the final folder.
        overwrite: replace a folder that is there; it is removed only once the new one is whole.

    Yields:
        The temporary folder, empty.
    """
    final = fresh_output(out, overwrite=overwrite)
    temporary = final.with_name(f".{final.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        temporary.mkdir()
        yield temporary
        _exchange(temporary, final)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        if isinstance(error, OutputError) or error.errno is None:
            raise
        raise OutputError(why_not_written(final, error)) from error
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _exchange(new: Path, final: Path) -> None:
    """Put a new folder in the place of a former one, which stays there if that fails."""
    former = final.with_name(new.name + ".former")
    try:
        if final.exists():
            final.rename(former)
        new.rename(final)
    except BaseException:
        if former.exists() and not final.exists():
            former.rename(final)
        raise
    finally:
        if former.is_dir() and final.exists():
            shutil.rmtree(former, ignore_errors=True)
        elif final.exists():
            former.unlink(missing_ok=True)


def why_not_written(out: Path, error: OSError) -> str:
    """Return the sentence that tells why a result could not be written."""
    if error.errno == errno.ENOSPC:
        return f"The disk of {out.parent} is full; free some space and run this again."
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"{out} cannot be written; is it open in another program, or the folder read-only?"
    return f"{out} cannot be written: {error.strerror or error}."


def _flush_to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
