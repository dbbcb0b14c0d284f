"""Cleaning from file to file, and its command."""

import logging

import numpy as np
import pyproj
import pytest
from click.testing import CliRunner

from geocity.cli import main
from geocity.core.sieve import sieve
from geocity.errors import InputError, OutputExistsError
from geocity.io.class_rasters import open_class_raster
from geocity.io.history import history
from geocity.tools.clean import clean
from tests.class_maps import TABLE, read_classes, write_classes
from tests.conftest import make_grid, write_raster

N = 255


def noise(shape, classes=(0, 1, 2, N), seed=0):
    return np.random.default_rng(seed).choice(np.array(classes, np.uint8), shape)


@pytest.mark.parametrize("part", [(512, 2048), (64, 96)])
def test_equals_the_sieve_of_the_whole_array(tmp_path, monkeypatch, part):
    monkeypatch.setattr("geocity.tools.clean_parts._BLOCK_SHAPE", part)
    values = noise((300, 410))
    path = write_classes(tmp_path / "classes.tif", values)
    out = clean(path, out=tmp_path / "out.tif", min_area_m2=6.4, min_hole_m2=3.2)
    np.testing.assert_array_equal(read_classes(out), sieve(values, min_cells=10, min_hole_cells=5))


def test_areas_are_square_metres_of_the_raster(tmp_path):
    values = np.zeros((20, 20), np.uint8)
    values[2:12, 2:12] = 1  # 100 cells
    feet = make_grid(20, 20, cell=1.0, crs=pyproj.CRS.from_epsg(2263))
    degrees = make_grid(20, 20, cell=1e-5, left=72.8, top=19.0, crs=pyproj.CRS.from_epsg(4326))
    for name, grid, area_m2 in (
        ("metres", make_grid(20, 20), 64.0),
        ("feet", feet, 100 * (1200 / 3937) ** 2),
        ("degrees", degrees, 100 * degrees.cell_area_m2),
    ):
        path = write_classes(tmp_path / f"{name}.tif", values, grid)
        kept = clean(path, out=tmp_path / f"{name}_kept.tif", min_area_m2=area_m2)
        gone = clean(path, out=tmp_path / f"{name}_gone.tif", min_area_m2=area_m2 * 1.001)
        assert (int(read_classes(kept).sum()), int(read_classes(gone).sum())) == (100, 0), name


def test_holes_only_and_areas_only(tmp_path):
    values = np.zeros((9, 9), np.uint8)
    values[1:6, 1:6] = 1
    values[3, 3] = 0
    values[7, 7] = 1
    path = write_classes(tmp_path / "classes.tif", values)
    filled = read_classes(clean(path, out=tmp_path / "filled.tif", min_hole_m2=1))
    assert (filled[3, 3], filled[7, 7]) == (1, 1)
    sieved = read_classes(clean(path, out=tmp_path / "sieved.tif", min_area_m2=1))
    assert (sieved[3, 3], sieved[7, 7]) == (0, 0)


def test_says_what_it_did(tmp_path, caplog):
    values = np.zeros((9, 9), np.uint8)
    values[1:6, 1:6] = 1
    values[3, 3] = 0
    values[7, 7] = 2
    path = write_classes(tmp_path / "classes.tif", values)
    with caplog.at_level(logging.INFO, "geocity"):
        clean(path, out=tmp_path / "out.tif", min_area_m2=2, min_hole_m2=2)
    assert "1 of 2 patches dissolved (1 m²), 1 hole filled (1 m²)." in caplog.text


def test_grid_classes_and_history_are_kept(tmp_path):
    path = write_classes(tmp_path / "classes.tif", noise((40, 50)), tags={"GEOCITY_MODEL": "m1"})
    out = clean(path, out=tmp_path / "out.tif", min_area_m2=12.5, min_hole_m2=3)
    with open_class_raster(path) as before, open_class_raster(out) as after:
        assert after.grid == before.grid
        assert after.classes == TABLE
        assert after.tags["GEOCITY_MODEL"] == "m1"
        assert history(after.tags) == [
            "clean: patches below 12.5 m² dissolved, holes below 3 m² filled"
        ]


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1)])
def test_tiny_rasters(tmp_path, shape):
    values = np.resize(np.array([1, 0, 0, 2, N], np.uint8), shape)
    path = write_classes(tmp_path / "classes.tif", values)
    out = clean(path, out=tmp_path / "out.tif", min_area_m2=100, min_hole_m2=100)
    np.testing.assert_array_equal(read_classes(out), np.where(values == N, N, 0))


def test_nothing_but_nodata(tmp_path):
    path = write_classes(tmp_path / "classes.tif", np.full((20, 30), N, np.uint8))
    out = clean(path, out=tmp_path / "out.tif", min_area_m2=5, min_hole_m2=5)
    assert (read_classes(out) == N).all()


def test_a_raster_without_background_gets_it_when_a_patch_has_no_neighbour(tmp_path):
    values = np.array([[3, 3, N, 4], [3, 3, N, N]], np.uint8)
    path = write_raster(tmp_path / "classes.tif", values[None], make_grid(2, 4), nodata=N)
    out = clean(path, out=tmp_path / "out.tif", min_area_m2=2)
    with open_class_raster(out) as raster:
        assert raster.classes.values == (0, 3, 4)
        assert raster.read(raster.grid.window).tolist() == [[3, 3, N, 0], [3, 3, N, N]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "Nothing to do"),
        ({"min_area_m2": -1.0}, "min_area=-1.0 was given"),
        ({"min_hole_m2": float("nan")}, "min_hole=nan was given"),
    ],
)
def test_refuses_options_that_make_no_sense(tmp_path, options, message):
    path = write_classes(tmp_path / "classes.tif", noise((5, 5)))
    with pytest.raises(InputError, match=message):
        clean(path, out=tmp_path / "out.tif", **options)


def test_refuses_to_replace_a_result_unasked(tmp_path):
    path = write_classes(tmp_path / "classes.tif", noise((5, 5)))
    with pytest.raises(OutputExistsError, match="already there"):
        clean(path, out=path, min_area_m2=1)


def test_the_command(tmp_path):
    values = noise((60, 70))
    path, out = write_classes(tmp_path / "classes.tif", values), tmp_path / "out.tif"
    arguments = [str(path), "-o", str(out), "--min-area", "6.4", "--min-hole", "3.2"]
    result = CliRunner().invoke(main, ["clean", *arguments])
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == str(out)
    np.testing.assert_array_equal(read_classes(out), sieve(values, min_cells=10, min_hole_cells=5))


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [([], 1, "Nothing to do"), (["--min-area", "-3"], 2, "--min-area")],
)
def test_the_command_refuses(tmp_path, arguments, code, message):
    path = write_classes(tmp_path / "classes.tif", noise((5, 5)))
    out = ["-o", str(tmp_path / "out.tif")]
    result = CliRunner().invoke(main, ["clean", str(path), *out, *arguments])
    assert result.exit_code == code
    assert message in result.stderr
