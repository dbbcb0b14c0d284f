"""Evaluation with engines whose answers are known: every figure can be worked out by hand."""

import csv
import json
import logging
from functools import partial

import geopandas
import numpy as np
import pytest
import shapely
from click.testing import CliRunner
from rasterio.enums import ColorInterp

from geocity.cli.evaluate import command
from geocity.core.classes import NODATA, ClassTable
from geocity.core.grid import Window
from geocity.errors import (
    BandMismatchError,
    ClassTableError,
    GridMismatchError,
    InputError,
    NoOverlapError,
    OutputExistsError,
)
from geocity.io.chip_writer import ChipFolderPlan, ChipFolderWriter, ChipPlace
from geocity.io.class_raster_sinks import create_class_raster
from geocity.io.class_rasters import open_class_raster
from geocity.tools.evaluate import evaluate
from geocity.tools.evaluate_map import TruthOptions, evaluate_map, evaluate_scene
from tests.conftest import make_grid, write_raster
from tests.tools.toy_models import by_first_band, constant, put_toy_engine, write_toy_model

SLUM = ClassTable.named(["background", "slum"])
GRID = make_grid(640, 640)
RGB = [ColorInterp.red, ColorInterp.green, ColorInterp.blue]


@pytest.fixture
def use(monkeypatch):
    return partial(put_toy_engine, monkeypatch)


def chip_of(index, size):
    """The first band is what the toy will say; the label differs from it in some places."""
    rng = np.random.default_rng(index)
    pixels = rng.integers(0, 2, (3, size, size)).astype(np.uint8)
    valid = rng.random((size, size)) > 0.1
    label = np.where(rng.random((size, size)) < 0.2 + 0.1 * index, 1 - pixels[0], pixels[0])
    label = np.where(rng.random((size, size)) < 0.05, NODATA, label)
    return pixels, valid, label.astype(np.uint8)


def write_chips(folder, size=48, **changes):
    settings = {
        "classes": SLUM,
        "bands": ("Red", "Green", "Blue"),
        "dtype": np.dtype("uint8"),
        **changes,
    }
    folder.mkdir()
    plan = ChipFolderPlan(settings["classes"], settings["bands"], settings["dtype"], size)
    writer = ChipFolderWriter(folder, plan)
    for index in range(6):
        window = Window(size * (index // 3), size * (index % 3), size, size)
        pixels, valid, label = chip_of(index, size)
        pixels = pixels[: len(settings["bands"])].astype(settings["dtype"])
        part = ("train", "train", "train", "val", "test", "test")[index]
        grid = settings.get("grid", GRID)[window]
        writer.add(pixels, valid, label, ChipPlace(grid, part, "scene", window))
    writer.finish({"method": "by place"}, [])
    return folder


def known_counts(indexes, size=48):
    """Count hits, predicted and true slum pixels of chips from the definition."""
    hits = predicted = true = 0
    for index in indexes:
        pixels, valid, label = chip_of(index, size)
        for row in range(size):
            for col in range(size):
                if valid[row, col] and label[row, col] != NODATA:
                    predicted += pixels[0, row, col] == 1
                    true += label[row, col] == 1
                    hits += pixels[0, row, col] == label[row, col] == 1
    return int(hits), int(predicted), int(true)


@pytest.mark.parametrize(("split", "indexes"), [("test", (4, 5)), ("val", (3,))])
def test_figures_are_those_of_the_parts_chips(tmp_path, use, split, indexes):
    engine = use(by_first_band((0, 1)))
    result = evaluate(
        write_toy_model(tmp_path / "m.geocity"),
        write_chips(tmp_path / "chips"),
        out=tmp_path / "e",
        split=split,
    )
    slum = result.report["classes"][1]
    assert (slum["hit_px"], slum["predicted_px"], slum["true_px"]) == known_counts(indexes)
    assert slum["true_area_m2"] == pytest.approx(slum["true_px"] * 0.64)
    assert result.report["boundary_tolerance_px"] == pytest.approx(5 / 0.8)
    assert result.report["pixels"]["unanswered"] == 0
    assert engine.tiles == len(indexes)
    assert engine.closed
    with (tmp_path / "e/per_chip.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(indexes)
    assert "slum" in result.table
    assert (tmp_path / "e/worst_chips.png").exists()


def test_a_model_that_paints_everything_slum_is_not_praised(tmp_path, use):
    use(constant(0.9))
    model = write_toy_model(tmp_path / "m.geocity")
    result = evaluate(model, write_chips(tmp_path / "chips"), out=tmp_path / "e")
    slum = result.report["classes"][1]
    _, _, true = known_counts((4, 5))
    assert slum["recall"] == 1.0
    share = true / slum["predicted_px"]
    assert slum["iou"] == slum["precision"] == pytest.approx(share)
    assert slum["ece"] == pytest.approx(abs(0.9 - share), abs=1e-5)
    assert result.report["overall_accuracy_of_all_known_pixels"] == pytest.approx(share)


def test_chips_of_any_size_are_predicted_whole(tmp_path, use):
    shapes = []

    def logits(batch):
        shapes.append(batch.shape)
        return by_first_band((0, 1))(batch)

    use(logits)
    model = write_toy_model(tmp_path / "m.geocity")
    result = evaluate(model, write_chips(tmp_path / "chips", size=50), out=tmp_path / "e")
    assert shapes == [(1, 3, 64, 64)] * 2
    assert result.report["classes"][1]["hit_px"] == known_counts((4, 5), 50)[0]


def test_training_chips_are_warned_about(tmp_path, use, caplog):
    use(constant(0.5))
    model, chips = write_toy_model(tmp_path / "m.geocity"), write_chips(tmp_path / "chips")
    with caplog.at_level(logging.WARNING):
        evaluate(model, chips, out=tmp_path / "e", split="train")
    assert "how well one remembers" in caplog.text


@pytest.mark.parametrize(
    ("model", "chips", "error", "message"),
    [
        ({}, {"dtype": np.dtype("uint16")}, BandMismatchError, "uint16 pixels"),
        ({}, {"bands": ("Red", "NIR")}, BandMismatchError, "bands Red, NIR"),
        ({"cell_size_m": 1.6}, {}, GridMismatchError, "--cell-size 1.6"),
        (
            {},
            {"classes": ClassTable.named(["background", "slum", "water"])},
            ClassTableError,
            "2 water",
        ),
    ],
)
def test_chips_that_do_not_fit_are_refused(tmp_path, model, chips, error, message):
    path = write_toy_model(tmp_path / "m.geocity", **model)
    with pytest.raises(error, match=message):
        evaluate(path, write_chips(tmp_path / "chips", **chips), out=tmp_path / "e")
    assert not (tmp_path / "e").exists()


def test_bad_options_are_refused_before_any_work(tmp_path):
    model, chips = write_toy_model(tmp_path / "m.geocity"), write_chips(tmp_path / "chips")
    with pytest.raises(InputError, match="there is no part|There is no part"):
        evaluate(model, chips, out=tmp_path / "e", split="tset")
    for wrong in (-1.0, 1e6, float("nan")):
        with pytest.raises(InputError, match="tolerance"):
            evaluate(model, chips, out=tmp_path / "e", tolerance_m=wrong)
    (tmp_path / "e").mkdir()
    with pytest.raises(OutputExistsError):
        evaluate(model, chips, out=tmp_path / "e")


def test_an_empty_part_is_refused_with_what_there_is(tmp_path):
    folder = tmp_path / "chips"
    folder.mkdir()
    writer = ChipFolderWriter(folder, ChipFolderPlan(SLUM, ("Red",), np.dtype("uint8"), 32))
    window = Window(0, 0, 32, 32)
    ones = np.ones((32, 32), np.uint8)
    writer.add(ones[None], ones > 0, ones, ChipPlace(GRID[window], "train", "scene", window))
    writer.finish({"method": "by place"}, [])
    model = write_toy_model(tmp_path / "m.geocity", bands=("Red",), mean=(0.0,), std=(1.0,))
    with pytest.raises(InputError, match=r"no test chips \(test 0, val 0, train 1\)"):
        evaluate(model, folder, out=tmp_path / "e")


@pytest.fixture
def place(tmp_path):
    """A scene whose first band is the toy's answer, and outlines that differ from it."""
    grid = make_grid(700, 600)
    pixels = np.zeros((3, 700, 600), np.uint8)
    pixels[0, 100:400, 50:300] = 1
    mask = np.ones((700, 600), bool)
    mask[:, 580:] = False
    scene = write_raster(tmp_path / "scene.tif", pixels, grid, colorinterp=RGB, mask=mask * 255)
    left, top = grid.transform @ (50, 150)
    right, bottom = grid.transform @ (300, 450)
    outlines = geopandas.GeoDataFrame(
        {"code": [1]}, geometry=[shapely.box(left, bottom, right, top)], crs=grid.crs
    )
    outlines.to_file(tmp_path / "slums.gpkg", layer="slums")
    return scene, tmp_path / "slums.gpkg", grid


def check_place(report):
    slum = report["classes"][1]
    assert slum["true_px"] == slum["predicted_px"] == 300 * 250
    assert slum["hit_px"] == 250 * 250
    assert slum["area_error"] == 0
    assert report["pixels"]["counted"] == 700 * 580
    assert report["pixels"]["unanswered"] == 0


def test_a_scene_is_classified_and_compared_in_blocks(tmp_path, use, place):
    use(by_first_band((0, 1)))
    scene, outlines, _ = place
    model = write_toy_model(tmp_path / "m.geocity")
    result = evaluate_scene(model, scene, outlines, out=tmp_path / "e")
    check_place(result.report)
    assert "1" in result.report["reliability"]
    # Of the box's sides only the two long ones, and two corners, are where they should be.
    assert 0.3 < result.report["classes"][1]["boundary_f1"] < 0.7
    with open_class_raster(tmp_path / "e/classes.tif") as raster:
        assert raster.classes.names == ("background", "slum")


def test_a_map_that_is_there_already_is_compared(tmp_path, place):
    scene, outlines, grid = place
    values = np.zeros(grid.shape, np.uint8)
    values[100:400, 50:300] = 1
    values[:, 580:] = NODATA
    with create_class_raster(tmp_path / "c.tif", grid, SLUM) as sink:
        sink.write(values, grid.window)
    seen = evaluate_map(tmp_path / "c.tif", outlines, out=tmp_path / "e", scene=scene)
    check_place(seen.report)
    assert seen.report["reliability"] == {}
    assert not (tmp_path / "e/reliability.png").exists()
    blind = evaluate_map(tmp_path / "c.tif", outlines, out=tmp_path / "f")
    assert blind.report["pixels"]["unanswered"] == 700 * 20
    assert blind.report["classes"] == seen.report["classes"]
    itself = evaluate_map(tmp_path / "c.tif", tmp_path / "c.tif", out=tmp_path / "g")
    assert itself.report["mean_iou"] == 1.0
    assert not (tmp_path / "g/worst_chips.png").exists()


def test_only_the_labelled_area_is_counted(tmp_path, place):
    _, outlines, grid = place
    with create_class_raster(tmp_path / "c.tif", grid, SLUM) as sink:
        sink.write(np.ones(grid.shape, np.uint8), grid.window)
    left, top = grid.transform @ (0, 0)
    right, bottom = grid.transform @ (100, 100)
    area = geopandas.GeoDataFrame(geometry=[shapely.box(left, bottom, right, top)], crs=grid.crs)
    area.to_file(tmp_path / "area.gpkg")
    truth = TruthOptions(labelled_area=tmp_path / "area.gpkg")
    result = evaluate_map(tmp_path / "c.tif", outlines, out=tmp_path / "e", truth=truth)
    assert result.report["pixels"]["counted"] == 100 * 100
    area.translate(50_000).to_file(tmp_path / "away.gpkg")
    truth = TruthOptions(labelled_area=tmp_path / "away.gpkg")
    with pytest.raises(NoOverlapError, match="no pixel in common"):
        evaluate_map(tmp_path / "c.tif", outlines, out=tmp_path / "f", truth=truth)
    assert not (tmp_path / "f").exists()


def test_maps_that_do_not_fit_are_refused(tmp_path, place):
    _, outlines, grid = place
    with create_class_raster(tmp_path / "c.tif", grid, SLUM) as sink:
        sink.write(np.ones(grid.shape, np.uint8), grid.window)
    other = write_raster(tmp_path / "o.tif", np.ones((3, 9, 9), np.uint8), make_grid(9, 9))
    with pytest.raises(GridMismatchError, match="do not share a grid"):
        evaluate_map(tmp_path / "c.tif", outlines, out=tmp_path / "e", scene=other)
    three = TruthOptions(class_field="code", class_values={"1": "slum", "2": "water"})
    with pytest.raises(ClassTableError, match="2 water"):
        evaluate_map(tmp_path / "c.tif", outlines, out=tmp_path / "e", truth=three)


def test_the_command_prints_a_table_and_says_what_it_leaves_out(tmp_path, use):
    use(by_first_band((0, 1)))
    model = str(write_toy_model(tmp_path / "m.geocity"))
    chips = str(write_chips(tmp_path / "chips"))
    run = CliRunner().invoke(command, [model, chips, "-o", str(tmp_path / "e")])
    assert run.exit_code == 0, run.output
    assert "background" in run.stdout
    assert "It is not reported here" in run.stdout
    assert run.stdout.rstrip().endswith(str(tmp_path / "e"))
    run = CliRunner().invoke(
        command, [model, chips, "-o", str(tmp_path / "e"), "--overwrite", "--progress", "json"]
    )
    events = [json.loads(line) for line in run.stdout.splitlines()]
    assert events[-1]["event"] == "result"
    assert events[-1]["result"]["classes"][1]["class"] == "slum"


def test_the_command_compares_scenes_and_maps(tmp_path, use, place):
    use(by_first_band((0, 1)))
    scene, outlines, _ = (str(item) for item in place)
    model, truth = str(write_toy_model(tmp_path / "m.geocity")), ["--labels", outlines]
    run = CliRunner().invoke(command, [model, "--scene", scene, *truth, "-o", str(tmp_path / "e")])
    assert run.exit_code == 0, run.output
    made = str(tmp_path / "e/classes.tif")
    run = CliRunner().invoke(command, ["--classes", made, *truth, "-o", str(tmp_path / "f")])
    assert run.exit_code == 0, run.output
    first, second = (
        json.loads((tmp_path / name / "metrics.json").read_text())["classes"][1]["iou"]
        for name in "ef"
    )
    assert first == second


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["m"],
        ["m", "--labels", "l"],
        ["m", "c", "--labels", "l"],
        ["m", "--classes", "c", "--labels", "l"],
        ["--labels", "l", "--scene", "s"],
    ],
)
def test_the_command_says_how_it_is_used(tmp_path, arguments):
    run = CliRunner().invoke(command, [*arguments, "-o", str(tmp_path / "e")])
    assert run.exit_code == 2, run.output


def test_the_help_says_what_the_samples_accuracy_was():
    help_text = " ".join(CliRunner().invoke(command, ["--help"]).output.split())
    assert "recall of labelled pixels alone" in help_text
    assert "\\b" not in help_text
