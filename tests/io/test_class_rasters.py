import numpy as np
import pytest
import rasterio
from rio_cogeo import cog_validate

from geocity.core.classes import NODATA, ClassTable
from geocity.core.grid import Window, blocks
from geocity.errors import ClassTableError, MissingCRSError, OutputExistsError
from geocity.io.class_raster_sinks import create_class_raster, create_probability_raster
from geocity.io.class_rasters import open_class_raster, open_probability_raster
from tests.conftest import make_grid, write_raster

TABLE = ClassTable.named(["background", "slum", "wäter"])


def random_classes(shape, seed=0):
    values = np.random.default_rng(seed).integers(0, 3, shape).astype(np.uint8)
    values[: shape[0] // 4] = NODATA
    return values


def test_what_is_written_is_read_back_with_its_meaning(tmp_path):
    grid = make_grid(rows=700, cols=1100)
    values = random_classes(grid.shape)
    out = tmp_path / "carte d'été.tif"
    with create_class_raster(out, grid, TABLE, tags={"SOURCE": "scene.tif"}) as sink:
        for window in blocks(grid.shape, 512):
            sink.write(values[window.slices], window)
    with open_class_raster(out) as raster:
        assert raster.grid == grid
        assert raster.classes == TABLE
        assert raster.tags["SOURCE"] == "scene.tif"
        assert (raster.read(grid.window) == values).all()
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == ["carte d'été.qml", "carte d'été.tif", "carte d'été.tif.aux.xml"]


def test_it_is_a_valid_cog_with_colours_nodata_and_statistics(tmp_path):
    grid = make_grid(rows=1100, cols=1100)
    out = tmp_path / "classes.tif"
    with create_class_raster(out, grid, TABLE) as sink:
        for window in blocks(grid.shape, 512):
            sink.write(random_classes(grid.shape)[window.slices], window)
    valid, errors, warnings = cog_validate(str(out), strict=True)
    assert valid, (errors, warnings)
    with rasterio.open(out) as dataset:
        assert dataset.nodata == NODATA
        assert dataset.colormap(1)[1] == (230, 0, 77, 255)
        assert dataset.overviews(1)
        assert "STATISTICS_MEAN" in dataset.tags(1)


def test_the_same_input_gives_the_same_bytes(tmp_path):
    grid = make_grid(rows=600, cols=600)
    for name in ("a.tif", "b.tif"):
        with create_class_raster(tmp_path / name, grid, TABLE) as sink:
            sink.write(random_classes(grid.shape), grid.window)
    assert (tmp_path / "a.tif").read_bytes() == (tmp_path / "b.tif").read_bytes()


def test_what_is_never_written_is_nodata(tmp_path):
    grid = make_grid(rows=600, cols=600)
    with create_class_raster(tmp_path / "a.tif", grid, TABLE) as sink:
        sink.write(np.ones((10, 10), np.uint8), Window(0, 0, 10, 10))
    with open_class_raster(tmp_path / "a.tif") as raster:
        values = raster.read(grid.window)
    assert (values[:10, :10] == 1).all()
    assert (values == NODATA).sum() == values.size - 100


def test_an_error_while_writing_leaves_nothing(tmp_path):
    with (
        pytest.raises(RuntimeError),
        create_class_raster(tmp_path / "a.tif", make_grid(), TABLE) as sink,
    ):
        sink.write(np.ones((4, 4), np.uint8), Window(0, 0, 4, 4))
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_an_existing_raster_is_not_replaced_by_accident(tmp_path):
    (tmp_path / "a.tif").write_text("")
    with (
        pytest.raises(OutputExistsError),
        create_class_raster(tmp_path / "a.tif", make_grid(), TABLE),
    ):
        pytest.fail("work began")


def test_foreign_class_rasters_are_understood(tmp_path, grid):
    values = np.full((1, *grid.shape), 7, np.int16)
    values[0, 0] = -9999
    path = write_raster(tmp_path / "foreign.tif", values, grid, nodata=-9999)
    with open_class_raster(path) as raster:
        read = raster.read(grid.window)
        assert raster.classes.values == (7,)
        assert raster.classes.names == ("class 7",)
    assert (read[0] == NODATA).all()
    assert (read[1:] == 7).all()


def test_foreign_nodata_of_eight_bits_becomes_255(tmp_path, grid):
    values = np.zeros((1, *grid.shape), np.uint8)
    values[0, 0] = 9
    with open_class_raster(write_raster(tmp_path / "f.tif", values, grid, nodata=0)) as raster:
        read = raster.read(grid.window)
    assert (read[0] == 9).all()
    assert (read[1:] == NODATA).all()


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((3, 64, 48), np.uint8), np.zeros((1, 64, 48), np.float32)],
    ids=["imagery", "floats"],
)
def test_what_is_no_class_raster_is_refused(tmp_path, grid, pixels):
    path = write_raster(tmp_path / "a.tif", pixels, grid)
    with pytest.raises(ClassTableError, match="one band of whole numbers"):
        open_class_raster(path)


def test_values_beyond_254_are_refused(tmp_path, grid):
    path = write_raster(tmp_path / "a.tif", np.full((1, *grid.shape), 300, np.uint16), grid)
    with open_class_raster(path) as raster, pytest.raises(ClassTableError, match="300"):
        raster.read(grid.window)


def test_a_class_raster_without_crs_is_refused(tmp_path):
    import dataclasses

    grid = dataclasses.replace(make_grid(), crs=None)
    path = write_raster(tmp_path / "a.tif", np.zeros((1, 64, 48), np.uint8), grid)
    with pytest.raises(MissingCRSError):
        open_class_raster(path)


def test_probabilities_survive_within_half_a_step(tmp_path):
    grid = make_grid(rows=600, cols=520)
    values = np.random.default_rng(1).random((2, *grid.shape)).astype(np.float32)
    values[:, :9] = np.nan
    out = tmp_path / "p.tif"
    with create_probability_raster(out, grid, ["background", "slum"]) as sink:
        for window in blocks(grid.shape, 512):
            sink.write(values[:, window.slices[0], window.slices[1]], window)
    with open_probability_raster(out) as raster:
        assert raster.class_names == ("background", "slum")
        for band in (0, 1):
            read = raster.read(grid.window, band)
            np.testing.assert_allclose(read, values[band], atol=0.5 / 254 + 1e-6)
    assert cog_validate(str(out), strict=True)[0]
    with rasterio.open(out) as dataset:
        assert dataset.descriptions == ("p(background)", "p(slum)")
        assert dataset.scales[0] == pytest.approx(1 / 254)
