"""The result is the same in one go, in parts, by several processes, stopped and resumed."""

import errno
import logging
import os
import random
import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import geopandas
import numpy as np
import pytest
import shapely
from click.testing import CliRunner

from geocity.cli.classify import command
from geocity.engine.run import WorkOptions
from geocity.engine.store import parts_folder
from geocity.errors import InputError, OutputError, OutputExistsError
from geocity.io.class_rasters import open_class_raster, open_probability_raster
from geocity.tools import classify as tool
from geocity.tools.classify import ClassifyOptions, classify
from tests.conftest import make_grid
from tests.engine import toy_classification
from tests.tools.test_classify import random_scene, whole
from tests.tools.toy_models import write_toy_model

ROOT = Path(__file__).parents[2]
SHAPE = (230, 300)  # in parts of 64: 4 x 5
ROWS, COLS = 4, 5


@pytest.fixture
def toy(monkeypatch):
    toy_classification.install(monkeypatch.setattr)


@pytest.fixture
def inputs(tmp_path):
    scene, _ = random_scene(tmp_path / "s.tif", *SHAPE, classes=9)
    model = write_toy_model(tmp_path / "m.geocity")
    return {"scene": scene, "model": model}


def run(folder, inputs, **more):
    folder.mkdir(exist_ok=True)
    out, chances = folder / "c.tif", folder / "p.tif"
    settings = {"model": inputs["model"], "out": out, "probability": chances, **more}
    return classify(inputs["scene"], **settings)


def contents(folder):
    """All files of a result; the command inside names its own folder."""
    found = {p.name: p.read_bytes() for p in sorted(folder.iterdir())}
    assert list(found) == ["c.qml", "c.tif", "c.tif.aux.xml", "p.qml", "p.tif"]
    return found


@pytest.fixture
def undisturbed(tmp_path, toy, inputs):
    run(tmp_path / "one", inputs)
    expected = contents(tmp_path / "one")
    for path in (tmp_path / "one").iterdir():
        path.unlink()
    return expected


@pytest.mark.parametrize("options", [{}, {"blend": False}, {"tta": True}, {"padding": 20}])
def test_parts_are_windows_of_the_whole(tmp_path, toy, inputs, monkeypatch, options):
    """Every part in a stream of its own, against one stream over all."""
    how = ClassifyOptions(**options)
    monkeypatch.setattr(tool, "PART_SIDE", 4096)
    run(tmp_path / "one", inputs, options=how)
    monkeypatch.setattr(tool, "PART_SIDE", toy_classification.SIDE)
    for index in range(ROWS * COLS):
        work = WorkOptions(part_range=(index, index + 1))
        run(tmp_path / "parts", inputs, options=how, work=work)
    same_pixels(tmp_path / "one", tmp_path / "parts")


def same_pixels(first, second):
    np.testing.assert_array_equal(whole(first / "c.tif"), whole(second / "c.tif"))
    with (
        open_probability_raster(first / "p.tif") as one,
        open_probability_raster(second / "p.tif") as two,
    ):
        np.testing.assert_array_equal(one.read(one.grid.window), two.read(two.grid.window))
        assert one.grid == two.grid


@pytest.mark.parametrize("cell_size_m", [0.4, 0.63, 1.3, 2.0])
def test_parts_put_back_from_another_cell_size(tmp_path, toy, inputs, monkeypatch, cell_size_m):
    model = write_toy_model(tmp_path / "other.geocity", cell_size_m=cell_size_m)
    monkeypatch.setattr(tool, "PART_SIDE", 4096)
    run(tmp_path / "one", inputs, model=model)
    monkeypatch.setattr(tool, "PART_SIDE", toy_classification.SIDE)
    for first in range(0, ROWS * COLS, 3):
        work = WorkOptions(part_range=(first, first + 3))
        run(tmp_path / "parts", inputs, model=model, work=work)
    same_pixels(tmp_path / "one", tmp_path / "parts")


def test_parts_of_an_area_and_a_box(tmp_path, toy, inputs, monkeypatch):
    grid = make_grid(*SHAPE)
    left, _, _, top = grid.bounds
    triangle = shapely.Polygon([(left + 8, top - 8), (left + 190, top - 8), (left + 8, top - 160)])
    geopandas.GeoDataFrame(geometry=[triangle], crs=grid.crs).to_file(tmp_path / "aoi.gpkg")
    box = (left + 20.3, top - 130, left + 200, top - 11)
    how = ClassifyOptions(aoi=tmp_path / "aoi.gpkg", bbox=box)
    monkeypatch.setattr(tool, "PART_SIDE", 4096)
    run(tmp_path / "one", inputs, options=how)
    monkeypatch.setattr(tool, "PART_SIDE", toy_classification.SIDE)
    run(tmp_path / "parts", inputs, options=how, work=WorkOptions(part_range=(3, 5)))
    run(tmp_path / "parts", inputs, options=how, work=WorkOptions(workers=2))
    same_pixels(tmp_path / "one", tmp_path / "parts")


def test_two_workers_and_a_resumed_run_give_the_same_bytes(tmp_path, undisturbed, inputs, caplog):
    caplog.set_level(logging.INFO)
    run(tmp_path / "one", inputs, work=WorkOptions(workers=2))
    assert contents(tmp_path / "one") == undisturbed
    for path in (tmp_path / "one").iterdir():
        path.unlink()
    folder = run(tmp_path / "one", inputs, work=WorkOptions(part_range=(3, 17)))
    assert folder == parts_folder(tmp_path / "one" / "c.tif")
    assert "14 of 20 parts are done." in caplog.text
    for index, path in enumerate(random.Random(0).sample(sorted(folder.iterdir()), 9)):
        if index % 3 == 0:
            path.unlink()
        elif index % 3 == 1:
            path.write_bytes(path.read_bytes()[:-1])
        else:
            data = bytearray(path.read_bytes())
            data[len(data) // 2] ^= 1
            path.write_bytes(data)
    caplog.clear()
    assert run(tmp_path / "one", inputs) == tmp_path / "one" / "c.tif"
    assert re.search(r"[5-9] of 20 parts were done by a former run", caplog.text)
    assert contents(tmp_path / "one") == undisturbed


def part_range(tmp_path, inputs, first, end, **more):
    return run(tmp_path / "one", inputs, work=WorkOptions(part_range=(first, end)), **more)


@pytest.mark.parametrize("change", ["scene", "model", "options"])
def test_other_input_is_computed_anew(tmp_path, toy, inputs, caplog, change):
    part_range(tmp_path, inputs, 0, 19)
    more = {}
    if change == "scene":
        random_scene(inputs["scene"], *SHAPE, classes=9, seed=1)
    elif change == "model":
        write_toy_model(tmp_path / "n.geocity", temperature=2.0)
        more["model"] = tmp_path / "n.geocity"
    else:
        more["options"] = ClassifyOptions(threshold=0.6)
    run(tmp_path / "one", inputs, **more)
    assert "19 parts in" in caplog.text
    assert "computed anew" in caplog.text
    run(tmp_path / "two", inputs, **more)
    same_pixels(tmp_path / "one", tmp_path / "two")


def test_a_viewer_s_sidecar_changes_nothing(tmp_path, toy, inputs, caplog):
    part_range(tmp_path, inputs, 0, 19)
    Path(f"{inputs['scene']}.aux.xml").write_text("<PAMDataset></PAMDataset>")
    run(tmp_path / "one", inputs)
    assert "anew" not in caplog.text


def test_a_scene_replaced_on_the_way_is_refused(tmp_path, toy, inputs):
    def replace(done, total, stage):
        if done == 5:
            os.utime(inputs["scene"], ns=(1, 1))

    with pytest.raises(InputError, match=r"s\.tif was changed while"):
        run(tmp_path / "one", inputs, progress=replace)
    assert not (tmp_path / "one" / "c.tif").exists()


def test_a_fresh_start_can_be_asked_for(tmp_path, toy, inputs, caplog):
    caplog.set_level(logging.INFO)
    part_range(tmp_path, inputs, 0, 19)
    run(tmp_path / "one", inputs, work=WorkOptions(resume=False))
    assert "former run" not in caplog.text


def test_results_are_not_replaced_unasked(tmp_path, toy, inputs):
    run(tmp_path / "one", inputs)
    with pytest.raises(OutputExistsError):
        part_range(tmp_path, inputs, 0, 3)
    part_range(tmp_path, inputs, 0, 3, overwrite=True)
    run(tmp_path / "one", inputs, overwrite=True)
    contents(tmp_path / "one")


def test_a_disk_full_at_the_end_keeps_the_parts(tmp_path, undisturbed, inputs, monkeypatch, caplog):
    from geocity.io import part_rasters

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(part_rasters, "finish_probabilities", full)
        with pytest.raises(OutputError, match="is full"):
            run(tmp_path / "one", inputs)
    assert "20 of 20 parts are done and kept in" in caplog.text
    assert [p.name for p in (tmp_path / "one").iterdir()] == ["c.tif.parts"]
    run(tmp_path / "one", inputs)
    assert contents(tmp_path / "one") == undisturbed


@pytest.fixture
def small_disk(tmp_path):
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small disk")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_really_full_disk(tmp_path, undisturbed, inputs, small_disk):
    """A part does not fit, the next run has room: it does the rest."""
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(48 << 10))
    folder = small_disk / "one"
    with pytest.raises(OutputError, match="is full; free some space and run this again"):
        run(folder, inputs)
    kept = sorted(parts_folder(folder / "c.tif").glob("*.json"))
    assert 0 < len(kept) < 20
    assert not list(parts_folder(folder / "c.tif").glob(".*"))
    subprocess.run(["mount", "-o", "remount,size=4m", str(small_disk)], check=True)
    times = [path.stat().st_mtime_ns for path in kept]
    out = run(folder, inputs, work=WorkOptions(part_range=(0, 19)))
    assert [path.stat().st_mtime_ns for path in kept] == times
    assert out == parts_folder(folder / "c.tif")
    run(folder, inputs)
    found = {p.name: p.read_bytes() for p in folder.iterdir()}
    assert found["p.qml"] == undisturbed["p.qml"]
    assert whole(folder / "c.tif").shape == SHAPE


SCRIPT = """
    import sys
    from geocity.cli.classify import command
    from tests.engine import toy_classification

    toy_classification.install()
    toy_classification.Slow.seconds = 0.02
    if __name__ == "__main__":
        command(sys.argv[1:])
"""


def start(tmp_path, arguments):
    script = tmp_path / "drive.py"
    script.write_text(textwrap.dedent(SCRIPT))
    return subprocess.Popen(
        [sys.executable, str(script), *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(("how", "workers"), [(signal.SIGKILL, 2), (signal.SIGTERM, 1)])
def test_a_command_killed_and_run_again(tmp_path, undisturbed, inputs, how, workers):
    folder = tmp_path / "one"
    out = folder / "c.tif"
    arguments = [inputs["scene"], "-m", inputs["model"], "-o", out]
    arguments += ["--probability", folder / "p.tif", "--workers", workers]
    driver = start(tmp_path, arguments)
    end = time.monotonic() + 30
    while len(list(parts_folder(out).glob("[!.]*.json"))) < 3:
        assert driver.poll() is None
        assert time.monotonic() < end
        time.sleep(0.01)
    driver.send_signal(how)
    _, said = driver.communicate()
    assert not out.exists()
    if how == signal.SIGTERM:
        assert driver.returncode == 130
        assert "the same command goes on from there" in said
        assert "Interrupted" in said
    again = start(tmp_path, arguments)
    printed, said = again.communicate()
    assert again.returncode == 0, said
    assert printed.strip() == str(out)
    assert "of 20 parts were done by a former run" in said
    assert contents(folder) == undisturbed


def test_the_command_takes_ranges(tmp_path, toy, inputs):
    out = tmp_path / "c.tif"
    arguments = [str(inputs["scene"]), "-m", str(inputs["model"]), "-o", str(out)]
    done = CliRunner().invoke(command, [*arguments, "--part-range", "0:12"])
    assert done.exit_code == 0, done.output
    assert done.stdout.strip() == str(parts_folder(out))
    assert "12 of 20 parts are done." in done.stderr
    done = CliRunner().invoke(command, [*arguments, "--part-range", "12:20"])
    assert done.stdout.strip() == str(out)
    assert not parts_folder(out).exists()
    with open_class_raster(out) as raster:
        assert raster.tags["GEOCITY_COMMAND"].endswith("c.tif")
    for more in (["--part-range", "3"], ["--part-range", "a:b"]):
        assert CliRunner().invoke(command, [*arguments, *more]).exit_code == 2
    done = CliRunner().invoke(command, [*arguments, "--workers", "0"])
    assert done.exit_code == 1
    assert "0 workers" in done.stderr
