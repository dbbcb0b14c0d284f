"""Ctrl-C at any moment, and inputs that are replaced while they are read."""

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest
import rasterio
from click.testing import CliRunner

from geocity.cli import main
from geocity.errors import InputError
from geocity.tools.majority_filter import majority_filter
from geocity.tools.map import map as map_scenes
from tests.corpus import rasters, vectors
from tests.robust.outcome import errors_in, is_leftover, names, sentence
from tests.robust.test_trouble import noise

pytestmark = pytest.mark.filterwarnings("ignore")

MOMENTS = 10
KEPT = (".parts/", ".map_work")
"""In the names of what a run leaves for the next one to go on with."""


@pytest.fixture(autouse=True)
def ctrl_c_is_heard():
    """What a shell starts in the background does not hear it, nor does what that starts."""
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, former)


def scene(folder):
    """Write imagery of several parts' size."""
    path = folder / "scene.tif"
    pixels = rasters.imagery((700, 700))
    return rasters.plain(folder, pixels).rename(path)


def words_of(command, folder, model, out):
    """Return the command line of a command over inputs that it makes in a folder."""
    path = folder / "scene.tif"
    if not path.exists():
        scene(folder)
        noise(folder / "noise.tif", 200)
        vectors.plain(folder, vectors.outlines())
    labels = folder / f"{vectors.STEM}.gpkg"
    days = ("--date", "2015-01-01", "--date", "2025-01-01")
    return {
        "classify": ("classify", path, "-m", model, "-o", out / "classes.tif"),
        "map": ("map", path, "-m", model, "-o", out / "map"),
        "polygonize": ("polygonize", folder / "noise.tif", "-o", out / "slums.gpkg"),
        "change": ("change", folder / "noise.tif", folder / "noise.tif", *days,
                   "-o", out / "change.gpkg"),
        "export-chips": ("export-chips", path, "--labels", labels, "-o", out / "chips",
                         "--chip-size", 175, "--chips", "all", "--split", "1,0,0"),
    }[command]  # fmt: skip


def press(words, delay_s=None):
    """Run a command in this process, pressing Ctrl-C after a while; return how it ended."""
    timer = threading.Timer(delay_s or 0, os.kill, (os.getpid(), signal.SIGINT))
    try:
        if delay_s is not None:
            timer.start()
        result = CliRunner().invoke(main, [*map(str, words), "--progress", "none"])
        timer.cancel()
        if timer.is_alive():
            timer.join()
    except KeyboardInterrupt:  # the command had ended
        return 0, ""
    return result.exit_code, result.stderr


def pixels_and_bytes(folder):
    """Return what a folder of results holds: pixels of rasters, bytes of all else."""
    found = {}
    for name in names(folder):
        path = folder / name
        if name.endswith("run.json"):  # written last, of what is whole by then
            continue
        if path.suffix == ".tif":
            with rasterio.open(path) as dataset:
                found[name] = dataset.read().tobytes()
        elif path.suffix == ".gpkg":
            found[name] = path.read_bytes()
        else:
            found[name] = None
    return found


COMMANDS = ("classify", "polygonize", "map", "change", "export-chips")


# Chance has a part in it, and what it finds is rare: for a machine with time.
@pytest.mark.skipif("GEOCITY_WHOLE_CORPUS" not in os.environ, reason="GEOCITY_WHOLE_CORPUS not set")
@pytest.mark.parametrize("command", COMMANDS)
def test_ctrl_c_at_ten_moments(tmp_path, toy_package, toy_engine, command):
    source, warm, whole, out = (tmp_path / name for name in ("in", "warm", "whole", "out"))
    for folder in (source, warm, whole, out):
        folder.mkdir()
    for folder in (warm, whole):
        began = time.monotonic()
        code, said = press(words_of(command, source, toy_package, folder))
        took = time.monotonic() - began
        assert code == 0, said
    given, drawn, codes = names(source), random.Random(1), []
    words = words_of(command, source, toy_package, out)
    # A run that goes on where another stopped is quick: all ten may come before it or after it.
    for number in range(5 * MOMENTS):
        if number >= MOMENTS and 130 in codes:
            break
        code, said = press(words, took * (number % MOMENTS + drawn.random()) / MOMENTS)
        codes.append(code)
        left = [n for n in names(out) if is_leftover(n) and not any(k in n for k in KEPT)]
        assert left == [], (number, said)
        assert names(source) == given
        unfinished = [n for n in names(out) if any(k in n for k in KEPT)]
        if names(out) and not unfinished:  # it was done; what is told of the run comes last
            assert pixels_and_bytes(out) == pixels_and_bytes(whole)
            shutil.rmtree(out)
            out.mkdir()
        if code:
            # Click itself says so where its own last lines are interrupted.
            assert (code, "Interrupted" in said) == (130, True) or "Aborted" in said, said
    assert 130 in codes
    if unfinished or not names(out):
        code, said = press(words)
        assert code == 0, said
        assert pixels_and_bytes(out) == pixels_and_bytes(whole)


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


def test_an_interrupt_of_a_process_loses_nothing(tmp_path):
    source = noise(tmp_path / "noise.tif", SIDE)
    whole = majority_filter(source, out=tmp_path / "whole.tif")
    out = tmp_path / "out"
    out.mkdir()
    codes = []
    for number, wait_s in enumerate((0.1, 0.0, 0.2)):
        process = start("majority-filter", source, "-o", out / "f.tif")
        while number and not names(out) and process.poll() is None:
            time.sleep(0.01)  # until it works
        time.sleep(wait_s)
        process.send_signal(signal.SIGTERM if number % 2 else signal.SIGINT)
        asked = time.monotonic()
        code, said = ending(process)
        codes.append(code)
        assert time.monotonic() - asked < 60  # two seconds on a machine that is not busy
        if code == 130:
            assert "Interrupted" in errors_in(said)[0]
        elif code:  # the signal came before Python was ready
            assert code in (-signal.SIGINT, -signal.SIGTERM), said
            assert names(out) == []
        assert not [name for name in names(out) if name.endswith(".tmp")], names(out)
    assert 130 in codes
    code, said = ending(start("majority-filter", source, "-o", out / "f.tif", "--overwrite"))
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


def test_a_scene_replaced_while_it_is_mapped_gives_no_mixture(tmp_path, toy_package, toy_engine):
    path = scene(tmp_path)

    def replace(done, total, stage):
        if stage == "Classifying" and done:
            os.utime(path, ns=(1, 1))

    with pytest.raises(InputError, match="was changed while"):
        map_scenes(path, model=toy_package, out=tmp_path / "map", progress=replace)
    left = names(tmp_path / "map")
    assert not [name for name in left if not any(kept in name for kept in KEPT)]
