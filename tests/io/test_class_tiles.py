"""Class rasters out of compressed tiles: the bytes tell nothing of how the raster was cut."""

import io
import itertools

import numpy as np
import pytest
import rasterio
from rio_cogeo import cog_validate

from geocity.core.class_counts import class_counts
from geocity.core.classes import ClassTable
from geocity.core.grid import blocks
from geocity.core.overviews import halved
from geocity.errors import OutputError
from geocity.io import tiled_tiffs
from geocity.io.class_raster_sinks import create_class_raster
from geocity.io.class_tiles import ALIGNED, BLOCK, tiles_of_parts, write_class_part
from geocity.io.part_rasters import class_raster_of_parts, read_part_raster, write_part_raster
from geocity.io.tiled_tiffs import HeldTiles, read_directories, write_tiles
from tests.conftest import make_grid

TABLE = ClassTable.named(["ground", "slum", "water"])
GRID = make_grid(2 * ALIGNED + 203, ALIGNED + 301)


@pytest.fixture(scope="module")
def values():
    """Fine patches in the north, coarse ones in the south, and a corner without data."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 3, (200, 200)).astype(np.uint8).repeat(23, axis=0).repeat(15, axis=1)
    raster = np.ascontiguousarray(coarse[: GRID.shape[0], : GRID.shape[1]])
    raster[:300] = rng.integers(0, 3, (300, GRID.shape[1]))
    raster[-900:, -700:] = 255
    return raster


def in_parts(folder, values, side, write):
    folder.mkdir()
    pieces = []
    for window in blocks(values.shape, side):
        path = folder / f"{window.row}_{window.col}.tif"
        write(path, values[window.slices], GRID[window])
        pieces.append((path, window))
    return pieces


def class_part(path, values, grid):
    write_class_part(path, values)


def put_together(out, pieces, values, grid=GRID):
    counts = class_counts(values)
    with class_raster_of_parts(out, pieces, grid, TABLE, counts, tags={"SOURCE": "x"}):
        pass
    return out


@pytest.fixture(scope="module")
def made(tmp_path_factory, values):
    folder = tmp_path_factory.mktemp("made")
    pieces = in_parts(folder / "parts", values, ALIGNED, class_part)
    assert tiles_of_parts(pieces, values.shape) is not None
    return put_together(folder / "out.tif", pieces, values)


def test_it_is_a_valid_cog_with_its_pixels_and_overviews(made, values):
    valid, errors, warnings = cog_validate(str(made), strict=True)
    assert valid, (errors, warnings)
    with rasterio.open(made) as dataset:
        np.testing.assert_array_equal(dataset.read(1), values)
        assert dataset.overviews(1) == [2, 4, 8, 16]
        assert dataset.block_shapes == [(BLOCK, BLOCK)]
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        known = values[values != 255]
        told = {key: float(value) for key, value in dataset.tags(1).items()}
        assert told["STATISTICS_MEAN"] == pytest.approx(known.mean(dtype=np.float64))
        assert told["STATISTICS_STDDEV"] == pytest.approx(known.std(dtype=np.float64))
    smaller = values
    for number in range(4):
        smaller = halved(smaller)
        with rasterio.open(made, overview_level=number) as dataset:
            np.testing.assert_array_equal(dataset.read(1), smaller)
            assert dataset.colormap(1)[1] == (230, 0, 77, 255)


@pytest.mark.parametrize(
    ("side", "write"),
    [(ALIGNED, write_part_raster), (1000, class_part), (512, write_part_raster)],
    ids=["quick parts", "odd parts", "small parts"],
)
def test_parts_cut_otherwise_leave_no_trace(side, write, made, values, tmp_path):
    pieces = in_parts(tmp_path / "parts", values, side, write)
    assert tiles_of_parts(pieces, values.shape) is None
    out = put_together(tmp_path / "out.tif", pieces, values)
    assert out.read_bytes() == made.read_bytes()
    assert {p.name for p in tmp_path.iterdir()} == {"parts", *(f"out{s}" for s in SUFFIXES)}


SUFFIXES = (".tif", ".tif.aux.xml", ".qml")


def test_a_stream_makes_the_same_bytes(made, values, tmp_path):
    with create_class_raster(tmp_path / "out.tif", GRID, TABLE, tags={"SOURCE": "x"}) as sink:
        for window in blocks(values.shape, 777):
            sink.write(values[window.slices], window)
    for suffix in SUFFIXES:
        expected = made.with_name(f"out{suffix}").read_bytes()
        assert (tmp_path / f"out{suffix}").read_bytes() == expected


def test_larger_than_four_gigabytes(made, values, tmp_path, monkeypatch):
    monkeypatch.setattr(tiled_tiffs, "_LARGEST_CLASSIC", 1000)
    pieces = in_parts(tmp_path / "parts", values, ALIGNED, class_part)
    out = put_together(tmp_path / "out.tif", pieces, values)
    assert out.read_bytes()[:4] == b"II+\0"
    assert cog_validate(str(out), strict=True)[0]
    with rasterio.open(out) as big, rasterio.open(made) as classic:
        np.testing.assert_array_equal(big.read(), values[None])
        assert big.profile == classic.profile
        assert (big.tags(), big.tags(1)) == (classic.tags(), classic.tags(1))


@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")  # the whole has one
@pytest.mark.parametrize("shape", [(1, 1), (512, 512), (513, 40), (300, 1030), (1025, 1100)])
def test_small_rasters(shape, tmp_path):
    values = np.random.default_rng(1).integers(0, 3, shape).astype(np.uint8)
    write_class_part(tmp_path / "part.tif", values)
    np.testing.assert_array_equal(read_part_raster(tmp_path / "part.tif")[0], values)
    pieces, grid = [(tmp_path / "part.tif", make_grid(*shape).window)], make_grid(*shape)
    out = put_together(tmp_path / "out.tif", pieces, values, grid)
    assert cog_validate(str(out), strict=True)[0]
    with rasterio.open(out) as dataset:
        np.testing.assert_array_equal(dataset.read(1), values)


def test_a_missing_part_is_not_overlooked(values, tmp_path):
    pieces = in_parts(tmp_path / "parts", values, ALIGNED, class_part)
    assert tiles_of_parts(pieces[1:], values.shape) is None


def test_a_part_that_is_cut_short_is_noticed(values, tmp_path):
    pieces = in_parts(tmp_path / "parts", values, ALIGNED, class_part)
    path = pieces[2][0]
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(OutputError, match="is cut short; run the same command again"):
        put_together(tmp_path / "out.tif", pieces, values)
    assert {p.name for p in tmp_path.iterdir()} == {"parts"}


@pytest.mark.parametrize("big", [False, True])
def test_directories_are_read_as_they_were_written(big, tmp_path, monkeypatch):
    if big:
        monkeypatch.setattr(tiled_tiffs, "_LARGEST_CLASSIC", 0)
    sizes = itertools.count(100)
    levels = [
        HeldTiles(shape, [bytes([i]) * next(sizes) for i in range(count)])
        for shape, count in (((40, 50), 12), ((20, 25), 4), ((10, 13), 1))
    ]
    tags = {305: (2, b"a longer text\0"), 42113: (2, b"255\0"), 258: (3, b"\x08\0")}
    write_tiles(tmp_path / "a.tif", tags, levels, 16)
    whole = (tmp_path / "a.tif").read_bytes()
    found = read_directories(io.BytesIO(whole))
    assert [directory.shape for directory in found] == [(40, 50), (20, 25), (10, 13)]
    assert found[0].tags[305] == tags[305]
    assert 305 not in found[1].tags
    assert found[1].tags[42113] == tags[42113]
    for directory, level in zip(found, levels, strict=True):
        for (offset, size), tile in zip(directory.places.tolist(), level.tiles, strict=True):
            assert whole[offset : offset + size] == tile
            assert whole[offset - 4 : offset] == len(tile).to_bytes(4, "little")
            assert whole[offset + size : offset + size + 4] == tile[-4:]


@pytest.mark.parametrize("content", [b"", b"II*\0", b"MM\0*" + bytes(20), b"no raster at all"])
def test_what_is_no_tiff_is_refused(content):
    with pytest.raises(ValueError, match="no little-endian TIFF"):
        read_directories(io.BytesIO(content))


def test_striped_files_are_refused(tmp_path):
    with rasterio.open(
        tmp_path / "a.tif", "w", driver="GTiff", width=9, height=9, count=1, dtype="uint8"
    ) as dataset:
        dataset.write(np.zeros((1, 9, 9), np.uint8))
    with (tmp_path / "a.tif").open("rb") as file, pytest.raises(ValueError, match="without tiles"):
        read_directories(file)
