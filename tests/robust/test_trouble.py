"""Full disks, read-only folders, locked files, replaced inputs and interrupts."""

import contextlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

import numpy as np
import pytest
from click.testing import CliRunner

from geocity.cli import main
from geocity.tools.majority_filter import majority_filter
from tests.conftest import make_grid, write_raster
from tests.corpus import rasters, vectors
from tests.robust.outcome import errors_in, is_leftover, names, run, sentence, time_limit

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


def start(*arguments):
    """Start geocity as a process of its own."""
    command = [sys.executable, "-m", "geocity", *map(str, arguments), "--progress", "none"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ending(process):
    """Return the exit code and what was said on stderr."""
    _, said = process.communicate(timeout=120)
    # A signal may come before Python itself is ready.
    assert process.returncode < 0 or "Traceback" not in said, said
    return process.returncode, said


SIDE = 2500


def test_an_interrupt_at_any_moment_loses_nothing(tmp_path):
    source = noise(tmp_path / "noise.tif", SIDE)
    whole, out = tmp_path / "whole.tif", tmp_path / "out"
    out.mkdir()
    began = time.monotonic()
    code, said = ending(start("majority-filter", source, "-o", whole))
    assert code == 0, said
    took = time.monotonic() - began
    drawn = random.Random(0)
    codes = []
    for number in range(10):
        process = start("majority-filter", source, "-o", out / "f.tif")
        time.sleep(took * (number + drawn.random()) / 10)
        process.send_signal(signal.SIGTERM if number % 2 else signal.SIGINT)
        asked = time.monotonic()
        code, said = ending(process)
        codes.append(code)
        if (out / "f.tif").exists():  # it was faster; Python was ending or had ended
            break
        assert time.monotonic() - asked < 10  # two seconds on a machine that is not busy
        if code == 130:
            assert "Interrupted" in errors_in(said)[0]
        else:  # the signal came before Python was ready
            assert code in (-signal.SIGINT, -signal.SIGTERM), said
            assert names(out) == []
        assert not [name for name in names(out) if name.endswith(".tmp")], names(out)
    assert 130 in codes
    if not (out / "f.tif").exists():
        code, said = ending(start("majority-filter", source, "-o", out / "f.tif"))
        assert code == 0, said
    assert (out / "f.tif").read_bytes() == whole.read_bytes()
    assert {name for name in names(out) if is_leftover(name)} == set()


def test_an_input_replaced_while_it_is_read_gives_no_mixture(tmp_path):
    source, other = noise(tmp_path / "noise.tif", SIDE), noise(tmp_path / "other.tif", SIDE, 1)
    expected = [majority_filter(path, out=tmp_path / f"{path.stem}_f.tif").read_bytes()
                for path in (source, other)]  # fmt: skip
    out = tmp_path / "out"
    out.mkdir()
    process = start("majority-filter", source, "-o", out / "f.tif")
    for _ in range(1000):
        if names(out) or process.poll() is not None:
            break
        time.sleep(0.01)
    shutil.copy(other, tmp_path / "copy.tif")
    os.replace(tmp_path / "copy.tif", source)  # noqa: PTH105 - at once
    code, said = ending(process)
    assert code in (0, 1)
    if code == 0:
        assert (out / "f.tif").read_bytes() in expected
    else:
        assert "changed" in sentence(said)
