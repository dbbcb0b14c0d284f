"""SceneDataset and its samplers: every trap of TorchGeo's own classes, closed."""

import datetime
import math
import multiprocessing
import pickle
import queue
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pyproj
import pytest
import rasterio
import shapely
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.windows import Window as RioWindow
from torch.utils.data import DataLoader
from torchgeo.datasets import GeoDataset, RasterDataset, stack_samples
from torchgeo.samplers import GridGeoSampler

from geocity.core.grid import Grid, Window
from geocity.core.tiles import plan_tiles
from geocity.data.samplers import PaddedGridGeoSampler
from geocity.data.scenes import SceneDataset
from geocity.errors import BandMismatchError, GridMismatchError, InputError, MissingCRSError
from tests.conftest import make_grid, position_coded, write_raster


def scene(path, rows=64, cols=48, *, grid=None, dtype=np.uint16, bands=3, **options):
    grid = grid or make_grid(rows, cols)
    return write_raster(path, position_coded(bands, *grid.shape, dtype=dtype), grid, **options)


def plain_read(path, window):
    with rasterio.open(path) as source:
        return source.read(window=RioWindow(window.col, window.row, window.cols, window.rows))


def query_of(dataset, window, image=0):
    left, bottom, right, top = dataset.images[image].grid[window].bounds
    return slice(left, right), slice(bottom, top)


def test_the_classes_are_torchgeos(tmp_path):
    dataset = SceneDataset(scene(tmp_path / "a.tif"))
    assert isinstance(dataset, RasterDataset)
    assert isinstance(dataset, GeoDataset)
    assert isinstance(PaddedGridGeoSampler(dataset, 32, 4), GridGeoSampler)
    assert len(dataset) == 1
    assert dataset.crs == pyproj.CRS(32643)
    assert dataset.res == pytest.approx((0.8, 0.8))


@given(
    row=st.integers(0, 60),
    col=st.integers(0, 40),
    rows=st.integers(1, 30),
    cols=st.integers(1, 30),
    cell=st.sampled_from([0.1, 0.3, 0.565182, 0.8, 10.0, 0.5 / 3]),
)
@settings(max_examples=30)
def test_a_query_on_the_grid_equals_a_plain_read_bit_for_bit(
    tmp_path_factory, row, col, rows, cols, cell
):
    path = scene(tmp_path_factory.mktemp("s") / "a.tif", grid=make_grid(90, 70, cell))
    dataset = SceneDataset(path)
    sample = dataset[query_of(dataset, Window(row, col, rows, cols))]
    assert sample["image"].dtype == torch.float32
    assert (sample["image"].numpy() == plain_read(path, Window(row, col, rows, cols))).all()
    assert sample["valid"].all()
    dataset.close()


def test_as_stored_keeps_the_number_type(tmp_path):
    for dtype, kind in (
        ("uint8", torch.uint8),
        ("uint16", torch.int32),
        ("float32", torch.float32),
    ):
        dataset = SceneDataset(scene(tmp_path / f"{dtype}.tif", dtype=dtype), as_stored=True)
        sample = dataset[query_of(dataset, Window(3, 5, 8, 8))]
        assert sample["image"].dtype == dataset.dtype == kind


def test_an_off_grid_query_moves_to_whole_pixels_and_resamples_nothing(tmp_path):
    path = scene(tmp_path / "a.tif")
    dataset = SceneDataset(path)
    (x, y) = query_of(dataset, Window(10, 12, 16, 16))
    shift = 0.37 * 0.8
    sample = dataset[slice(x.start + shift, x.stop + shift), slice(y.start - shift, y.stop - shift)]
    assert (sample["image"].numpy() == plain_read(path, Window(10, 12, 16, 16))).all()


def test_beyond_the_edge_pixels_are_mirrored(tmp_path):
    path = scene(tmp_path / "a.tif", 20, 30)
    dataset = SceneDataset(path)
    sample = dataset[query_of(dataset, Window(-5, -4, 32, 40))]
    whole = plain_read(path, Window(0, 0, 20, 30))
    expected = np.pad(whole, ((0, 0), (5, 7), (4, 6)), mode="reflect")
    assert (sample["image"].numpy() == expected).all()


@pytest.mark.parametrize("shape", [(10, 7), (100, 200), (32, 32), (33, 64)])
def test_a_small_scene_is_not_lost(tmp_path, shape):
    dataset = SceneDataset(scene(tmp_path / "a.tif", *shape))
    sampler = PaddedGridGeoSampler(dataset, size=32, padding=0)
    assert len(sampler) == len(list(sampler)) == math.ceil(shape[0] / 32) * math.ceil(shape[1] / 32)
    for query in sampler:
        assert dataset[query]["image"].shape == (3, 32, 32)


@pytest.mark.parametrize("cell", [0.1, 0.3, 0.7, 1 / 3, 0.565182, 30.0])
def test_no_extra_row_however_the_floats_round(tmp_path, cell):
    dataset = SceneDataset(scene(tmp_path / "a.tif", grid=make_grid(512, 384, cell), bands=1))
    assert len(PaddedGridGeoSampler(dataset, size=128)) == 4 * 3


@given(
    rows=st.integers(1, 90),
    cols=st.integers(1, 90),
    tile=st.integers(8, 40),
    padding=st.integers(0, 12),
)
@settings(max_examples=20)
def test_the_sampler_yields_the_tile_plan_row_by_row(tmp_path_factory, rows, cols, tile, padding):
    padding = min(padding, (tile - 1) // 2)
    dataset = SceneDataset(scene(tmp_path_factory.mktemp("s") / "a.tif", rows, cols, bands=1))
    sampler = PaddedGridGeoSampler(dataset, tile, padding)
    plan = list(plan_tiles((rows, cols), tile, padding))
    assert [sampler.windows(i) for i in range(len(sampler))] == plan
    assert [dataset.locate(query) for query in sampler] == [(0, tile.read) for tile in plan]
    kept = np.zeros((rows, cols), int)
    for planned in plan:
        kept[planned.keep.slices] += 1
    assert (kept == 1).all()


def test_kept_centres_give_the_scene_back(tmp_path):
    path = scene(tmp_path / "a.tif", 70, 90)
    dataset = SceneDataset(path)
    sampler = PaddedGridGeoSampler(dataset, size=32, padding=5)
    rebuilt = np.zeros((3, 70, 90), np.uint16)
    loader = DataLoader(dataset, sampler=sampler, batch_size=4, collate_fn=stack_samples)
    images = torch.cat([batch["image"] for batch in loader]).numpy()
    for index, image in enumerate(images):
        read, keep = sampler.windows(index)
        rebuilt[(slice(None), *keep.slices)] = image[
            (slice(None), *keep.shift(-read.row, -read.col).slices)
        ]
    assert (rebuilt == plain_read(path, Window(0, 0, 70, 90))).all()


def test_nodata_masks_and_nan_come_as_valid(tmp_path):
    grid = make_grid(16, 16)
    mask = np.ones((16, 16), bool)
    mask[:4] = False
    masked = write_raster(tmp_path / "m.tif", position_coded(3, 16, 16), grid, mask=mask)
    dataset = SceneDataset(masked)
    assert (dataset[query_of(dataset, grid.window)]["valid"].numpy() == mask).all()
    pixels = position_coded(1, 16, 16, np.float32)
    pixels[0, 2, 3] = -9999
    pixels[0, 5, 5] = np.nan
    dataset = SceneDataset(write_raster(tmp_path / "n.tif", pixels, grid, nodata=-9999))
    valid = dataset[query_of(dataset, grid.window)]["valid"].numpy()
    assert sorted(zip(*np.nonzero(~valid), strict=True)) == [(2, 3), (5, 5)]


def test_scenes_side_by_side_are_one_image_the_first_on_top(tmp_path):
    grid = make_grid(40, 40)
    whole = position_coded(1, 40, 40)
    left, right = Window(0, 0, 40, 25), Window(0, 20, 40, 20)
    mask = np.ones((40, 25), bool)
    mask[:, 22:] = False  # the right-hand scene shows through the hole
    write_raster(tmp_path / "a.tif", whole[:, *left.slices], grid[left], mask=mask)
    write_raster(tmp_path / "b.tif", whole[:, *right.slices] + 10_000, grid[right])
    dataset = SceneDataset(tmp_path)
    assert len(dataset.images) == 1
    sample = dataset[query_of(dataset, Window(5, 15, 20, 20))]
    expected = whole[:, 5:25, 15:35].astype(np.float32)
    expected[:, :, 7:] += 10_000
    assert sample["valid"].all()
    assert (sample["image"].numpy() == expected).all()


def test_a_scene_off_the_lattice_stays_exact_on_its_own(tmp_path):
    grid = make_grid(40, 40)
    scene(tmp_path / "a.tif", grid=grid)
    shifted = Grid(grid.crs, grid.transform @ grid.transform.translation(10.37, 0.0), grid.shape)
    other = scene(tmp_path / "b.tif", grid=shifted)
    dataset = SceneDataset(tmp_path)
    assert len(dataset.images) == 2
    sample = dataset[query_of(dataset, Window(3, 3, 10, 10), image=1)]
    assert (sample["image"].numpy() == plain_read(other, Window(3, 3, 10, 10))).all()


def test_several_dates_are_kept_apart(tmp_path):
    grid = make_grid(40, 40)
    scene(tmp_path / "x_20150317.tif", grid=grid)
    tagged = scene(tmp_path / "y.tif", grid=grid, tags={"TIFFTAG_DATETIME": "2025:02:03 10:00:00"})
    with rasterio.open(tagged, "r+") as target:
        target.write(target.read() + 7)
    dataset = SceneDataset(tmp_path)
    assert [image.time.left.date() for image in dataset.images] == [
        datetime.date(2015, 3, 17),
        datetime.date(2025, 2, 3),
    ]
    x, y = query_of(dataset, Window(0, 0, 8, 8))
    with pytest.raises(InputError, match="scenes of 2 dates"):
        dataset[x, y]
    late = dataset[x, y, slice(pd.Timestamp("2025-01-01"), pd.Timestamp("2025-12-31"))]
    assert (late["image"].numpy() == plain_read(tagged, Window(0, 0, 8, 8))).all()
    assert len(PaddedGridGeoSampler(dataset, 40)) == 2
    only = pd.Interval(pd.Timestamp("2015-01-01"), pd.Timestamp("2016-01-01"), closed="both")
    (query,) = PaddedGridGeoSampler(dataset, 40, toi=only)
    assert dataset.locate(query)[0] == 0


def test_every_tile_is_answered_by_its_own_image(tmp_path):
    # Three pixels apart, so that the last tile of one lies mostly in the other.
    grid = make_grid(100, 263)
    for name, value, window in (
        ("a", 1, Window(0, 0, 100, 130)),
        ("b", 2, Window(0, 133, 100, 130)),
    ):
        pixels = np.full((1, *window.shape), value, np.uint8)
        write_raster(tmp_path / f"{name}.tif", pixels, grid[window])
    dataset = SceneDataset(tmp_path)
    assert len(dataset.images) == 2
    sampler = PaddedGridGeoSampler(dataset, 64, 16)
    images = [sampler.image_of(i) for i in range(len(sampler))]
    queries = [pickle.loads(pickle.dumps(query)) for query in sampler]  # as workers get them
    assert [dataset.locate(query)[0] for query in queries] == images
    assert [int(dataset[q]["image"].unique()) for q in queries] == [image + 1 for image in images]
    # What names no image of the dataset is a plain query.
    other = SceneDataset(tmp_path / "b.tif")
    assert other.locate(queries[-1])[0] == 0
    assert dataset.locate(tuple(queries[0]))[0] == 0


def test_scenes_with_and_without_a_date(tmp_path):
    dated, undated = (scene(tmp_path / name, 40, 40) for name in ("x_20240309.tif", "y.tif"))
    dataset = SceneDataset([dated, undated])
    assert [image.dated for image in dataset.images] == [True, False]
    sampler = PaddedGridGeoSampler(dataset, 32)
    images = [sampler.image_of(i) for i in range(len(sampler))]
    assert set(images) == {0, 1}
    for plain in (False, True):
        queries = [tuple(query) if plain else query for query in sampler]
        assert [dataset.locate(query)[0] for query in queries] == images
    x, y = query_of(dataset, Window(0, 0, 8, 8))
    year = slice(pd.Timestamp("2024-01-01"), pd.Timestamp("2024-12-31"))
    assert dataset.locate((x, y, year))[0] == 0
    earlier = slice(pd.Timestamp("2020-01-01"), pd.Timestamp("2020-12-31"))
    assert dataset.locate((x, y, earlier))[0] == 1
    for untold in ((x, y), (x, y, slice(None))):
        with pytest.raises(InputError, match="scenes of 2 dates"):
            dataset.locate(untold)


def test_a_subclass_may_read_dates_its_own_way(tmp_path):
    class Yearly(SceneDataset):
        filename_regex = r"(?P<date>\d{4})_.*"
        date_format = "%Y"

    dataset = Yearly(scene(tmp_path / "2019_city.tif"))
    assert dataset.images[0].time.left == pd.Timestamp("2019-01-01")
    with pytest.raises(InputError, match="does not fit the pattern"):
        Yearly(scene(tmp_path / "city.tif"))


def test_a_subclass_may_name_the_first_and_the_last_day(tmp_path):
    class Mosaics(SceneDataset):
        filename_regex = r"m_(?P<start>\d+)(_(?P<stop>\d+))?"

    dataset = Mosaics(scene(tmp_path / "m_20190301_20190405.tif"))
    time = dataset.images[0].time
    assert (str(time.left), str(time.right.date())) == ("2019-03-01 00:00:00", "2019-04-05")
    for name, wrong in (
        ("m_20190301.tif", "only one end of a time in m_20190301"),
        ("m_20190405_20190301.tif", "is no time"),
        ("m_20199901_20190405.tif", "20199901 to 20190405.*is no time"),
    ):
        with pytest.raises(InputError, match=wrong):
            Mosaics(scene(tmp_path / name))


def test_what_cannot_be_read_together_is_refused_by_name(tmp_path):
    first = scene(tmp_path / "a.tif")
    for other in (scene(tmp_path / "b.tif", dtype=np.uint8), scene(tmp_path / "c.tif", bands=4)):
        with pytest.raises(BandMismatchError, match=other.name):
            SceneDataset([first, other])
    elsewhere = scene(tmp_path / "d.tif", grid=make_grid(crs=pyproj.CRS(32644)))
    with pytest.raises(GridMismatchError, match="share a CRS"):
        SceneDataset([first, elsewhere])


def with_bands(path, pixels, grid, names):
    write_raster(path, pixels, grid)
    with rasterio.open(path, "r+") as target:
        target.descriptions = names


def test_bands_in_another_order_are_read_by_name(tmp_path, caplog):
    grid = make_grid(32, 64)
    whole = position_coded(3, 32, 64)
    left, right = (Window(0, col, 32, 32) for col in (0, 32))
    names = ("Red", "Green", "Blue")
    with_bands(tmp_path / "a.tif", whole[::-1, *left.slices], grid[left], names[::-1])
    with_bands(tmp_path / "b.tif", whole[:, *right.slices], grid[right], names)
    with caplog.at_level("INFO"):
        dataset = SceneDataset(tmp_path)
    assert "b.tif are read in the order Blue, Green, Red" in caplog.text
    assert dataset.band_names == ("Blue", "Green", "Red")
    assert (dataset.read(0, grid.window)[0] == whole[::-1]).all()
    one = SceneDataset(tmp_path, bands=["Red"])
    assert (one.read(0, grid.window)[0] == whole[:1]).all()
    with_bands(tmp_path / "c.tif", whole, grid, ("NIR", "Red", "Green"))
    with pytest.raises(BandMismatchError, match=r"c\.tif has the bands NIR, Red, Green and Blue,"):
        SceneDataset(tmp_path)


def test_broken_and_unplaced_files_are_refused_not_skipped(tmp_path):
    good = scene(tmp_path / "a.tif")
    broken = tmp_path / "broken.tif"
    broken.write_text("no raster")
    with pytest.raises(InputError, match="broken"):
        SceneDataset([good, broken])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lost = write_raster(
            tmp_path / "lost.tif", position_coded(1, 8, 8), make_grid(8, 8), crs=None
        )
    with pytest.raises(MissingCRSError):
        SceneDataset([lost])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="No raster"):
        SceneDataset(tmp_path / "empty")


def test_crs_and_cell_size_are_the_scenes_own(tmp_path, capsys):
    dataset = SceneDataset(scene(tmp_path / "a.tif"))
    dataset[query_of(dataset, Window(0, 0, 8, 8))]
    with pytest.raises(GridMismatchError, match="cannot be read in another CRS"):
        dataset.crs = pyproj.CRS(4326)
    dataset.crs = pyproj.CRS(32643)
    with pytest.raises(InputError, match="cell_size_m"):
        dataset.res = 5.0
    x, y = query_of(dataset, Window(0, 0, 8, 8))
    with pytest.raises(InputError, match="cell_size_m"):
        dataset[slice(x.start, x.stop, 2.0), y]
    assert capsys.readouterr().out == ""


def test_another_cell_size_and_chosen_bands(tmp_path):
    path = scene(tmp_path / "a.tif", 64, 48)
    dataset = SceneDataset(path, cell_size_m=1.6)
    assert dataset.images[0].grid.shape == (32, 24)
    names = SceneDataset(path).band_names
    two = SceneDataset(path, bands=[names[2], names[0]])
    window = Window(4, 4, 6, 6)
    expected = plain_read(path, window)[[2, 0]]
    assert (two[query_of(two, window)]["image"].numpy() == expected).all()
    with pytest.raises(BandMismatchError, match="and NIR are to be read"):
        SceneDataset(path, bands=["NIR"])


def test_a_query_that_meets_nothing_is_an_index_error(tmp_path):
    dataset = SceneDataset(scene(tmp_path / "a.tif"))
    with pytest.raises(IndexError, match="meets no scene"):
        dataset[0:10, 0:10]


def test_only_tiles_that_meet_the_region(tmp_path):
    dataset = SceneDataset(scene(tmp_path / "a.tif", grid=make_grid(96, 96)))
    grid = dataset.images[0].grid
    corner = [grid.transform @ c for c in ((0, 0), (60, 0), (0, 60))]
    sampler = PaddedGridGeoSampler(dataset, 32, roi=shapely.Polygon(corner))
    kept = {sampler.windows(i).keep for i in range(len(sampler))}
    assert kept == {Window(r, c, 32, 32) for r, c in ((0, 0), (0, 32), (32, 0))}
    assert len(list(sampler)) == 3


def test_samples_know_their_image(tmp_path):
    sampler = PaddedGridGeoSampler(SceneDataset(scene(tmp_path / "a.tif", 70, 90)), 32)
    assert sampler.image_of(len(sampler) - 1) == 0
    with pytest.raises(IndexError):
        sampler.windows(len(sampler))


def test_samplers_need_scenes(tmp_path):
    with pytest.raises(TypeError, match="SceneDataset"):
        PaddedGridGeoSampler(RasterDataset(scene(tmp_path / "a.tif")), 32)
    with pytest.raises(ValueError, match="below half"):
        PaddedGridGeoSampler(SceneDataset(tmp_path / "a.tif"), 32, 16)


def _read_many(dataset, queries, sums, wrong):
    bad = sum(int(dataset[q]["image"].sum()) != s for q, s in zip(queries, sums, strict=True))
    wrong.put(bad)


def test_a_forked_worker_never_shares_a_warm_handle(tmp_path):
    path = scene(
        tmp_path / "a.tif", 256, 256, tiled=True, blockxsize=64, blockysize=64, compress="deflate"
    )
    dataset = SceneDataset(path)
    queries = list(PaddedGridGeoSampler(dataset, 48, 16))
    sums = [int(dataset[query]["image"].sum()) for query in queries]  # warms the parent's handle
    context = multiprocessing.get_context("fork")
    wrong = context.Queue()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        children = [
            context.Process(target=_read_many, args=(dataset, queries * 3, sums * 3, wrong))
            for _ in range(4)
        ]
        for child in children:
            child.start()
    found = [wrong.get(timeout=60) for _ in children]
    for child in children:
        child.join()
    assert found == [0, 0, 0, 0]


def _open_after(dataset, folder, out):
    """Read every scene, and say how many of the files this process then holds open."""
    for position, image in enumerate(dataset.images):
        dataset.read(position, image.grid.window)
    files = [entry.resolve() for entry in Path("/proc/self/fd").iterdir()]
    out.put(sum(file.is_relative_to(folder) for file in files))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts the files in /proc")
def test_few_files_are_open_whoever_reads_and_whoever_read_before(tmp_path, monkeypatch):
    monkeypatch.setattr("geocity.data.scenes._OPEN_AT_MOST", 3)
    grids = [make_grid(8, 8, left=20 * number) for number in range(9)]
    paths = [scene(tmp_path / f"{n}.tif", bands=1, grid=grid) for n, grid in enumerate(grids)]
    dataset = SceneDataset(paths)
    counts = queue.Queue()
    _open_after(dataset, tmp_path, counts)
    thread = threading.Thread(target=_open_after, args=(dataset, tmp_path, counts))
    thread.start()
    thread.join()
    context = multiprocessing.get_context("fork")
    found = context.Queue()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = context.Process(target=_open_after, args=(dataset, tmp_path, found))
        child.start()
    # Each has three of its own, and a forked process those that were open when it began.
    assert [counts.get(), counts.get(), found.get(timeout=60)] == [3, 6, 9]
    child.join()


def test_a_dataset_travels_without_its_handles(tmp_path):
    dataset = SceneDataset(scene(tmp_path / "a.tif"))
    query = query_of(dataset, Window(0, 0, 8, 8))
    first = dataset[query]["image"]
    copy = pickle.loads(pickle.dumps(dataset))
    assert (copy[query]["image"] == first).all()
    dataset.close()
    assert (dataset[query]["image"] == first).all()
