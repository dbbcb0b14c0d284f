import datetime

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.control import GroundControlPoint
from rasterio.enums import ColorInterp

from geocity.core.grid import Grid, Window
from geocity.errors import InputError, MissingCRSError
from geocity.io.rasters import open_scene
from tests.conftest import UTM43, make_grid, position_coded, write_raster


def test_a_window_is_read_as_it_is_stored(scene_path, grid):
    with open_scene(scene_path) as scene:
        assert scene.grid == grid
        assert scene.count == 3
        assert scene.dtype == np.uint16
        assert scene.date == datetime.date(2015, 3, 17)
        window = Window(5, 7, 20, 30)
        pixels, valid = scene.read(window)
        rows, cols = window.slices
        assert (pixels == position_coded(3, *grid.shape)[:, rows, cols]).all()
        assert valid.all()
        first, _ = scene.read(window, bands=[2])
        assert (first == pixels[2:]).all()


def test_a_window_outside_is_a_programming_error(scene_path):
    with open_scene(scene_path) as scene, pytest.raises(ValueError, match="outside"):
        scene.read(Window(60, 0, 10, 10))


def test_nodata_in_any_band_makes_a_pixel_invalid(tmp_path, grid):
    pixels = np.ones((2, *grid.shape), np.int16)
    pixels[1, 3, 4] = -9999
    path = write_raster(tmp_path / "a.tif", pixels, grid, nodata=-9999)
    with open_scene(path) as scene:
        valid = scene.read(grid.window)[1]
    assert not valid[3, 4]
    assert valid.sum() == valid.size - 1


def test_nan_is_invalid_without_being_declared(tmp_path, grid):
    pixels = np.ones((1, *grid.shape), np.float32)
    pixels[0, 0, 0] = np.nan
    with open_scene(write_raster(tmp_path / "a.tif", pixels, grid)) as scene:
        assert not scene.read(grid.window)[1][0, 0]


def test_alpha_and_internal_masks_are_no_bands(tmp_path, grid):
    mask = np.full(grid.shape, 255, np.uint8)
    mask[:, :5] = 0
    rgb = np.full((3, *grid.shape), 90, np.uint8)
    masked = write_raster(tmp_path / "mask.tif", rgb, grid, mask=mask)
    rgba = np.concatenate([rgb, mask[None]])
    colors = (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha)
    alpha = write_raster(tmp_path / "alpha.tif", rgba, grid, colorinterp=colors)
    for path in (masked, alpha):
        with open_scene(path) as scene:
            assert scene.count == 3
            assert scene.band_names == ("Red", "Green", "Blue")
            assert (scene.read(grid.window)[1] == (mask > 0)).all()


def test_a_coarser_view_averages_and_keeps_the_corner(tmp_path):
    grid = make_grid(rows=40, cols=60, cell=0.5)
    pixels = position_coded(1, 40, 60, np.float32)
    path = write_raster(tmp_path / "a.tif", pixels, grid)
    with open_scene(path, cell_size_m=1.0) as scene:
        assert scene.grid.shape == (20, 30)
        assert scene.grid.bounds == pytest.approx(grid.bounds)
        seen, valid = scene.read(scene.grid.window)
    expected = pixels[0].reshape(20, 2, 30, 2).mean(axis=(1, 3))
    assert valid.all()
    np.testing.assert_allclose(seen[0], expected)


def test_a_resampled_view_keeps_holes(tmp_path):
    grid = make_grid(rows=40, cols=60, cell=0.5)
    mask = np.full(grid.shape, 255, np.uint8)
    mask[:20] = 0
    path = write_raster(tmp_path / "a.tif", np.full((3, 40, 60), 9, np.uint8), grid, mask=mask)
    with open_scene(path, cell_size_m=1.0) as scene:
        pixels, valid = scene.read(scene.grid.window)
    assert pixels.shape[0] == 3
    assert not valid[:10].any()
    assert valid[10:].all()


@pytest.mark.filterwarnings("ignore::rasterio.errors.NodataShadowWarning")
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "uint32", "float32"])
@pytest.mark.parametrize("cell_size_m", [None, 0.5, 0.7, 2.0])
@pytest.mark.parametrize("holes", ["alpha", "mask", "alpha and nodata"])
def test_holes_are_kept_in_every_type_and_at_every_cell_size(tmp_path, dtype, cell_size_m, holes):
    grid = make_grid(rows=40, cols=60, cell=1.0)
    mask = np.full(grid.shape, 255, np.uint8)
    mask[:20] = 0
    pixels = np.full((3, *grid.shape), 100, dtype)
    options = {"mask": mask}
    if holes != "mask":
        pixels = np.concatenate([pixels, mask[None].astype(dtype)])
        kinds = (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha)
        options = {"colorinterp": kinds}
    if holes == "alpha and nodata":
        pixels[:3, 20:, :10] = 7
        options["nodata"] = 7
    path = write_raster(tmp_path / "a.tif", pixels, grid, **options)
    with open_scene(path, cell_size_m=cell_size_m) as scene:
        seen, valid = scene.read(scene.grid.window)
        rows, cols = scene.grid.shape
    known = np.ones((40, 60), bool)
    known[:20] = False
    if holes == "alpha and nodata":
        known[20:, :10] = False
    row = np.minimum((np.arange(rows) + 0.5) * 40 / rows, 39.9)
    col = np.minimum((np.arange(cols) + 0.5) * 60 / cols, 59.9)
    # Away from the edges of holes, where a resampled pixel is some of each.
    near = np.minimum(abs(row - 20)[:, None], abs(col - 10)[None]) < 2
    near[-1], near[:, -1] = True, True
    expected = known[row.astype(int)[:, None], col.astype(int)[None]]
    assert (valid == expected)[~near | (cell_size_m is None)].all()
    assert (seen[:, valid] == 100).all()


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32"])
def test_beyond_the_last_pixel_nothing_is_known(tmp_path, dtype):
    grid = make_grid(rows=10, cols=13, cell=1.0)
    path = write_raster(tmp_path / "a.tif", np.full((1, 10, 13), 100, dtype), grid)
    with open_scene(path, cell_size_m=0.7) as scene:
        assert scene.grid.shape == (15, 19)
        seen, valid = scene.read(scene.grid.window)
    assert not valid[14].any()  # the centre of the last row lies at 10.15 m of 10
    assert (seen[0][valid] == 100).all()
    assert valid[:14, :18].all()


def test_nodata_in_one_band_alone_is_not_mixed_into_a_resampled_view(tmp_path):
    grid = make_grid(rows=8, cols=8, cell=1.0)
    pixels = np.full((3, 8, 8), 100, np.int16)
    pixels[1, 4:, :4] = -9999
    path = write_raster(tmp_path / "a.tif", pixels, grid, nodata=-9999)
    with open_scene(path, cell_size_m=1.3) as scene:
        seen, valid = scene.read(scene.grid.window)
    assert set(np.unique(seen)) == {-9999, 100}
    assert valid[:4, :6].all()
    assert not valid[4:6, :3].any()


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"crs": None}, MissingCRSError, "no coordinate reference system"),
        ({"transform": Affine(1, 0.2, 0, 0.2, -1, 0)}, InputError, "rotated"),
        ({"transform": Affine(1, 0, 0, 0, 1, 0)}, InputError, "upside down"),
    ],
)
def test_what_lies_nowhere_or_askew_is_refused(tmp_path, grid, change, error, says):
    pixels = np.zeros((1, *grid.shape), np.uint8)
    options = {"crs": UTM43.to_wkt(), "transform": grid.transform, **change}
    path = tmp_path / "a.tif"
    with rasterio.open(
        path, "w", driver="GTiff", count=1, height=64, width=48, dtype="uint8", **options
    ) as dataset:
        dataset.write(pixels)
    with pytest.raises(error, match=says):
        open_scene(path)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_control_points_are_refused_with_the_way_out(tmp_path):
    path = tmp_path / "gcps.tif"
    points = [GroundControlPoint(r, c, 72 + c / 1e4, 19 - r / 1e4) for r in (0, 9) for c in (0, 9)]
    with rasterio.open(
        path, "w", driver="GTiff", count=1, height=10, width=10, dtype="uint8",
        gcps=points, crs="EPSG:4326",
    ) as dataset:  # fmt: skip
        dataset.write(np.zeros((1, 10, 10), np.uint8))
    with pytest.raises(InputError, match="control points"):
        open_scene(path)


def test_complex_numbers_are_refused(tmp_path, grid):
    path = write_raster(tmp_path / "sar.tif", np.ones((1, *grid.shape), np.complex64), grid)
    with pytest.raises(InputError, match="complex"):
        open_scene(path)


def test_a_missing_and_a_broken_file_are_told_apart(tmp_path, scene_path, grid):
    with pytest.raises(InputError, match="does not exist"):
        open_scene(tmp_path / "none.tif")
    (tmp_path / "empty.tif").write_bytes(b"")
    with pytest.raises(InputError, match="cannot be opened"):
        open_scene(tmp_path / "empty.tif")
    whole = scene_path.read_bytes()
    cut = tmp_path / "cut.tif"
    cut.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="damaged|cannot be opened"), open_scene(cut) as scene:
        scene.read(grid.window)


def test_degrees_are_a_grid_too(tmp_path):
    import pyproj

    grid = Grid(pyproj.CRS.from_epsg(4326), Affine(1e-5, 0, 72.8, 0, -1e-5, 19.1), (20, 20))
    path = write_raster(tmp_path / "a.tif", np.zeros((1, 20, 20), np.uint8), grid)
    with open_scene(path) as scene:
        assert scene.grid.same_as(grid)
