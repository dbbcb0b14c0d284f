"""export-chips and show-chips, file to file."""

import json
import logging
import math

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from click.testing import CliRunner

from geocity.cli import main
from geocity.core.burn import burn
from geocity.core.grid import Window
from geocity.errors import (
    ClassTableError,
    InputError,
    LabelError,
    NoOverlapError,
    OutputExistsError,
)
from geocity.io.chip_options import ChipOptions
from geocity.io.chips import read_chip, read_chip_folder
from geocity.tools.export_chips import export_chips
from geocity.tools.show_chips import show_chips
from tests.conftest import make_grid, write_raster

GRID = make_grid(700, 640)
QUICK = {"chip_size": 64, "split": (0.6, 0.2, 0.2)}


def pixels_of(grid, offset=0, dtype=np.uint8):
    rows, cols = np.indices(grid.shape)
    bands = [rows % 251 + 1, cols % 241 + 1, (rows * 7 + cols * 3 + offset) % 239 + 1]
    return np.stack(bands).astype(dtype)


def outlines_of(grid, seed=0, count=60):
    rng = np.random.default_rng(seed)
    corners = rng.integers(0, [grid.shape[0] - 30, grid.shape[1] - 30], (count, 2))
    return [grid[Window(int(r), int(c), 23, 17)].polygon() for r, c in corners]


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    """A scene with a collar of nodata on its left, and outlines in degrees."""
    folder = tmp_path_factory.mktemp("city")
    mask = np.ones(GRID.shape, bool)
    mask[:, :100] = False
    scene = write_raster(folder / "city_20150317.tif", pixels_of(GRID), GRID, mask=mask)
    frame = geopandas.GeoDataFrame({"code": [1] * 60}, geometry=outlines_of(GRID), crs=GRID.crs)
    frame.to_crs(4326).to_file(folder / "slums.gpkg")
    return folder, scene, folder / "slums.gpkg"


def truth_of(grid, shapes):
    return burn(shapes, [1] * len(shapes), grid)


def test_chips_are_windows_of_the_scene_and_its_labels(city, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    _, scene, labels = city
    out = export_chips(scene, labels=labels, out=tmp_path / "c", options=ChipOptions(**QUICK))
    folder = read_chip_folder(out)
    truth = truth_of(GRID, outlines_of(GRID))
    pixels = pixels_of(GRID)
    for chip in folder.chips:
        image, label, valid = read_chip(chip)
        expected = truth[chip.window.slices].copy()
        nodata = np.arange(chip.window.col, chip.window.col_end) < 100
        expected[:, nodata] = 255
        assert (label == expected).all()
        assert (label == 1).any()
        assert (valid == ~np.broadcast_to(nodata, valid.shape)).all()
        assert (image[:, valid] == pixels[:, *chip.window.slices][:, valid]).all()
        assert chip.source == "city_20150317"
    assert folder.classes.names == ("background", "slum")
    # Chips of the collar alone are skipped; the last column is shifted inwards.
    assert {chip.window.col for chip in folder.chips} == {
        64,
        128,
        192,
        256,
        320,
        384,
        448,
        512,
        576,
    }
    assert max(chip.window.row for chip in folder.chips) == 700 - 64
    assert "reprojected" in caplog.text
    assert f"{len(folder.chips)} chips of 64 pixels" in caplog.text
    centres = {
        p: np.array([c.window[:2] for c in folder.split(p)]) for p in ("train", "val", "test")
    }
    for first, second in (("train", "val"), ("train", "test"), ("val", "test")):
        apart = np.abs(centres[first][:, None] - centres[second][None]).max(axis=2)
        assert apart.min() >= 2 * 64


def test_the_same_seed_writes_the_same_bytes(city, tmp_path):
    _, scene, labels = city
    options = ChipOptions(**QUICK, negatives=0.3, seed=5)
    for name in ("a", "b"):
        export_chips(scene, labels=labels, out=tmp_path / name, options=options)
    files = sorted(p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*.*"))
    for file in files:
        if file.suffix != ".gpkg":  # SQLite writes the time
            assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_negatives_all_chips_and_mask(city, tmp_path):
    folder, scene, labels = city
    everything = read_chip_folder(
        export_chips(
            scene, labels=labels, out=tmp_path / "all", options=ChipOptions(chips="all", **QUICK)
        )
    )
    positive = [c for c in everything.chips if c.class_pixels.get(1)]
    assert 0 < len(positive) < len(everything.chips)
    some = read_chip_folder(
        export_chips(
            scene,
            labels=labels,
            out=tmp_path / "some",
            options=ChipOptions(negatives=0.25, **QUICK),
        )
    )
    total = len(some.chips) + some.dropped
    without = json.loads((tmp_path / "some" / "chips.json").read_text())
    assert without["options"]["negatives"] == 0.25
    assert sum(not c.class_pixels.get(1) for c in some.chips) <= math.ceil(total * 0.25)
    window = Window(128, 192, 448, 448)
    mask = geopandas.GeoDataFrame(geometry=[GRID[window].polygon()], crs=GRID.crs)
    mask.to_file(folder / "mask.gpkg")
    masked = read_chip_folder(
        export_chips(
            scene,
            labels=labels,
            out=tmp_path / "masked",
            options=ChipOptions(chips="all", mask=folder / "mask.gpkg", **QUICK),
        )
    )
    assert all(window.contains(chip.window) for chip in masked.chips)
    assert len(masked.chips) + masked.dropped == 49


def test_labels_from_a_class_raster(city, tmp_path):
    folder, scene, _ = city
    rng = np.random.default_rng(1)
    cover = np.kron(rng.integers(0, 7, (35, 32)), np.ones((20, 20))).astype(np.uint8)[None]
    write_raster(folder / "cover.tif", cover, GRID, nodata=255)
    values = {"6": "slum", "4": "slum", "0": "ignore"}
    out = export_chips(
        scene,
        labels=folder / "cover.tif",
        out=tmp_path / "c",
        options=ChipOptions(class_values=values, **QUICK),
    )
    chips = read_chip_folder(out)
    assert chips.classes.names == ("background", "slum")
    lookup = np.array([255, 0, 0, 0, 1, 0, 1], np.uint8)
    for chip in chips.chips:
        _, label, valid = read_chip(chip)
        assert (label[valid] == lookup[cover[0][chip.window.slices]][valid]).all()
    with pytest.raises(InputError, match="for outlines"):
        export_chips(
            scene,
            labels=folder / "cover.tif",
            out=tmp_path / "d",
            options=ChipOptions(buffer_m=3, **QUICK),
        )


def test_a_class_raster_in_another_crs_and_cell_size_gives_the_nearest_class(city, tmp_path):
    folder, scene, _ = city
    coarse = make_grid(350, 320, cell=1.6)
    cover = np.kron(np.random.default_rng(1).integers(0, 2, (35, 32)), np.ones((10, 10)))
    path = write_raster(folder / "coarse.tif", cover.astype(np.uint8)[None], coarse)
    out = export_chips(scene, labels=path, out=tmp_path / "c", options=ChipOptions(**QUICK))
    fine = np.kron(cover, np.ones((2, 2))).astype(np.uint8)
    for chip in read_chip_folder(out).chips:
        _, label, valid = read_chip(chip)
        assert (label[valid] == fine[chip.window.slices][valid]).all()


def test_turned_chips_show_the_same_ground(city, tmp_path):
    _, scene, labels = city
    out = export_chips(
        scene, labels=labels, out=tmp_path / "c", options=ChipOptions(rotation_deg=30, **QUICK)
    )
    folder = read_chip_folder(out)
    turned = [chip for chip in folder.chips if chip.angle]
    assert turned
    truth, inverse = truth_of(GRID, outlines_of(GRID)), ~GRID.transform
    with rasterio.open(turned[0].image) as image:
        to_map = image.transform
    _, label, valid = read_chip(turned[0])
    rows, cols = np.nonzero(valid)
    for row, col in list(zip(rows, cols, strict=True))[::97]:
        x, y = inverse @ (to_map @ (col + 0.5, row + 0.5))
        assert label[row, col] == truth[int(y), int(x)]


def test_a_scene_seen_with_other_pixels(city, tmp_path):
    _, scene, labels = city
    out = export_chips(
        scene, labels=labels, out=tmp_path / "c", options=ChipOptions(cell_size_m=1.6, chip_size=32)
    )
    folder = read_chip_folder(out)
    assert folder.cell_size_m == pytest.approx(1.6)
    with rasterio.open(folder.chips[0].image) as image:
        assert image.res == pytest.approx((1.6, 1.6))


def test_a_date_is_held_out(city, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    folder, scene, labels = city
    later = write_raster(folder / "city_20250203.tif", pixels_of(GRID, 50), GRID)
    out = export_chips(
        [scene, later],
        labels=[labels, labels],
        out=tmp_path / "c",
        options=ChipOptions(hold_out=("2025",), chip_size=64),
    )
    chips = read_chip_folder(out)
    assert {chip.source for chip in chips.split("test")} == {"city_20250203"}
    assert {chip.source for chip in (*chips.split("train"), *chips.split("val"))} == {
        "city_20150317"
    }
    assert "carries over in time" in caplog.text
    with pytest.raises(InputError, match="No scene is called"):
        export_chips(
            [scene, later],
            labels=labels,
            out=tmp_path / "d",
            options=ChipOptions(hold_out=("1999",)),
        )
    with pytest.raises(InputError, match="Every scene is held out"):
        export_chips(
            scene, labels=labels, out=tmp_path / "d", options=ChipOptions(hold_out=("2015",))
        )


def test_a_held_out_neighbour_keeps_its_distance(tmp_path):
    left, right = Window(0, 0, 700, 384), Window(0, 384, 700, 256)
    pixels = pixels_of(GRID)
    scenes = [
        write_raster(tmp_path / f"{name}.tif", pixels[:, *w.slices], GRID[w])
        for name, w in (("left", left), ("right", right))
    ]
    shapes = outlines_of(GRID)
    geopandas.GeoDataFrame(geometry=shapes, crs=GRID.crs).to_file(tmp_path / "l.gpkg")
    out = export_chips(
        scenes,
        labels=tmp_path / "l.gpkg",
        out=tmp_path / "c",
        options=ChipOptions(hold_out=("right",), **QUICK),
    )
    chips = read_chip_folder(out)
    assert {chip.source for chip in chips.split("test")} == {"right"}
    trained = [*chips.split("train"), *chips.split("val")]
    assert max(chip.window.col_end for chip in trained) <= 384 - 64


def test_scenes_side_by_side_are_cut_as_one_unless_separate(tmp_path):
    left, right = Window(0, 0, 700, 400), Window(0, 400, 700, 240)
    pixels = pixels_of(GRID)
    for name, w in (("a", left), ("b", right)):
        write_raster(tmp_path / f"{name}.tif", pixels[:, *w.slices], GRID[w])
    shapes = outlines_of(GRID)
    geopandas.GeoDataFrame(geometry=shapes, crs=GRID.crs).to_file(tmp_path / "l.gpkg")
    scenes = [tmp_path / "a.tif", tmp_path / "b.tif"]
    out = export_chips(
        scenes, labels=tmp_path / "l.gpkg", out=tmp_path / "m", options=ChipOptions(**QUICK)
    )
    mosaic = read_chip_folder(out)
    assert {chip.source for chip in mosaic.chips} == {"a+b"}
    across = next(c for c in mosaic.chips if c.window.col < 400 < c.window.col_end)
    image, _, valid = read_chip(across)
    assert valid.all()
    assert (image == pixels[:, *across.window.slices]).all()
    # Read apart, they still give their bands in one order.
    for name, w, order in (("a", left, 1), ("b", right, -1)):
        write_raster(tmp_path / f"{name}.tif", pixels[::order, *w.slices], GRID[w])
        with rasterio.open(tmp_path / f"{name}.tif", "r+") as target:
            target.descriptions = ("Red", "Green", "Blue")[::order]
    options = ChipOptions(scenes="separate", **QUICK)
    out = export_chips(scenes, labels=tmp_path / "l.gpkg", out=tmp_path / "s", options=options)
    folder = read_chip_folder(out)
    assert folder.band_names == ("Red", "Green", "Blue")
    assert {chip.source for chip in folder.chips} == {"a", "b"}
    for chip in folder.chips:
        at = chip.window.shift(0, 400 if chip.source == "b" else 0)
        assert (read_chip(chip)[0] == pixels[:, *at.slices]).all()


def test_what_does_not_fit_is_refused(city, tmp_path):
    _, scene, labels = city
    out = tmp_path / "c"
    far = geopandas.GeoDataFrame(geometry=[shapely.box(10, 50, 10.1, 50.1)], crs=4326)
    far.to_file(tmp_path / "far.gpkg")
    with pytest.raises(NoOverlapError, match="same place"):
        export_chips(scene, labels=tmp_path / "far.gpkg", out=out, options=ChipOptions(**QUICK))
    one = geopandas.GeoDataFrame(geometry=[outlines_of(GRID)[0]], crs=GRID.crs)
    one.to_file(tmp_path / "one.gpkg")
    with pytest.raises(LabelError, match=r"--hold-out"):
        export_chips(scene, labels=tmp_path / "one.gpkg", out=out, options=ChipOptions(**QUICK))
    other = write_raster(
        tmp_path / "half.tif", pixels_of(make_grid(64, 64)), make_grid(64, 64, 1.6)
    )
    with pytest.raises(InputError, match="--cell-size"):
        export_chips([scene, other], labels=labels, out=out, options=ChipOptions(**QUICK))
    with pytest.raises(InputError, match="one label file for all or one for each"):
        export_chips(scene, labels=[labels, labels], out=out)
    named = one.assign(value=["shack"])
    named.to_file(tmp_path / "named.gpkg")
    with pytest.raises(ClassTableError, match="--class-values"):
        export_chips([scene, other], labels=[labels, tmp_path / "named.gpkg"], out=out)
    out.mkdir()
    with pytest.raises(OutputExistsError):
        export_chips(scene, labels=labels, out=out)
    assert not list(out.iterdir())
    assert [p.name for p in tmp_path.glob(".*")] == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"chip_size": 8},
        {"stride": -1},
        {"negatives": 1.0},
        {"cell_size_m": 0.0},
        {"split": (0.5, 0.1, 0.1)},
        {"buffer_m": -1.0},
        {"min_overlap": 2.0},
        {"start_index": -1},
    ],
)
def test_options_out_of_range_are_refused(wrong):
    with pytest.raises(InputError):
        ChipOptions(**wrong)


def test_the_commands(city, tmp_path):
    _, scene, labels = city
    run = CliRunner().invoke
    arguments = ["export-chips", str(scene), "--labels", str(labels), "-o", str(tmp_path / "c")]
    options = [
        "--chip-size",
        "64",
        "--split",
        "0.6,0.2,0.2",
        "--class-values",
        "1:slum",
        "--progress",
    ]
    done = run(main, [*arguments, *options, "json", "--class-field", "code", "--format", "png"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout.splitlines()[-1])["event"] == "result"
    again = run(main, [*arguments, "--progress", "none"])
    assert again.exit_code == 1
    assert "already there" in again.stderr
    assert run(main, [*arguments, "--split", "much"]).exit_code == 2
    assert run(main, [*arguments, "--class-values", "slum"]).exit_code == 2
    picture = tmp_path / "chips.png"
    shown = run(main, ["show-chips", str(tmp_path / "c"), "-o", str(picture), "--rows", "2"])
    assert shown.exit_code == 0, shown.output
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_show_chips_draws_what_it_says(city, tmp_path):
    _, scene, labels = city
    out = export_chips(scene, labels=labels, out=tmp_path / "c", options=ChipOptions(**QUICK))
    for name, options in (
        ("all.png", {}),
        ("val.png", {"split": "val", "opacity": 0.0}),
        ("one.svg", {"rows": 1}),
    ):
        assert show_chips(out, out=tmp_path / name, **options).stat().st_size > 1000
    first = show_chips(out, out=tmp_path / "a.png", rows=1, seed=3).read_bytes()
    assert first == show_chips(out, out=tmp_path / "b.png", rows=1, seed=3).read_bytes()
    assert first != show_chips(out, out=tmp_path / "d.png", rows=1, seed=4).read_bytes()
    with pytest.raises(InputError, match="1 to 12"):
        show_chips(out, out=tmp_path / "e.png", rows=40)
    with pytest.raises(InputError, match="no picture"):
        show_chips(out, out=tmp_path / "e.doc")
