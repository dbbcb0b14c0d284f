"""Full disks, read-only folders, locked files, replaced inputs and interrupts."""

import contextlib
import os
import sqlite3
import subprocess

import numpy as np
import pytest
from click.testing import CliRunner

from geocity.cli import main
from tests.conftest import make_grid, write_raster
from tests.corpus import rasters, vectors
from tests.robust.outcome import is_leftover, names, run, sentence, time_limit

pytestmark = pytest.mark.filterwarnings("ignore")

needs_mount = pytest.mark.skipif(
    os.name != "posix" or os.geteuid() != 0, reason="only root can mount a small disk to fill it"
)


def noise(path, side, seed=0):
    """Write classes that hardly compress."""
    values = np.random.default_rng(seed).integers(0, 2, (1, side, side)).astype(np.uint8)
    grid = make_grid(side, side, cell=1.0)
    stored = {"tiled": True, "blockxsize": 256, "blockysize": 256, "compress": "deflate"}
    return write_raster(path, values, grid, **stored)


@contextlib.contextmanager
def small_disk(folder, kilobytes):
    """Put a disk of so many kilobytes under a folder."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("this machine does not let root mount anything")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


COMMANDS = {
    "majority-filter": ("out.tif",),
    "clean": ("out.tif", "--min-area", "3"),
    "polygonize": ("out.gpkg",),
    "assess": ("sample.gpkg",),
    "dashboard": ("tracker.html",),
    "change": ("change.gpkg",),
}
"""Commands that need no network, and what they write."""


def words(command, folder, out):
    """Return the command line of a command over inputs in a folder."""
    name, *options = COMMANDS[command]
    noisy = folder / "noise.tif"
    if not noisy.exists():
        noise(noisy, 600)
    result = ["-o", out / name, *options]
    if command == "assess":
        return ["assess", "sample", noisy, *result, "--points", "4000"]
    if command == "dashboard":
        slums, scene = folder / "slums", folder / "scene"
        if not slums.exists():
            slums.mkdir()
            scene.mkdir()
            vectors.plain(slums, vectors.outlines())
            rasters.plain(scene, rasters.imagery())
        given = [next(slums.iterdir()), "--date", "2015-01-01", "--scene", next(scene.iterdir())]
        return ["dashboard", *given, *result]
    if command == "change":
        return ["change", noisy, noisy, "--date", "2015-01-01", "--date", "2025-01-01", *result]
    return [command, noisy, *result]


@needs_mount
@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_disk_is_told_and_leaves_nothing(tmp_path, command):
    source = tmp_path / "in"
    source.mkdir()
    with small_disk(tmp_path / "disk", 40) as disk:
        said = run(*words(command, source, disk), inputs=source, outputs=disk).said
    assert "full" in said or "No space" in said, said


@needs_mount
@pytest.mark.parametrize("command", COMMANDS)
def test_a_read_only_folder_is_told_before_any_work(tmp_path, command):
    source = tmp_path / "in"
    source.mkdir()
    with small_disk(tmp_path / "disk", 40) as disk:
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        said = run(*words(command, source, disk), inputs=source, outputs=disk).said
    assert "not writable" in said


@pytest.mark.parametrize("command", COMMANDS)
def test_a_result_that_is_there_is_not_touched(tmp_path, command):
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    out.mkdir()
    there = out / COMMANDS[command][0]
    there.write_bytes(b"precious")
    assert "already there" in run(*words(command, source, out), inputs=source, outputs=out).said
    assert there.read_bytes() == b"precious"
    there.unlink()
    there.mkdir()
    (there / "precious").touch()
    outcome = run(*words(command, source, out), "--overwrite", inputs=source, outputs=out)
    assert outcome.refused
    assert (there / "precious").exists()


def test_a_result_open_elsewhere_is_replaced_whole(tmp_path):
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    out.mkdir()
    command = words("polygonize", source, out)
    assert not run(*command, inputs=source, outputs=out).refused
    path = out / "out.gpkg"
    former = path.read_bytes()
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with time_limit():
            result = CliRunner().invoke(main, [*map(str, command), "--overwrite"])
        assert result.exit_code in (0, 1)
        if result.exit_code:
            sentence(result.stderr)
            assert path.read_bytes() == former
    with contextlib.closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert not [name for name in names(out) if is_leftover(name) and "journal" not in name]


def test_a_layer_locked_by_an_editor_is_read_or_told(tmp_path):
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    out.mkdir()
    slums = vectors.plain(source, vectors.outlines())
    with contextlib.closing(sqlite3.connect(slums)) as editor:
        editor.execute("BEGIN EXCLUSIVE")
        with time_limit():
            arguments = ["change", slums, slums, "--date", "2015-01-01", "--date", "2025-01-01"]
            result = CliRunner().invoke(main, [*map(str, arguments), "-o", str(out / "c.gpkg")])
        editor.rollback()
    assert result.exit_code in (0, 1)
    assert "did not foresee" not in result.stderr, result.stderr
    assert (out / "c.gpkg").exists() == (result.exit_code == 0)
