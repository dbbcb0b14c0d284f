"""Every awkward scene goes to every command that takes one."""

import datetime
import json

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner
from rasterio.enums import ColorInterp

from geocity.cli import main
from geocity.io.alpha_bands import mistaken_alpha
from geocity.io.chips import read_chip, read_chip_folder
from geocity.io.rasters import open_scene
from tests.corpus import rasters, vectors
from tests.corpus.rasters import HOLE, KINDS, RASTERS, classes, imagery, people, sparse_giant
from tests.robust.outcome import names, run, time_limit

pytestmark = pytest.mark.filterwarnings("ignore")

DAY = datetime.date(2015, 3, 17)


def refuse(odd, outcome):
    """Check a refusal; tell whether it was one."""
    if odd.refusal:
        assert outcome.refused
        assert any(part in outcome.said for part in odd.refusal.split("|")), outcome.said
    return outcome.refused


def make(folder):
    folder.mkdir()
    return folder


def slums(folder):
    return vectors.plain(make(folder / "slums"), vectors.outlines(date=[DAY, DAY]))


@pytest.mark.parametrize("name", KINDS)
def test_check(folders, toy_package, toy_engine, name):
    odd, source = RASTERS[name], folders[0]
    path = odd.write(source, imagery())
    given = names(source)
    with time_limit():
        arguments = ["check", str(path), "--model", str(toy_package), "--json"]
        result = CliRunner().invoke(main, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    levels = {finding["level"] for finding in json.loads(result.stdout)["findings"]}
    assert result.exit_code == ("error" in levels)
    assert result.exit_code == 1 or not odd.refusal
    assert names(source) == given


def test_check_of_a_giant(tmp_path, toy_package, toy_engine):
    path = sparse_giant(tmp_path)
    with time_limit(20):
        result = CliRunner().invoke(main, ["check", str(path), "--model", str(toy_package)])
    assert result.exit_code in (0, 1)
    assert "66000 x 66000" in result.stdout


@pytest.mark.parametrize("name", KINDS)
def test_classify(folders, toy_package, toy_engine, read_classes, name):
    odd, source, out = RASTERS[name], folders[0], folders[1] / "classes.tif"
    path = odd.write(source, imagery())
    chances = folders[1] / "p.tif"
    outcome = run(
        "classify", path, "-m", toy_package, "-o", out, "--probability", chances,
        inputs=source, outputs=folders[1],
    )  # fmt: skip
    if refuse(odd, outcome):
        return
    values, grid = read_classes(out)
    assert chances.exists()
    assert (values[:HOLE] == 255).all() or not odd.hole
    if odd.exact and grid.cell_size_m == pytest.approx(1.0):
        expected = classes(values.shape)[0]
        assert (values == expected)[HOLE if odd.hole else 0 :].all()


@pytest.mark.parametrize("rotation", [0, 30])
def test_chips_of_a_giant_take_as_long_as_what_is_drawn_in_it(folders, rotation):
    path = sparse_giant(folders[0])
    out = folders[1] / "chips"
    with time_limit(20):
        outcome = run(
            "export-chips", path, "--labels", slums(folders[0]), "-o", out, "--chip-size", 32,
            "--rotation", rotation, "--split", "1,0,0", inputs=folders[0], outputs=folders[1],
        )  # fmt: skip
    assert not outcome.refused
    assert 1 < len(read_chip_folder(out).chips) < 30


@pytest.mark.parametrize("name", [*KINDS, *({"huge_claim"} - set(KINDS))])
def test_export_chips(folders, name):
    odd, source, out = RASTERS[name], folders[0], folders[1] / "chips"
    path = odd.write(source, imagery())
    labels = slums(source)
    outcome = run(
        "export-chips", path, "--labels", labels, "-o", out, "--chip-size", 32,
        "--split", "1,0,0", inputs=source, outputs=folders[1],
    )  # fmt: skip
    if refuse(odd, outcome) or not odd.exact:
        return
    for chip in read_chip_folder(out).chips:
        image, _, valid = read_chip(chip)
        truth = np.resize(imagery(), (len(image), *rasters.SHAPE))[:, *chip.window.slices]
        assert (image[:, valid] == truth[:, valid]).all()


@pytest.mark.parametrize("name", KINDS)
def test_scene_of_dashboard(folders, name):
    odd, source, out = RASTERS[name], folders[0], folders[1] / "tracker.html"
    path = odd.write(source, imagery())
    outcome = run(
        "dashboard", slums(source), "--scene", path, "-o", out,
        inputs=source, outputs=folders[1],
    )  # fmt: skip
    if not refuse(odd, outcome):
        assert "image/webp" in out.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "told"), [("at_the_pole", "shows other ground"), ("all_nodata", "shows nothing")]
)
def test_a_scene_that_a_dashboard_cannot_show_is_told(folders, name, told):
    path = RASTERS[name].write(folders[0], imagery())
    words = ["dashboard", slums(folders[0]), "--scene", path, "-o", folders[1] / "t.html"]
    result = CliRunner().invoke(main, [*map(str, words)])
    assert result.exit_code == 0
    assert result.stderr.count(told) == 1


@pytest.mark.parametrize("name", KINDS)
def test_covered_of_indicators(folders, name):
    odd, source, out = RASTERS[name], folders[0], folders[1] / "table.csv"
    path = odd.write(source, imagery())
    wards = vectors.plain(make(source / "wards"), vectors.outlines(ward=["A", "B"]))
    outcome = run(
        "indicators", slums(source), "--units", wards, "--covered", path, "-o", out,
        inputs=source, outputs=folders[1],
    )  # fmt: skip
    refuse(odd, outcome)


@pytest.mark.parametrize("name", KINDS)
def test_population_of_indicators(folders, name):
    odd, source, out = RASTERS[name], folders[0], folders[1] / "table.csv"
    path = odd.write(source, people())
    wards = vectors.plain(make(source / "wards"), vectors.outlines(ward=["A", "B"]))
    outcome = run(
        "indicators", slums(source), "--units", wards, "--population", path, "-o", out,
        inputs=source, outputs=folders[1],
    )  # fmt: skip
    refuse(odd, outcome)


@pytest.mark.parametrize("name", KINDS)
def test_imagery_of_change(folders, name):
    odd, source, out = RASTERS[name], folders[0], folders[1] / "change.gpkg"
    path = odd.write(source, imagery())
    other = rasters.plain(make(source / "other"), imagery())
    pair = (slums(source), vectors.plain(make(source / "later"), vectors.outlines(date=[DAY] * 2)))
    dates = ("--date", "2015-01-01", "--date", "2025-01-01")
    outcome = run(
        "change", *pair, *dates, "--estimate-shift", "--imagery", path, "--imagery", other,
        "-o", out, inputs=source, outputs=folders[1],
    )  # fmt: skip
    refuse(odd, outcome)


@pytest.mark.parametrize("name", ["float_nan", "int16_minus_9999", "palette", "rotated", "jpeg"])
def test_map(folders, toy_package, toy_engine, name):
    odd, source, out = RASTERS[name], folders[0], folders[1] / "map"
    path = odd.write(source, imagery())
    outcome = run("map", path, "-m", toy_package, "-o", out, inputs=source, outputs=folders[1])
    if not refuse(odd, outcome):
        assert list(out.glob("*.qgz"))


def test_infrared_called_alpha_is_never_lost_in_silence(folders, toy_package, toy_engine):
    source, out = folders
    path = RASTERS["infrared_called_alpha"].write(source, imagery())
    made = ("--labels", slums(source), "--chip-size", 32, "--split", "1,0,0")
    for words in (
        ("classify", path, "-m", toy_package, "-o", out / "classes.tif"),
        ("export-chips", path, *made, "-o", out / "chips"),
        ("check", path),
    ):
        said = CliRunner().invoke(main, list(map(str, words))).output
        assert said.count("a band 4 that is tagged as alpha") == 1, said
        assert "gdal_edit.py -colorinterp_4 undefined" in said
    with rasterio.open(path, "r+") as dataset:  # what the advice does
        dataset.colorinterp = (*dataset.colorinterp[:3], ColorInterp.undefined)
    with open_scene(path) as scene:
        assert scene.count == 4
        assert mistaken_alpha(path) is None
